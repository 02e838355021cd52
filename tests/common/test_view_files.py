"""Patterns of views against files and folders that lie on disc."""

from pathlib import Path

from undrift.common.card_views import View
from undrift.common.view_files import scan


def test_a_pattern_that_ends_in_a_slash_means_folders(tmp_path: Path) -> None:
    for patient in ("L067", "L096"):
        for dose in ("full", "quarter"):
            folder = tmp_path / patient / f"{dose}_1mm"
            folder.mkdir(parents=True)
            for number in range(3):  # many files, one item
                (folder / f"{number}.IMA").write_bytes(b"")
    (tmp_path / "L109").mkdir()
    (tmp_path / "L109/full_1mm").write_bytes(b"")  # a file is no folder
    view = View(name="1mm", split="train", clean="{patient}/full_1mm/",
                degraded="{patient}/quarter_1mm/", item="{patient}", group="{patient}")  # fmt: skip
    entries, problems = scan(view, tmp_path)
    assert not problems
    assert [(entry.name, entry.group) for entry in entries] == [("L067", "L067"), ("L096", "L096")]
    assert entries[0].files["clean"] == tmp_path / "L067/full_1mm"
    (tmp_path / "L109/full_1mm").unlink()
    (tmp_path / "L109/full_1mm").mkdir()
    assert "L109" in scan(view, tmp_path)[1][0]  # it has no partner
