"""The paper MRS: its published numbers, its protocol on exact problems, and its smoke run."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from undrift.cli import main
from undrift.common.papers.exact_problems import problems
from undrift.common.reproduce.papers import find_paper
from undrift.common.training.recipes import read_recipe
from undrift.restoration.papers.mrs import CALLS, PUBLISHED
from undrift.restoration.papers.mrs_protocol import PROCESS, error, methods
from undrift.restoration.papers.mrs_smoke import RECIPE, darken


def test_the_published_numbers_agree_with_what_the_figure_says() -> None:
    """Its two readings: few calls are noise for the baselines and as good as many for MRS."""
    assert sum(len(rows) * len(CALLS) for rows in PUBLISHED.values()) == 80
    for rows in PUBLISHED.values():
        for row in ("posterior", "Euler"):
            assert list(rows[row]) == sorted(rows[row], reverse=True)
            assert rows[row][0] > 7 * rows[row][-1]
        for row in ("MR Sampler-1", "MR Sampler-2"):
            assert max(rows[row]) < 1.35 * min(rows[row])
            assert all(v < w for v, w in zip(rows[row][:4], rows["posterior"], strict=False))


def test_the_process_has_the_settings_of_the_paper() -> None:
    """Steps of T = 100 with the cosine rate; 50/255 of noise; .5 % of x0 left."""
    one = torch.ones((), dtype=torch.float64)
    assert float(PROCESS.a(one)) == pytest.approx(0.005)
    assert PROCESS.level == pytest.approx(50 / 255)
    assert len(PROCESS.clock) == 101
    network = read_recipe(RECIPE).settings({}).build()
    assert type(network.process) is type(PROCESS)
    trained = network.process
    assert float(trained.s(one)) == pytest.approx(float(PROCESS.s(one)))


def test_every_method_makes_as_many_calls_as_it_says() -> None:
    for name, plan in methods().items():
        for n in CALLS:
            assert sum(step.calls for step in plan(n)) == n, name


def test_the_baselines_are_noise_only_because_of_their_steps() -> None:
    problem, plans = problems()["broad"], methods()
    left = error(problem, plans["posterior as published"](5), 0, 512)
    whole = error(problem, plans["posterior, whole steps"](5), 0, 512)
    sampler = error(problem, plans["MR Sampler-2, ODE"](5), 0, 512)
    assert left > 3 * whole
    assert whole > sampler


def test_low_light_is_a_curve_from_black_to_dark_grey() -> None:
    values = darken(np.arange(256, dtype=np.uint8))
    assert values.dtype == np.uint8
    assert values[0] == 0
    assert values[255] == round(255 * 0.8 * 0.95**2.2)
    assert (np.diff(values.astype(int)) >= 0).all()


@pytest.mark.slow
def test_the_smoke_run_meets_its_figures(tmp_path: Path) -> None:
    assert main(["reproduce", "run", "mrs", "--smoke", "-q", "-o", str(tmp_path)]) == 0
    [table] = json.loads((tmp_path / "mrs-smoke.json").read_text())["tables"]
    found = {(cell["row"], cell["column"]): cell["measured"] for cell in table["figures"]}
    assert found["training", "steps"] >= 200
    assert found["training", "loss falls by"] > 2.5


def test_the_paper_is_partial_and_says_so() -> None:
    paper = find_paper("mrs")
    assert not paper.whole
    measured = [table.name for table in paper.of("run") if not table.missing()]
    assert measured == ["exact-broad", "exact-sharp", "ratios"]
