"""The table of few steps: its distance, its claim on a part of it, and the whole of it (slow)."""

import math

import numpy as np
import pytest
import torch

from undrift.common.exact import broad, sharp
from undrift.common.papers import few_steps
from undrift.common.papers.exact_problems import (
    Trial,
    directions,
    distance,
    problems,
    quantiles,
)
from undrift.common.papers.few_steps import OURS, Row, count, distances, markdown, methods

PART = {  # (process, method): the nearest rivals, and the published samplers
    ("VP", "diffusers DPM-Solver++ 2M, lambda"),
    ("VP", "diffusers DPM-Solver++ 3M, lambda"),
    ("VP", "diffusers DDIM, trailing"),
    ("IR-SDE", "IR-SDE posterior"),
    ("IR-SDE", "MRS ode-d-2, linspace"),
    ("IR-SDE", "MRS sde-d-2, linear-lambda"),
    ("residual shift", "ResShift, own schedule"),
    ("Brownian bridge", "BBDM"),
    ("I2SB", "I2SB sde"),
    ("OUVE", "SGMSE+ PC, ald"),
    ("flow", "2M, quadratic t"),
    ("flow", "diffusers flow UniPC 2"),
}


@pytest.fixture(scope="module")
def part() -> list[Row]:
    kept = few_steps.SAMPLES, few_steps.SEEDS
    few_steps.SAMPLES, few_steps.SEEDS = 512, 2
    try:
        return few_steps.run(calls=(2, 3, 5, 10), only=lambda p, m: (p, m) in PART)
    finally:
        few_steps.SAMPLES, few_steps.SEEDS = kept


def test_exact_samples_are_near_and_shifted_ones_as_far_as_the_shift() -> None:
    for mixture in (broad(), sharp()):
        samples = mixture.sample(4000, torch.Generator().manual_seed(1))
        assert distance(samples, mixture) < 0.006
        shift = torch.tensor([0.3, 0.0, 0.0], dtype=torch.float64)
        # The mean of |<direction, shift>| over the sphere is half the length of the shift.
        assert distance(samples + shift, mixture) == pytest.approx(0.15, rel=0.25)
    assert distance(torch.full((9, 3), math.nan), broad()) == math.inf


def test_quantiles_are_those_of_a_large_sample() -> None:
    found = quantiles(broad(), 2000)
    drawn = broad().sample(200_000, torch.Generator().manual_seed(2))
    exact = np.quantile((drawn @ directions(3)).numpy(), (np.arange(2000) + 0.5) / 2000, axis=0)
    assert np.abs(found.numpy() - exact)[100:-100].max() < 0.01


def test_no_method_makes_more_calls_than_it_is_given() -> None:
    """`distances` raises if one does."""
    problem = problems()["broad"]
    for _, method, run in methods():
        for n in (1, 2, 5):
            found = distances(run, problem, n, 16, 1)
            assert not np.isnan(found).any() or any(
                word in method for word in ("PNDM", "own schedule", "PC", "leading")
            ), method


def test_the_default_wins_nearly_everywhere(part: list[Row]) -> None:
    """From two calls on; at one all are the posterior mean."""
    found = count(part)
    assert found.cells > 80
    assert found.below < found.cells / 10
    assert found.worst > 0.8


def test_more_calls_are_better_by_the_default(part: list[Row]) -> None:
    for row in part:
        if row.method == OURS and row.calls == 10:
            few = next(r for r in part if (r.problem, r.process, r.method, r.calls)
                       == (row.problem, row.process, OURS, 2))  # fmt: skip
            assert row.mean < few.mean / 4


def test_every_process_is_served_alike(part: list[Row]) -> None:
    """The nodes are the same in the bridge frame; only the start differs."""
    for problem in ("broad", "sharp"):
        found = [
            r.mean
            for r in part
            if r.method == OURS and r.calls == 3 and r.problem == problem and r.process != "OUVE"
        ]
        assert max(found) < 1.25 * min(found)  # fmt: skip


@pytest.mark.parametrize("factor", [1 / 1.7, 1.7])
def test_a_wrong_spread_does_little_harm(factor: float) -> None:
    """From three calls on still ahead of first order that is told the same; not always at two."""
    from dataclasses import replace

    from undrift.common.papers.published_rivals import on_grid
    from undrift.common.processes import Flow
    from undrift.common.solvers import DDIM
    from undrift.common.solvers.auto import Auto

    for problem in problems().values():
        wrong = replace(problem, sigma_d=factor * problem.sigma_d)
        for n in (3, 5, 10):
            told = distances(on_grid(Flow(), Auto()), wrong, n, 1024, 1)[0]
            plain = distances(on_grid(Flow(), DDIM()), wrong, n, 1024, 1)[0]
            assert told < plain, (problem.name, n)
        ends = (distances(on_grid(Flow(), Auto()), wrong, n, 1024, 1)[0] for n in (1, 2))
        assert next(ends) > 2 * next(ends)


def test_a_trial_repeats_itself_and_seeds_differ() -> None:
    problem = problems()["sharp"]
    first, second, other = Trial(problem, 64, 3), Trial(problem, 64, 3), Trial(problem, 64, 4)
    assert torch.equal(first.draw(0), second.draw(0))
    assert not torch.equal(first.draw(1), other.draw(1))
    assert abs(float(Trial(problem, 4096, 0).draw(2).std()) - 1) < 0.01


def test_the_table_is_one_of_markdown(part: list[Row]) -> None:
    lines = [line for line in markdown(part) if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert any("**ours**" in line for line in lines)


@pytest.mark.slow
def test_the_whole_table() -> None:
    """Fewer than one cell in ten lost, none by more than 20 % (docs/few_steps.md)."""
    found = count(few_steps.run())
    assert found.cells > 700
    assert found.lost < found.cells / 10
    assert found.worst > 0.8
