"""Every kind of mistake in a data card is named, and all of one card's at once."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from undrift.common.cards import DataCard, find_card, load_card
from undrift.common.croissant import REQUIRED
from undrift.common.errors import InputError

SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CARD = f"""---
pretty_name: Toy disks
license: cc0-1.0
tags: [toy]
size_categories: ["n<1K"]
undrift:
  schema: 1
  id: toy
  domain: medical
  tasks: [ct]
  homepage: https://example.org/toy
  version: "1.10"
  released: 2026-01-02
  creators: [Somebody]
  paper: null
  citation: "@misc{{toy}}"
  access: open
  redistribution: allowed
  signal:
    axes: c y x
    shape: [1, 64, 64]
    dtype: float32
    range: [0.0, 1.0]
    unit: HU
    spacing: {{y: 1.0, x: 1.0}}
    spacing_unit: mm
  pairing: synthetic
  group_by: null
  splits:
    - {{name: train, use: train, items: 80}}
    - {{name: test, use: test, items: 20}}
  files:
    - name: toy.h5
      url: https://example.org/toy.h5
      bytes: 4
      sha256: "{SHA}"
      encoding: application/x-hdf5
      split: test
  layout: ["toy.h5"]
  people: {{present: false}}
  verified:
    - checked: 2026-01-02
      how: made by our own script
      fields: [undrift.splits, license]
---
# Toy disks

## Motivation
Tests need data that cost nothing.

## Composition
One hundred disks.

## Collection
Drawn.

## Preprocessing
None:
```
## not a heading
```

## Uses
Tests.

## Distribution
None.

## Maintenance
None.

## How to get it
Draw it.
"""
MISTAKES = {
    "unknown value": ("domain: medical", "domain: medicl", "did you mean 'medical'"),
    "missing key": ("  tasks: [ct]\n", "", "undrift.tasks: missing; write null"),
    "unknown key": ("group_by: null", "grop_by: null", "undrift.grop_by: unknown key"),
    "nearest key": ("group_by: null", "grop_by: null", "did you mean 'group_by'"),
    "key of a list's entry": ("url: https://example.org/toy.h5", "ulr: x", "undrift.files.0.ulr"),
    "version as a number": ('version: "1.10"', "version: 1.10", "expected text, got 1.1 (float)"),
    "hint at quotes": ('version: "1.10"', "version: 1.10", "put it in quotes"),
    "Norway": ("unit: HU", "unit: no", "undrift.signal.unit: expected text, got False (bool)"),
    "key read as True": ("unit: HU", "unit: HU\n    on: 1", "reads the key on as True"),
    "key twice": ("unit: HU", "unit: HU\n    unit: K", "line 25: the key unit is written twice"),
    "hash of digits": (f'"{SHA}"', "0" * 64, "undrift.files.0.sha256: expected text"),
    "hash not hexadecimal": (f'"{SHA}"', SHA.replace("9f", "9g"), "undrift.files.0.sha256"),
    "hash too short": (SHA, SHA[:63], "undrift.files.0.sha256"),
    "yes for a number": ("items: 80", "items: yes", "undrift.splits.0.items"),
    "text for a number": ("items: 80", 'items: "80"', "undrift.splits.0.items"),
    "negative number": ("items: 80", "items: -1", "undrift.splits.0.items"),
    "schema from the future": ("schema: 1", "schema: 2", "undrift.schema"),
    "schema true": ("schema: 1", "schema: true", "undrift.schema"),
    "quoted date": ("released: 2026-01-02", 'released: "2026-01-02"', "no quotes"),
    "date with time": ("released: 2026-01-02", "released: 2026-01-02 10:00:00", "undrift.released"),
    "impossible date": ("released: 2026-01-02", "released: 2026-02-30", "not YAML"),
    "future": ("checked: 2026-01-02", f"checked: {date.today() + timedelta(3)}", "in the future"),
    "verified nothing": ("undrift.splits, lic", "undrift.splitz, lic", "no key 'undrift.splitz'"),
    "axes and shape": ("shape: [1, 64, 64]", "shape: [64, 64]", "differ in length"),
    "range reversed": ("range: [0.0, 1.0]", "range: [1.0, 0.0]", "[lowest, highest]"),
    "spacing without unit": ("    spacing_unit: mm\n", "", "spacing needs spacing_unit"),
    "spacing of no axis": ("{y: 1.0, x: 1.0}", "{z: 1.0}", "spacing of 'z'"),
    "licence without name": ("license: cc0-1.0", "license: other", "license_name: missing"),
    "licence in capitals": ("license: cc0-1.0", "license: CC0-1.0", "lower case, 'cc0-1.0'"),
    "splits of one name": ("name: test, use", "name: train, use", "two share a name"),
    "file of no split": ("      split: test", "      split: tset", "no split is named 'tset'"),
    "id with capitals": ("id: toy", "id: Toy", "undrift.id"),
    "id and file": ("id: toy", "id: toys", "but the file is toy.md"),
    "empty section": ("## Uses\nTests.", "## Uses", "'## Uses' is missing or empty"),
    "commented section": ("## Uses\nTests.", "## Uses\n<!-- a\nb -->", "'## Uses' is missing"),
    "section twice": ("## Uses\n", "## Motivation\nx\n## Uses\n", "'## Motivation' is there twice"),
    "no head": ("---\npretty", "pretty", "no YAML front matter"),
    "head without end": ("[undrift.splits, license]\n---", "[]\n", "no YAML front matter"),
    "not YAML": ("tags: [toy]", "tags: [toy", "not YAML"),
    "a list for a head": (CARD[4 : CARD.index("---\n#")], "- a\n", "holds no keys"),
}


def written(folder: Path, text: str) -> Path:
    path = folder / "toy.md"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(InputError) as caught:
        load_card(written(folder, text))
    assert caught.value.exit_code == 3
    assert "toy.md" in str(caught.value)
    return str(caught.value)


def test_a_good_card_loads(tmp_path: Path) -> None:
    card = load_card(written(tmp_path, CARD))
    assert isinstance(card, DataCard)
    assert card.id == "toy"
    assert card.front.undrift.version == "1.10"
    assert card.front.undrift.signal.shape == [1, 64, 64]
    assert card.front.undrift.files[0].item == "toy"
    assert "## not a heading" in card.prose["Preprocessing"]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in CARD
    assert said in complaint(tmp_path, CARD.replace(old, new, 1))


def test_all_problems_show_at_once(tmp_path: Path) -> None:
    names = (
        "unknown value",
        "nearest key",
        "hint at quotes",
        "key read as True",
        "hash not hexadecimal",
        "axes and shape",
        "future",
        "verified nothing",
        "licence without name",
        "splits of one name",
        "empty section",
        "id and file",
    )
    text = CARD
    for name in names:
        text = text.replace(*MISTAKES[name][:2], 1)
    said = complaint(tmp_path, text)
    assert [name for name in names if MISTAKES[name][2] not in said] == []
    consequences = (
        "undrift.group_by: missing",
        "license_link: missing",
        "no split is named 'test'",
    )
    assert [part for part in consequences if part not in said] == []
    assert len(said.splitlines()) == 1 + len(names) + len(consequences)


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.md"):
        load_card(tmp_path / "nothing.md")
    path = tmp_path / "toy.md"
    path.write_bytes(b"---\n\xff\xfe\n---\n")
    with pytest.raises(InputError, match="UTF-8"):
        load_card(path)


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "toy.md"
    path.write_bytes(b"\xef\xbb\xbf" + CARD.replace("\n", "\r\n").encode())
    assert load_card(path).id == "toy"


def test_croissant_carries_what_the_card_says(tmp_path: Path) -> None:
    data = load_card(written(tmp_path, CARD)).to_croissant()
    assert set(REQUIRED) <= set(data)
    assert data["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert data["license"] == "https://spdx.org/licenses/CC0-1.0"
    assert data["datePublished"] == "2026-01-02"
    assert data["distribution"] == [
        {
            "@type": "cr:FileObject",
            "@id": "toy.h5",
            "name": "toy.h5",
            "contentUrl": "https://example.org/toy.h5",
            "contentSize": "4 B",
            "encodingFormat": "application/x-hdf5",
            "sha256": SHA,
        }
    ]


def test_an_unknown_card_gets_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'skimage-photos'"):
        find_card("skimage-photo")
