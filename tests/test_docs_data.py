"""The page on data lists every card as it is."""

from pages import DOCS, code, rows

from undrift.common.cards import card_paths, find_card


def test_the_page_lists_every_card_with_its_licence_and_access() -> None:
    listed = rows((DOCS / "data.md").read_text(encoding="utf-8"), "id")
    assert [code(row[0])[0] for row in listed] == list(card_paths())
    for row in listed:
        front = find_card(code(row[0])[0]).front
        block = front.undrift
        assert row[1] == front.pretty_name
        assert row[2].split() == block.tasks
        numbers = dict(part.rsplit(" ", 1) for part in row[3].split(", "))
        for split in block.splits:
            known = split.items is not None
            assert numbers[split.name] in ([str(split.items)] if known else ["?", "any"])
        assert row[4] == (front.license_name or front.license)
        assert row[5] == block.access
