"""Known pixels, steps without noise, last calls, and the sides of a middle frame."""

import pytest
import torch
from oracles import abs_at
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.middle_frame import sample_middle
from undrift.common.processes import (
    I2SB,
    RDDM,
    ConsecutiveBridge,
    VariancePreserving,
)
from undrift.common.solvers import DDIM, ancestral
from undrift.common.solvers.endings import FinalCall
from undrift.common.solvers.known_pixels import KnownPixels
from undrift.common.solvers.loop import run_plan

SHAPE = (1, 2, 3)


def draws(count: int) -> Tensor:
    return torch.randn(count, *SHAPE, dtype=torch.float64)


def test_known_pixels_stay_on_their_path() -> None:
    """Outside the hole the state is a k + b k + s z of its own draw at every time."""
    process, known = VariancePreserving(), draws(1)[0]
    hole = torch.zeros(SHAPE, dtype=torch.float64)
    hole[..., 0] = 1
    noise, seen = draws(12), []
    times = [0.9, 0.5, 0.2, 0.0]

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        seen.append(x)
        return Estimate(torch.full_like(x, 0.25))

    plan = KnownPixels(DDIM(), hole, known).plan(process, times)
    last = run_plan(denoise, noise[0], plan, draw=lambda k: noise[k])
    for x, t, k in ((seen[1], 0.5, 2), (seen[2], 0.2, 4)):
        a, _, s = abs_at(process, t)
        torch.testing.assert_close(x[..., 1:], (a * known + s * noise[k])[..., 1:])
    torch.testing.assert_close(last[..., 1:], known[..., 1:], rtol=0, atol=0)
    torch.testing.assert_close(last[..., :1], torch.full_like(last[..., :1], 0.25))


def test_without_noise_a_step_leaves_out_the_degraded_signal() -> None:
    """Cold bridges: x' = r x + (1 - r) x0 with r = b'/b, whatever y is believed to be."""
    process = I2SB(cold=True)
    times = [1.0, 0.7, 0.4, 0.0]
    for step, n in zip(ancestral().plan(process, times), times[1:], strict=True):
        ratio = abs_at(process, n)[1] / abs_at(process, step.t)[1]
        assert step.A[0] == pytest.approx(ratio, rel=1e-14)
        assert step.B[0] == pytest.approx(1 - ratio, abs=1e-14)
        assert (abs(step.C) < 1e-16, step.sigma) == (True, 0.0)


def test_a_final_call_takes_the_estimate() -> None:
    plan = FinalCall(DDIM()).plan(RDDM(), [1.0, 0.5, 0.0])
    assert [step.t for step in plan] == [1.0, 0.5, 0.0]
    found = run_plan(lambda x, t, y, v: Estimate(x + 1), draws(1)[0], plan, y=draws(1)[0])
    again = run_plan(lambda x, t, y, v: Estimate(x + 1), found, plan[-1:], y=None)
    torch.testing.assert_close(again, found + 1)


def test_unknown_sides_are_told() -> None:
    frame = draws(1)[0]
    with pytest.raises(InputError, match="'previous' or 'next'"):
        sample_middle(
            lambda x, previous, following, time: x, frame, frame, process=ConsecutiveBridge(),
            solver=ancestral(), times=[1.0, 0.0], sides=("left",),
        )  # fmt: skip
