"""Every task with every process: the pair loads, and trains for two steps on tiny crops."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undrift.cli import main
from undrift.common.training.optimise import optimise
from undrift.common.training.parts import process_parts, task_recipes
from undrift.common.training.recipes import read_recipe
from undrift.common.training.run import prepare
from undrift.restoration.training import open_data

TASKS = ("sr", "denoise", "deblur", "jpeg", "blind", "inpaint", "derain", "dehaze", "shadow",
         "lowlight")  # fmt: skip
PROCESSES = tuple(process_parts("restoration"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for k in range(2):
        random = np.random.default_rng(k).integers(0, 256, (12, 12, 3), np.uint8)
        large = Image.fromarray(random).resize((96, 96), Image.Resampling.BICUBIC)
        large.save(folder / f"{k}.png")
    return folder


def tiny(pictures: Path) -> tuple[str, ...]:
    return (
        f"data.source={{kind: folder, path: {json.dumps(str(pictures))}}}",
        "data.crop=16",
        "validation={}",
        "network.params.widths=[8]",
        "network.params.depths=[1]",
        "schedule.iterations=2",
        "schedule.batch=2",
        "schedule.precision='no'",
    )


def test_the_table_has_every_task() -> None:
    assert tuple(task_recipes()) == TASKS


@pytest.mark.parametrize("task", TASKS)
def test_every_pair_trains(task: str, pictures: Path, tmp_path: Path) -> None:
    plain = read_recipe(task, tiny(pictures))
    assert plain.id == task and plain.scaling.centre is None
    dataset = open_data(plain.data, plain.task, 0)
    items = [dataset[n] for n in range(4)]
    assert all(set(item) == {"x0", "y", "noise", "u", "level"} for item in items)
    assert any(float((item["x0"] - item["y"]).abs().max()) > 1e-3 for item in items)
    for process in PROCESSES:
        recipe = read_recipe(f"{task}+{process}", tiny(pictures))
        assert (recipe.id, recipe.task, recipe.data) == (
            f"{task}-{process}",
            plain.task,
            plain.data,
        )
        run = prepare(recipe, tmp_path / process, cpu=True)
        before = [value.clone() for value in run.network.parameters()]
        losses = list(optimise(run, dataset, 2))
        assert len(losses) == 2 and np.isfinite(losses).all()
        moved = zip(before, run.network.parameters(), strict=True)
        assert any(not value.equal(now) for value, now in moved)


def test_the_command_takes_a_task_and_a_process(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for value in tiny(pictures) for word in ("-s", value)]
    words += ["--device", "cpu", "-q", "-o", str(tmp_path / "run")]
    assert main(["train", "derain", "--process", "ir-sde", *words]) == 0
    weights = capsys.readouterr().out.strip()
    assert weights == str(tmp_path / "run/derain-ir-sde.safetensors")
    rain = next(pictures.glob("*.png"))
    words_after = ["--task", "derain", "--model", weights, "-o", str(tmp_path / "dry.png")]
    assert main(["restore", str(rain), *words_after]) == 0
    with Image.open(tmp_path / "dry.png") as dry, Image.open(rain) as wet:
        assert dry.size == wet.size
    assert main(["restore", str(rain), "--overwrite", "--task", "shadow", *words_after[2:]]) == 3
    assert "is a model for derain, not for shadow" in capsys.readouterr().err
    assert main(["train", "derain", "--process", "irsde", *words]) == 3
    assert "did you mean 'ir-sde'" in capsys.readouterr().err
