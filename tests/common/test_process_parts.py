"""Recipes made of a task and a process part."""

from pathlib import Path

import pytest
import torch

from undrift.common.errors import InputError
from undrift.common.training.parts import process_parts, read_parts, task_recipes
from undrift.common.training.recipes import read_recipe

NAMES = ("residual-shift", "ir-sde", "rddm", "resfusion", "brownian-bridge", "regression")


def test_the_six_parts_are_there() -> None:
    assert tuple(process_parts("restoration")) == NAMES
    assert process_parts("speech") == {}
    assert {"sr", "blind"} <= set(task_recipes())


def test_a_part_changes_process_prediction_and_times_and_nothing_else() -> None:
    plain = read_recipe("leaves-sr")
    for name in NAMES:
        other = read_recipe(f"leaves-sr+{name}", ("schedule.seed=3",))
        part = process_parts("restoration")[name]
        assert other.id == f"leaves-sr-{name}" and other.process.name == part["process"]["name"]
        assert other.times.bands == [] and other.times.top == part["times"]["top"]
        same = {"id", "process", "prediction", "times", "schedule"}
        assert other.model_dump(exclude=same) == plain.model_dump(exclude=same)
        assert other.schedule == plain.schedule.model_copy(update={"seed": 3})


def test_a_file_may_extend_a_pair(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("id: mine\nextends: sr+rddm\nschedule: {seed: 9}\n")
    mine = read_recipe(path)
    assert (mine.id, mine.process.name, mine.schedule.seed) == ("mine", "rddm", 9)
    assert read_recipe(f"{path}+ir-sde").id == "mine-ir-sde"


def test_noise_at_the_degraded_end_is_that_of_the_papers() -> None:
    """IR-SDE 50/255; RDDM 1 and Resfusion sqrt(3)/2 on [-1, 1], which has no parameter for it."""
    ends = {
        name: read_recipe(f"sr+{name}").settings({}).build().process
        for name in ("ir-sde", "rddm", "resfusion", "brownian-bridge", "regression")
    }
    one = torch.ones((), dtype=torch.float64)
    s = {name: float(process.s(one)) for name, process in ends.items()}
    assert s["ir-sde"] == pytest.approx(50 / 255, rel=1e-4)
    assert s["rddm"] == pytest.approx(1 / 2) and s["resfusion"] == pytest.approx(3**0.5 / 2)
    assert s["brownian-bridge"] == 0 and s["regression"] == 0


def test_regression_sees_y_alone_and_one_time() -> None:
    recipe = read_recipe("sr+regression")
    denoiser = recipe.settings({}).build()
    t = recipe.times.draw(denoiser.process, torch.linspace(0, 0.999, 7), 0.05)
    assert (t == 1).all()
    seen: list[torch.Tensor] = []
    denoiser.network.forward = lambda x, psi, level: seen.extend((x, psi)) or x[:, :3]
    y = torch.rand(7, 3, 8, 8)
    denoiser(y, t, y)
    assert (seen[0][:, :3] == 0).all() and torch.allclose(seen[0][:, 3:], (y - 0.5) / 0.25)
    assert torch.allclose(seen[1], torch.full((7,), torch.pi / 2))


def test_what_does_not_go_together_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no process part 'irsde'; did you mean 'ir-sde'"):
        read_recipe("leaves-sr+irsde")
    with pytest.raises(InputError, match=r"leaves-denoise is a prior.*joins x0 to y"):
        read_recipe("leaves-denoise+ir-sde")
    with pytest.raises(InputError, match=r"no recipe 'srr'.*did you mean 'sr'"):
        read_recipe("srr+ir-sde")
    path = tmp_path / "processes.yaml"
    path.write_text("mine: {process: {name: flow}, loss: {kind: l1}}\n")
    with pytest.raises(InputError, match="mine sets process, loss; expected prediction, process"):
        read_parts(path)
