"""Rewarded sampling of Gaussian data, whose tilted law is known at every step."""

import itertools
import math

import pytest
import torch
from oracles import abs_at, broad, gaussian, law
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.exact import Mixture
from undrift.common.grids import build_grid
from undrift.common.processes import Process, VariancePreserving
from undrift.common.rewards import run_rewarded
from undrift.common.solvers import Step, ancestral, build_solver
from undrift.common.solvers.loop import Draw, run_plan

VP = VariancePreserving()
DATA = gaussian([0.2, -0.1], [0.3, 0.2])
PULL = torch.tensor([1.0, -2.0], dtype=torch.float64)
ALPHA = 0.5


def linear(x0: Tensor) -> Tensor:
    return x0 @ PULL


def plan(count: int, process: Process = VP) -> list[Step]:
    return ancestral().plan(process, build_grid("angle", process, count, 0.25))


def draws(n: int, width: int, seed: int = 0) -> Draw:
    def draw(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(1000 * seed + number)
        return torch.randn(n, width, generator=generator, dtype=torch.float64)

    return draw


def tilted(data: Mixture, n: int, steps: list[Step], m: int, **given) -> Tensor:
    draw = draws(n, data.means.shape[1])
    return run_rewarded(
        data.denoiser(VP), draw(0), steps, linear, candidates=m, draw=draw,
        **{"alpha": ALPHA, "generator": torch.Generator().manual_seed(9), **given},
    )  # fmt: skip


def limit(steps: list[Step], start: Tensor) -> Tensor:
    """The mean for endless candidates: each kernel N(m, sigma^2) is tilted by exp(v x / alpha).

    For Gaussian data the estimate is mean + gain (x - a mean), so v is linear with slope gain pull.
    """
    mean, variance = DATA.moments()

    def gain(t: float) -> Tensor:
        a, _, s = abs_at(VP, t)
        return a * variance / (a**2 * variance + s**2)

    x = start
    for step, after in zip(steps, [*steps[1:], None], strict=True):
        a = abs_at(VP, step.t)[0]
        told = mean + gain(step.t) * (x - a * mean)
        x = step.A[0] * x + step.B[0] * told
        if step.sigma > 0:
            slope = PULL if after is None else gain(after.t) * PULL
            x = x + step.sigma**2 * slope / ALPHA
    return x


def test_more_candidates_come_nearer_to_the_tilted_law() -> None:
    """Exact for the plan: linear kernels under a linear reward keep their variance and shift."""
    steps, n = plan(8), 10_000
    goal = limit(steps, torch.zeros(2, dtype=torch.float64))
    base = limit([Step(s.t, s.A, s.B, s.C) for s in steps], torch.zeros(2, dtype=torch.float64))
    gaps = []
    for m in (1, 2, 4, 16, 64):
        found = tilted(DATA, n, steps, m).mean(0)
        gaps.append(float((found - goal).abs().max() / (goal - base).abs().max()))
    assert gaps[0] == pytest.approx(1, abs=0.05)
    assert all(after < before for before, after in itertools.pairwise(gaps))
    assert gaps[-1] < 0.06


def test_the_limit_is_the_tilted_distribution() -> None:
    """p(x0) exp(r(x0)/alpha) of a Gaussian has its mean moved by variance pull / alpha."""
    mean, variance = DATA.moments()
    truth = mean + variance * PULL / ALPHA
    errors = []
    for count in (20, 80, 320):
        end = limit(plan(count), torch.zeros(2, dtype=torch.float64))
        errors.append(float((end - truth).abs().max()))
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.02 * float((truth - mean).abs().max())


def test_a_mixture_is_tilted_towards_its_rewarded_modes() -> None:
    """Means of p exp(r/alpha) in closed form: weights and means of the components move."""
    data, pull = broad(), torch.tensor([2.0, 0.0, 0.0], dtype=torch.float64)
    moved = data.means + data.widths**2 * pull / ALPHA
    bonus = (data.means * pull / ALPHA + (data.widths * pull / ALPHA) ** 2 / 2).sum(1)
    weights = torch.softmax(data.weights.log() + bonus, 0)
    truth = (weights[:, None] * moved).sum(0)
    steps, n = plan(30), 4000
    means = []
    for m in (1, 16):
        draw = draws(n, 3)
        found = run_rewarded(
            data.denoiser(VP), draw(0), steps, lambda x0: x0 @ pull, candidates=m,
            alpha=ALPHA, generator=torch.Generator().manual_seed(1), draw=draw,
        )  # fmt: skip
        means.append(found.mean(0))
    plain, found = ((truth - mean).norm() for mean in means)
    assert found < 0.35 * plain


def test_one_candidate_is_the_plain_loop() -> None:
    for solver in ("ancestral", "sde-multistep-2", "ddim"):
        made = build_solver(solver)
        steps = made.plan(VP, build_grid("angle", VP, 6, 0.25))
        draw = draws(7, 2)
        plain = run_plan(DATA.denoiser(VP), draw(0), steps, draw=draw)
        assert torch.equal(tilted(DATA, 7, steps, 1), plain)


def test_without_noise_there_is_nothing_to_choose() -> None:
    steps = build_solver("multistep-2").plan(VP, build_grid("angle", VP, 6, 0.25))
    draw = draws(7, 2)
    plain = run_plan(DATA.denoiser(VP), draw(0), steps, draw=draw)
    assert torch.equal(tilted(DATA, 7, steps, 8), plain)


def test_the_best_one_wins_a_reward_without_derivatives() -> None:
    """Counting how many coordinates of the estimate are above a bar."""
    steps, seen = plan(6), []

    def count(x0: Tensor) -> Tensor:
        seen.append(len(x0))
        return (x0 > 0.3).sum(1).double()

    def share(candidates: int) -> float:
        draw = draws(2000, 2)
        out = run_rewarded(
            DATA.denoiser(VP), draw(0), steps, count, candidates=candidates, draw=draw
        )
        return float(count(out).mean())

    few, many = share(1), share(8)
    end = law(DATA, VP, steps, torch.zeros(2, dtype=torch.float64))[-1]
    spread = end.variance(torch.ones(2, dtype=torch.float64)).sqrt()
    above = torch.special.ndtr((end.mean(torch.zeros(2, dtype=torch.float64)) - 0.3) / spread)
    assert few == pytest.approx(float(above.sum()), abs=0.04)
    assert many > 2 * few
    assert seen.count(8 * 2000) == 5  # the last step draws no noise


def test_items_choose_by_themselves() -> None:
    """Item by item alone and together; best-of needs no random choice."""
    steps = plan(5)
    draw = draws(4, 2)
    together = run_rewarded(DATA.denoiser(VP), draw(0), steps, linear, candidates=6, draw=draw)
    for k in range(4):

        def own(number: int, k: int = k) -> Tensor:
            return draw(number)[k : k + 1]

        alone = run_rewarded(DATA.denoiser(VP), own(0), steps, linear, candidates=6, draw=own)
        torch.testing.assert_close(alone, together[k : k + 1], rtol=0, atol=1e-12)


def test_wrong_numbers_and_rewards_are_told() -> None:
    steps = plan(3)
    for given in ({"m": 0}, {"m": 2, "alpha": -1.0}, {"m": 2, "generator": None}):
        with pytest.raises(UsageError, match="1 or more candidates"):
            tilted(DATA, 3, steps, **given)
    draw = draws(3, 2)
    with pytest.raises(InputError, match=r"gave shape \(6, 2\) for 6 estimates"):
        run_rewarded(DATA.denoiser(VP), draw(0), steps, lambda x: x, candidates=2, draw=draw)
    assert math.isfinite(float(tilted(DATA, 3, steps, 2).sum()))
