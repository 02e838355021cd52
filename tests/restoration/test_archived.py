"""Pictures inside Debian packages: taken out byte for byte, checked, and never half written."""

import hashlib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from debs import packed, toy_package

from undrift.common import cards
from undrift.common.card_schema import File
from undrift.common.cards import cards_folder, find_card
from undrift.common.data_cli import data
from undrift.common.errors import InputError, UsageError
from undrift.restoration.makers import make
from undrift.restoration.photos import load_photos

INSIDE = {"usr/share/a.jpg": b"first picture", "usr/share/b.jpg": b"second"}
ENTRY = """
    - name: {item}.jpg
      archive: toy_1.0-1_all.deb
      member: {member}
      url: null
      bytes: {bytes}
      sha256: "{sha256}"
      encoding: image/jpeg
      split: train
      creator: Somebody
      license: CC0-1.0"""


@pytest.fixture
def debs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the package of a card `toy` that names two pictures inside it."""
    text = (cards_folder() / "_template.md").read_text(encoding="utf-8")
    text = text.replace("id: my-data", "id: toy").replace("my-data.zip", "toy_1.0-1_all.deb")
    entries = [
        ENTRY.format(
            item=f"toy-{Path(name).stem}",
            member=name,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for name, content in INSIDE.items()
    ]
    about = '\n      debian: {package: toy, version: "1.0-1", architecture: all}'
    text = text.replace("encoding: application/zip", "encoding: x" + about + "".join(entries))
    text = text.replace('["images/*.png"]', '["*.jpg"]')
    monkeypatch.setattr(cards, "cards_folder", lambda: tmp_path / "cards")
    return toy_package(tmp_path, text, INSIDE)


def run(*args: object) -> Result:
    return CliRunner().invoke(data, [str(arg) for arg in args], standalone_mode=False)


def test_pictures_are_written_once_byte_for_byte_and_verify(debs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "2 written, 0 skipped" in run("make", "toy", "-o", out, "--archives", debs).stderr
    found = {path.name: path.read_bytes() for path in out.iterdir()}
    assert found == {"toy-a.jpg": b"first picture", "toy-b.jpg": b"second"}
    assert "files: 2, hashed: 2" in run("verify", "toy", "--root", out).stderr
    (debs / "toy_1.0-1_all.deb").unlink()  # not opened again
    assert make("toy", out, {"archives": debs}) == {
        out / "toy-a.jpg": "skipped",
        out / "toy-b.jpg": "skipped",
    }


def test_items_are_chosen_by_name(debs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make("toy", out, {"archives": debs, "items": ["toy-b"]})
    assert [path.name for path in out.iterdir()] == ["toy-b.jpg"]
    assert "toy-a.jpg is not there" in str(run("verify", "toy", "--root", out).exception)
    with pytest.raises(InputError, match=r"no item 'toy-c'; did you mean"):
        make("toy", out, {"archives": debs, "items": ["toy-c"]})


def test_another_picture_of_that_name_is_neither_taken_nor_kept(debs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (debs / "toy_1.0-1_all.deb").write_bytes(packed({**INSIDE, "usr/share/b.jpg": b"another"}))
    with pytest.raises(InputError, match=r"b\.jpg in .*toy_1\.0-1_all\.deb has 7 bytes"):
        make("toy", out, {"archives": debs})
    assert [path.name for path in out.iterdir()] == ["toy-a.jpg"]  # the good one, and no leftover
    (out / "toy-b.jpg").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"toy-b\.jpg has 4 bytes.*--overwrite"):
        make("toy", out, {"archives": debs})
    (debs / "toy_1.0-1_all.deb").write_bytes(packed(INSIDE))
    assert set(make("toy", out, {"archives": debs}, overwrite=True).values()) == {"written"}
    assert (out / "toy-b.jpg").read_bytes() == b"second"


def test_what_such_a_card_does_not_take(debs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="takes no 'noise'"):
        make("toy", tmp_path / "out", {"noise": 25.0})
    with pytest.raises(InputError, match="nowhere is not a folder"):
        make("toy", tmp_path / "out", {"archives": tmp_path / "nowhere"})
    assert not (tmp_path / "out").exists()


def test_an_archive_nobody_names_is_a_mistake_of_the_card(debs: Path) -> None:
    path = cards.cards_folder() / "toy.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("archive: toy_1.0", "archive: toy_2.0"), encoding="utf-8")
    with pytest.raises(InputError, match=r"files\.1\.archive: no file is named 'toy_2\.0-1_all"):
        find_card("toy")
    path.write_text(text.replace("      member: usr/share/a.jpg\n", ""), encoding="utf-8")
    with pytest.raises(InputError, match="archive and member go together"):
        find_card("toy")


def test_the_photographs_of_debian_are_for_training_and_in_no_other_set() -> None:
    block = find_card("debian-photos").front.undrift
    pictures = [file for file in block.files if file.archive]
    assert {split.use for split in block.splits} == {"train"}
    assert len(pictures) == sum(split.items or 0 for split in block.splits)
    assert all(file.creator and file.license and file.sha256 for file in pictures)
    assert len({file.sha256 for file in pictures}) == len({file.item for file in pictures})
    others = ("skimage-photos", "wheel-photos")
    taken: list[File] = [f for name in others for f in find_card(name).front.undrift.files]
    assert not {file.sha256 for file in pictures} & {file.sha256 for file in taken}
    with pytest.raises(InputError, match="no pictures in installed packages"):
        load_photos("debian-photos")  # the benchmark's door


def test_croissant_says_in_which_archive_a_picture_lies() -> None:
    files = {f["@id"]: f for f in find_card("debian-photos").to_croissant()["distribution"]}
    snow = files["kphotoalbum-snow.jpg"]
    assert snow["containedIn"] == {"@id": "kphotoalbum_5.9.1-1_amd64.deb"}
    assert snow["contentUrl"] == "usr/share/kphotoalbum/demo/snow.jpg"
    assert files["kphotoalbum_5.9.1-1_amd64.deb"]["contentUrl"].startswith("https://deb.debian.org")
