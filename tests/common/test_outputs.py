"""Where outputs go, and that no input is ever in danger."""

import os
from pathlib import Path

import pytest

from undrift.common.errors import InputError, UsageError
from undrift.common.items import Item, collect
from undrift.common.outputs import plan

SUFFIXES = {".png", ".tif"}


@pytest.fixture
def items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "in/s/b.tif"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    return collect(["in"], SUFFIXES)


def targets(items: list[Item], output: str, name: str | None = None) -> list[str]:
    fields: dict[str, object] = {"task": "sr", "model": "m", "seed": 3}
    jobs = plan(items, Path(output), suffixes=SUFFIXES, name=name, fields=fields)
    return [job.target.as_posix() for job in jobs]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, ["out/a.png", "out/s/b.tif"]),
        ("{stem}_{task}{ext}", ["out/a_sr.png", "out/s/b_sr.tif"]),
        ("{index:03d}.png", ["out/001.png", "out/s/002.png"]),
        ("{dir}/{model}/{stem}.{seed}{ext}", ["out/m/a.3.png", "out/s/m/b.3.tif"]),
        ("flat/{stem}{ext}", ["out/flat/a.png", "out/flat/b.tif"]),
    ],
)
def test_templates(items: list[Item], name: str | None, expected: list[str]) -> None:
    assert targets(items, "out", name) == expected


def test_one_file_to_one_file(items: list[Item]) -> None:
    one = collect(["in/a.png"], SUFFIXES)
    assert targets(one, "x/up.tif") == ["x/up.tif"]
    assert targets(one, "x/up") == ["x/up/a.png"]
    Path("dir.v1").mkdir()
    assert targets(one, "dir.v1") == ["dir.v1/a.png"]
    assert targets(items[:1], "out.v1") == ["out.v1/a.png"]  # the only one in a folder


def test_jobs_know_the_file_below_the_manifest(items: list[Item]) -> None:
    jobs = plan(items, Path("out"), suffixes=SUFFIXES, extension=lambda suffix: ".png")
    assert [job.file for job in jobs] == ["a.png", "s/b.png"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{stm}{ext}", "unknown field {stm}; did you mean 'stem'"),
        ("{stem", "expected '}'"),
        ("../{stem}", "expected a name below OUTPUT"),
        ("/{stem}", "expected a name below OUTPUT"),
        ("{stem:d}", "format code"),
        ("{}", "unknown field {}"),
    ],
)
def test_bad_templates(items: list[Item], name: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        targets(items, "out", name)
    assert said in str(error.value)


def test_many_inputs_need_a_folder(items: list[Item]) -> None:
    with pytest.raises(UsageError, match=r"2 items; give a folder"):
        targets(items, "out.png")
    Path("file").write_text("")
    with pytest.raises(InputError, match="expected a folder for 2 items"):
        targets(items, "file")


def test_two_items_never_share_an_output(items: list[Item]) -> None:
    with pytest.raises(InputError, match=r"would both write out/same\.png"):
        targets([items[0], Item(Path("in/s/b.tif"), "b.tif")], "out", "same.png")


@pytest.mark.parametrize("way", ["same", "symlink", "hard link", "linked folder"])
def test_inputs_are_never_written_to(items: list[Item], way: str) -> None:
    if way == "same":
        output = "in"
    elif way == "linked folder":
        Path("out").symlink_to("in", target_is_directory=True)
        output = "out"
    else:
        Path("out").mkdir()
        if way == "symlink":
            Path("out/a.png").symlink_to(Path("in/a.png").resolve())
        else:
            os.link("in/s/b.tif", "out/a.png")  # another item's input
        output = "out"
    with pytest.raises(InputError, match="never overwritten"):
        targets(items, output)
