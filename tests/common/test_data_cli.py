"""`undrift data`: what it prints, what it refuses, and with which exit code."""

import hashlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from undrift.common import cards
from undrift.common.cards import card_paths, cards_folder
from undrift.common.data_cli import data
from undrift.common.errors import UndriftError


def run(*args: str) -> Result:
    return CliRunner().invoke(data, list(args), standalone_mode=False)


def refused(*args: str) -> UndriftError:
    error = run(*args).exception
    assert isinstance(error, UndriftError), error
    return error


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of cards with one card, `toy`, of one file whose content is "abc"."""
    text = (cards_folder() / "_template.md").read_text(encoding="utf-8")
    digest = hashlib.sha256(b"abc").hexdigest()
    text = text.replace("id: my-data", "id: toy").replace("name: my-data.zip", "name: toy.zip")
    text = text.replace("bytes: null", "bytes: 3").replace("sha256: null", f'sha256: "{digest}"')
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "toy.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(cards, "cards_folder", lambda: tmp_path / "cards")
    return tmp_path


def test_list_has_a_line_for_every_card() -> None:
    rows = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
    assert [row["id"] for row in rows] == list(card_paths())
    photos = next(row for row in rows if row["id"] == "skimage-photos")
    assert photos == {
        "id": "skimage-photos",
        "domain": "restoration",
        "access": "open",
        "license": "other",
        "items": 14,
    }
    lines = [line.split() for line in run("list").stdout.splitlines()]
    assert [line[0] for line in lines] == list(card_paths())
    assert ["leaves", "restoration", "synthetic", "cc0-1.0", "?"] in lines


def test_show_prints_head_and_prose() -> None:
    shown = run("show", "wheel-photos").stdout
    assert "split photos: 7 items, for val" in shown
    assert "## How to get it" in shown
    assert json.loads(run("show", "leaves", "--json").stdout)["undrift"]["schema"] == 1


def test_an_unknown_card_is_an_input_error_with_the_nearest() -> None:
    error = refused("show", "leafs")
    assert error.exit_code == 3
    assert "did you mean 'leaves'" in str(error)


def test_check_names_every_bad_card(folder: Path) -> None:
    good = folder / "cards" / "toy.md"
    for name, old, new in (("one", "access: open", "access: opne"), ("two", "## Uses", "## Usage")):
        text = good.read_text(encoding="utf-8").replace("id: toy", f"id: {name}")
        (good.parent / f"{name}.md").write_text(text.replace(old, new), encoding="utf-8")
    error = refused("check")
    assert error.exit_code == 3
    assert "one.md" in str(error)
    assert "did you mean 'open'" in str(error)
    assert "two.md" in str(error)
    assert "'## Uses' is missing" in str(error)
    assert "valid cards: 1" in run("check", str(good)).stderr
    rows = [json.loads(line) for line in run("check", "--json").stdout.splitlines()]
    assert [row["ok"] for row in rows] == [False, True, False]


def test_verify_checks_layout_size_and_hash(folder: Path) -> None:
    root = folder / "root"
    root.mkdir()
    said = str(refused("verify", "toy", "--root", str(root)))
    assert "toy.zip is not there" in said
    assert "images/*.png matches nothing" in said
    (root / "images").mkdir()
    (root / "images" / "a.png").touch()
    (root / "toy.zip").write_bytes(b"abcd")
    assert "has 4 bytes; the card says 3" in str(refused("verify", "toy", "--root", str(root)))
    (root / "toy.zip").write_bytes(b"abd")
    assert "has sha256" in str(refused("verify", "toy", "--root", str(root)))
    (root / "toy.zip").write_bytes(b"abc")
    assert "all is there; files: 1, hashed: 1" in run("verify", "toy", "--root", str(root)).stderr


def test_verify_needs_a_root_for_data_that_no_package_brings(folder: Path) -> None:
    error = refused("verify", "toy")
    assert error.exit_code == 2
    assert "--root" in str(error)


def test_installed_photographs_verify() -> None:
    rows = [json.loads(x) for x in run("verify", "skimage-photos", "--json").stdout.splitlines()]
    assert len(rows) == 14
    assert all(row["ok"] and row["hashed"] for row in rows)


def test_croissant_is_json() -> None:
    assert json.loads(run("croissant", "skimage-photos").stdout)["@type"] == "sc:Dataset"


def test_make_writes_once_and_says_so(tmp_path: Path) -> None:
    args = ("make", "skimage-photos", "-o", str(tmp_path), "--items", "page, text")
    assert "2 written, 0 skipped" in run(*args).stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.png", "text.png"]
    again = run(*args, "--json")
    assert "0 written, 2 skipped" in again.stderr
    assert json.loads(again.stdout.splitlines()[0])["status"] == "skipped"
    assert "2 written" in run(*args, "--overwrite").stderr


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("leaves", "--items", "a"), 2, "takes no 'items'"),
        (("skimage-photos", "--count", "3"), 2, "takes no 'count'"),
        (("skimage-photos", "--noise", "25", "--downscale", "2"), 2, "choose one"),
        (("skimage-photos", "--noise", "-1"), 2, "above 0"),
        (("skimage-photos", "--items", "chelsee"), 3, "did you mean 'chelsea'"),
        (("leaves", "--size", "2"), 3, "size >= 16"),
    ],
)
def test_make_refuses(tmp_path: Path, args: tuple[str, ...], code: int, said: str) -> None:
    error = refused("make", *args, "-o", str(tmp_path / "out"))
    assert error.exit_code == code
    assert said in str(error)
    assert not (tmp_path / "out").exists()


def test_make_prints_the_way_where_nothing_can_be_made(folder: Path) -> None:
    path = folder / "cards" / "toy.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("domain: restoration", "domain: scientific"), encoding="utf-8")
    said = str(refused("make", "toy", "-o", str(folder / "out")))
    assert "its card says:\nThe command or the page" in said
