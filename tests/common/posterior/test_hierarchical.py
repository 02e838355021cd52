"""Patches whose estimates are averaged: equal to the whole where the prior is local."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.exact import abs_at
from undrift.common.grids import by_angle
from undrift.common.noise import Noise
from undrift.common.operators import Blur, gaussian_kernel
from undrift.common.posterior.hierarchical import Patched, starts
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.processes import VariancePreserving
from undrift.common.solvers import Exponential
from undrift.common.solvers.loop import run_plan

VP = VariancePreserving()


def pixels(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
    """The exact denoiser of a mixture of two values for each pixel alone."""
    a, _, s = abs_at(VP, t)
    variance = (0.1 * a) ** 2 + s**2
    each = [m + (x - a * m) * (0.1**2 * a / variance) for m in (-0.4, 0.5)]
    odds = torch.sigmoid(((x + 0.4 * a) ** 2 - (x - 0.5 * a) ** 2) / (2 * variance))
    return Estimate(each[0] + odds * (each[1] - each[0]), var=odds * (1 - odds))


def smooth(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
    """A network of reach 2 that sees the border of what it is given."""
    kernel = torch.ones(1, 1, 5, 5, dtype=x.dtype) / 25
    return Estimate(functional.conv2d(x, kernel, padding=2))


def state(*shape: int) -> Tensor:
    return Noise(2)((1, *shape), dtype=torch.float64)


@pytest.mark.parametrize("space", [(23, 40), (16, 16), (11, 30), (16, 17)])
def test_a_local_prior_in_patches_is_the_whole(space: tuple[int, int]) -> None:
    x = state(2, *space)
    for patched in (Patched(pixels, 16), Patched(pixels, (16, 12), (5, 9), batch=3)):
        found, whole = patched(x, 0.3), pixels(x, 0.3, None, None)
        torch.testing.assert_close(found.x0, whole.x0, rtol=0, atol=1e-14)
        torch.testing.assert_close(found.var, whole.var, rtol=0, atol=1e-14)


def test_guidance_of_the_whole_picture_goes_through_the_patches() -> None:
    """A blur joins all patches; derivative, solver and measurement see the whole picture."""
    operator = Blur(gaussian_kernel(1.5, 9), (1, 20, 26))
    truth = torch.where(state(1, 20, 26) > 0, 0.5, -0.4).double()
    m = operator(truth) + 0.05 * state(1, 20, 26)
    plan = Exponential(2).plan(VP, by_angle(VP, 6, 0.45))
    found = []
    for denoise in (pixels, Patched(pixels, 8)):
        told = MomentMatching(denoise, VP, operator, m, 0.05, 0.45)
        found.append(run_plan(told, state(1, 20, 26), plan))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-10)


def test_overlaps_are_plain_means() -> None:
    """By hand: patches at 0, 4 and 5 of a row of 13, each with its own borders."""
    x = state(1, 8, 13)
    assert starts(13, 8, 4) == [0, 4, 5]
    parts = [smooth(x[..., o : o + 8], 0.3, None, None).x0 for o in (0, 4, 5)]
    total, count = torch.zeros_like(x), torch.zeros(13, dtype=x.dtype)
    for o, part in zip((0, 4, 5), parts, strict=True):
        total[..., o : o + 8] += part
        count[o : o + 8] += 1
    found = Patched(smooth, 8)(x, 0.3).x0
    torch.testing.assert_close(found, total / count, rtol=0, atol=1e-14)
    whole = smooth(x, 0.3, None, None).x0
    torch.testing.assert_close(found[..., 2], whole[..., 2])  # far from borders of any patch
    assert float((found - whole).abs().max()) > 0.01  # at the borders the network differs


def test_what_cannot_be_patched_is_refused() -> None:
    with pytest.raises(UsageError, match="too small for patches of"):
        Patched(pixels, 32)(state(1, 12, 40), 0.3)
    with pytest.raises(UsageError, match="for 2 axes"):
        Patched(pixels, (4, 4, 4))(state(1, 12, 40), 0.3)
    with pytest.raises(UsageError, match="expected 1 or more"):
        Patched(pixels, 0)
