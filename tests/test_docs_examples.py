"""The examples of the documents run: the tutorial, every block of Python, the recipes."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pages import DOCS, PAGES, README, blocks

from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.envi import write_envi


def test_the_tutorial_runs_and_says_the_truth(capsys: pytest.CaptureFixture[str]) -> None:
    told = runpy.run_path(str(DOCS / "tutorials" / "first_light.py"))
    assert told["after"] > told["before"] + 5
    assert 0.7 < told["chi"] < 1.3
    assert told["mean"] > told["single"]
    assert told["spread"] > 0
    assert told["large"].value.shape == told["clean"].shape
    assert told["gap"] < 1e-4
    assert {*told["finals"]} == {"DDIM", "Exponential"}
    assert len(capsys.readouterr().out.splitlines()) == 8


def test_the_tutorial_page_shows_the_whole_script() -> None:
    script = (DOCS / "tutorials" / "first_light.py").read_text(encoding="utf-8")
    page = (DOCS / "first_light.md").read_text(encoding="utf-8")
    shown = re.findall(r':start-after: "(.+)"\n:end-before: "(.+)"', page)
    assert [end for _, end in shown[:-1]] == [start for start, _ in shown[1:]]
    assert re.findall(r"^# \[\w+\]$", script, re.MULTILINE) == [*(s for s, _ in shown), "# [end]"]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_python_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(60, 190, (36, 40, 3), dtype=np.uint8)).save("scan.png")
    soundfile.write("interview.wav", rng.normal(0, 0.1, 8000), 16000)
    write_envi("scene.hdr", Cube(rng.uniform(0.1, 0.6, (8, 12, 16)).astype(np.float32)))
    low_rank = np.einsum("bk,kxy->bxy", rng.uniform(0.1, 0.6, (12, 2)), rng.random((2, 24, 24)))
    noisy = low_rank + rng.normal(0, 0.02, low_rank.shape)
    write_envi("noisy.hdr", Cube(noisy.astype(np.float32)))
    space: dict[str, object] = {"__name__": "example"}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), space)
    if page == README:
        with Image.open("clean.png") as clean:
            assert clean.size == (40, 36)
        assert getattr(space["large"], "pixels", np.zeros(0)).shape == (3, 90, 100)
        assert "photos-prior" in capsys.readouterr().out


def test_recipes_of_the_page_are_valid(tmp_path: Path) -> None:
    from undrift.common.config import load
    from undrift.common.training.recipes import read_recipe
    from undrift.restoration.training import DataSettings
    from undrift.restoration.validation import ValidationSettings

    written = blocks(DOCS / "recipes.md", "yaml")
    assert len(written) == 3
    assert len(written[0].splitlines()) <= 10
    for number, block in enumerate(b for b in written if "start: runs" not in b):
        path = tmp_path / f"{number}.yaml"
        path.write_text(block, encoding="utf-8")
        recipe = read_recipe(path)
        recipe.settings({}).build()
        load(DataSettings, recipe.data, "data")
        load(ValidationSettings, recipe.validation, "validation")
