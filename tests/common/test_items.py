"""Inputs become items: files, folders, patterns, lists; with stable keys."""

import os
from pathlib import Path

import pytest

from undrift.common.errors import InputError
from undrift.common.items import Item, collect

SUFFIXES = {".png", ".nii.gz"}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "a.png",
        "b.PNG",
        "notes.txt",
        ".hidden.png",
        "s/c.png",
        "s/t/d.nii.gz",
        ".h/e.png",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keys(*inputs: str, skip: str | None = None) -> list[str]:
    return [i.key for i in collect(inputs, SUFFIXES, Path(skip) if skip else None)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("in/a.png", ["a.png"]),
        ("in/notes.txt", ["notes.txt"]),  # named, so it counts whatever it is
        ("in", ["a.png", "b.PNG", "s/c.png", "s/t/d.nii.gz"]),
        ("in/s/", ["c.png", "t/d.nii.gz"]),
        ("in/*", ["a.png", "b.PNG", "s/c.png", "s/t/d.nii.gz"]),
        ("in/*.png", ["a.png"]),
        ("in/**/*.png", ["a.png", "s/c.png"]),
        ("in/?.png", ["a.png"]),
        ("*/s/[a-c].png", ["in/s/c.png"]),
    ],
)
def test_one_input(tree: Path, given: str, expected: list[str]) -> None:
    assert keys(given) == expected
    assert keys(str(tree / given)) == (expected if given[0] != "*" else ["in/s/c.png"])


def test_items_know_their_file(tree: Path) -> None:
    assert collect(["in/s", "in/a.png"], SUFFIXES) == [
        Item(Path("in/s/c.png"), "c.png"),
        Item(Path("in/s/t/d.nii.gz"), "t/d.nii.gz"),
        Item(Path("in/a.png"), "a.png", named=True),
    ]


def test_a_file_given_twice_is_one_item(tree: Path) -> None:
    assert keys("in/s/c.png", "in/s", "in/*/c.png") == ["c.png", "t/d.nii.gz"]


def test_a_name_with_brackets_is_a_name(tree: Path) -> None:
    Path("in/x[1].png").write_text("")
    assert keys("in/x[1].png") == ["x[1].png"]


def test_lists(tree: Path) -> None:
    Path("list.txt").write_text("# mine\nin/s\n\n  in/*.png  \n", encoding="utf-8-sig")
    assert keys("@list.txt") == ["c.png", "t/d.nii.gz", "a.png"]
    with pytest.raises(InputError, match=r"@gone\.txt: cannot read the list"):
        collect(["@gone.txt"], SUFFIXES)


def test_nothing_found_names_the_suffixes(tree: Path) -> None:
    with pytest.raises(InputError, match=r"in/\*\.tif: no files found; looked for \.nii\.gz \.png"):
        collect(["in/*.tif"], SUFFIXES)


def test_all_missing_inputs_are_named(tree: Path) -> None:
    with pytest.raises(InputError, match=r"no such file or folder: x\.png, y$"):
        collect(["x.png", "in/a.png", "y"], SUFFIXES)


def test_the_output_folder_is_no_input(tree: Path) -> None:
    everything = ["a.png", "b.PNG", "s/c.png", "s/t/d.nii.gz"]
    assert keys("in", skip="in/s") == ["a.png", "b.PNG"]
    assert keys("in/*", skip="in/s/t") == ["a.png", "b.PNG", "s/c.png"]
    assert keys("in/**/*.png", skip="in/s") == ["a.png"]
    assert keys("in", skip="in") == everything  # asked for by name
    assert keys("in/s", skip="in") == ["c.png", "t/d.nii.gz"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links")
def test_links_to_folders_are_followed_once(tree: Path) -> None:
    Path("in/s/loop").symlink_to(tree / "in", target_is_directory=True)
    Path("far").mkdir()
    Path("far/f.png").write_text("")
    Path("in/z").symlink_to(tree / "far", target_is_directory=True)
    Path("in/broken.png").symlink_to("nowhere.png")
    found = keys("in")
    assert found == ["a.png", "b.PNG", "broken.png", "s/c.png", "s/t/d.nii.gz", "z/f.png"]


def test_folders_that_are_one_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a mark is an item, named itself or found; nothing within it is."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "all/a.png",
        "all/one/x.png",
        "all/one/mark",
        "all/deep/two/mark",
        "all/two/b.png",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def whole(folder: Path) -> bool:
        return (folder / "mark").exists()

    found = collect(["all", "all/one"], SUFFIXES, whole=whole)
    assert [(item.key, item.named) for item in found] == [
        ("a.png", False), ("deep/two", False), ("one", False), ("two/b.png", False)
    ]  # fmt: skip
    assert [item.key for item in collect(["all/one"], SUFFIXES, whole=whole)] == ["one"]
    assert [item.key for item in collect(["all/one"], SUFFIXES)] == ["x.png"]
