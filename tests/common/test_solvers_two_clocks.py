"""Two clocks: paths through their plane, and the published heads of RDDM."""

import itertools
import math

import pytest
import torch
from oracles import abs_at
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes import (
    RDDM,
    rddm,
)
from undrift.common.residual_heads import ResidualHeads
from undrift.common.solvers import DDIM
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.two_clocks import Place, corner, diagonal, legs, run_legs

SHAPE = (1, 2, 3)


def draws(count: int) -> Tensor:
    return torch.randn(count, *SHAPE, dtype=torch.float64)


def heads_at(x0: Tensor, y: Tensor, noise: Tensor):  # a perfect pair of heads
    return lambda x, given, place: (y - x0, noise)


def test_with_perfect_heads_every_path_ends_at_the_clean_signal() -> None:
    process, (x0, y, noise) = RDDM(), draws(3)
    times = rddm.skipped(7)
    x = rddm.start(process, y, noise)
    for path in (
        diagonal(process, times),
        corner(process, times),
        corner(process, times, "noise"),
        [(1.0, 1.0), (0.9, 0.2), (0.1, 0.2), (0.0, 0.0)],
    ):
        found = run_legs(heads_at(x0, y, noise), x, legs(path), y=y)
        torch.testing.assert_close(found, x0, rtol=0, atol=1e-14)


@pytest.mark.parametrize("eta", [0.0, 0.6])
def test_the_diagonal_is_the_usual_sampler(eta: float) -> None:
    """With x0 and y read off the heads, as `ResidualHeads` does it, DDIM goes the same way."""
    process, times = RDDM(100, 0.3), [0.93, 0.6, 0.41, 0.1]
    x, y, *noise = draws(6)

    def network(x: Tensor, y: Tensor | None, t: float) -> tuple[Tensor, Tensor]:
        return torch.tanh(x - t), torch.sin(x + t)

    def heads(x: Tensor, y: Tensor | None, place: Place) -> tuple[Tensor, Tensor]:
        (t,) = (t for t in times if math.isclose(abs_at(process, t)[1], place[0]))
        return network(x, y, t)

    plan = DDIM(eta).plan(process, times)
    denoise = ResidualHeads(network, process, "pred_res_noise")
    expected = run_plan(denoise, x, plan, y=y, draw=lambda k: noise[k])
    path = legs(diagonal(process, times), eta)
    found = run_legs(heads, x, path, y=y, draw=lambda k: noise[k])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


def test_bad_paths_are_told() -> None:
    with pytest.raises(InputError, match="never grows"):
        legs([(1.0, 0.5), (0.5, 0.7)])
    with pytest.raises(InputError, match="'residual' or 'noise'"):
        corner(RDDM(), [1.0, 0.0], "both")
    with pytest.raises(InputError, match="pass draw"):
        run_legs(heads_at(*draws(3)), draws(1)[0], legs([(1.0, 1.0), (0.5, 0.5)], 1.0))


@pytest.mark.parametrize(("objective", "reached"), [("pred_res", 0.10), ("pred_res_noise", 0.61)])
def test_the_published_clip_misses_far_residuals(objective: str, reached: float) -> None:
    """y = -.9, x0 = .9: R = -1.8 is clipped to -1. Without the clip the same network is exact."""
    process, times = RDDM(), rddm.skipped(5)
    x0, y = torch.full(SHAPE, 0.9, dtype=torch.float64), torch.full(SHAPE, -0.9).double()
    torch.manual_seed(0)
    noise = torch.randn(SHAPE, dtype=torch.float64)

    def network(x: Tensor, y: Tensor | None, t: float):  # perfect at every state
        assert y is not None
        a, b, s = abs_at(process, t)
        eps = (x - a * x0 - b * y) / s
        return (y - x0) if objective == "pred_res" else (y - x0, eps)

    plan, x = DDIM().plan(process, times), rddm.start(process, y, noise)
    clipped = ResidualHeads(network, process, objective, clip=1.0, direct=times[-2])
    assert float(run_plan(clipped, x, plan, y=y).mean()) == pytest.approx(reached, abs=0.005)
    free = ResidualHeads(network, process, objective, direct=times[-2])
    torch.testing.assert_close(run_plan(free, x, plan, y=y), x0, rtol=0, atol=1e-13)


@pytest.mark.parametrize("calls", [2, 5])
def test_the_low_light_run_on_converted_clocks(calls: int) -> None:
    """Exp. 3 of RDDM written out: y + .1 z on the clocks of DDIM, one head, R and x0 clipped."""
    process = rddm.ddim(sum_scale=0.01)
    y, noise = draws(2)
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    kept = torch.cumprod(1 - betas, 0)
    A, B = 1 - kept.sqrt(), (1 - kept).sqrt()
    grid = torch.linspace(-1, 999, calls + 1).int().tolist()[::-1]

    def net(x: Tensor, y: Tensor, index: int) -> Tensor:
        return torch.tanh(0.3 * x + 0.5 * y) * (1 + 0.1 * index / 1000) * 1.5

    x = y + 0.1 * noise
    for i, n in itertools.pairwise(grid):
        residual = net(x, y, i).clamp(-1, 1)
        eps = (x - y - (A[i] - 1) * residual) / B[i]
        if n < 0:
            x = (y - residual).clamp(-1, 1)
        else:
            x = x - (A[i] - A[n]) * residual - (B[i] - B[n]) * eps

    times = rddm.skipped(calls)
    denoise = ResidualHeads(
        lambda x, y, t: net(x, y, round(t * 1000) - 1),  # type: ignore[arg-type]
        process, "pred_res", clip=1.0, direct=times[-2],
    )  # fmt: skip
    begin = rddm.start(process, y, noise)
    found = run_plan(denoise, begin, DDIM().plan(process, times), y=y)
    torch.testing.assert_close(found, x, rtol=0, atol=1e-12)


def test_heads_that_do_not_fit_are_told() -> None:
    with pytest.raises(InputError, match="did you mean 'pred_res'"):
        ResidualHeads(lambda x, y, t: x, RDDM(), "pred_rez")
    lone = ResidualHeads(lambda x, y, t: x, RDDM(), "pred_res_noise")
    with pytest.raises(InputError, match="two outputs, the network gave one"):
        lone(draws(1)[0], 0.5)
