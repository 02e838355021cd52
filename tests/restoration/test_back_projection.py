"""Rounds counted on the small grid are those of the large picture."""

import pytest
import torch

from undrift.common.resize import bicubic, upscale
from undrift.restoration.back_projection import REACH, given_back
from undrift.restoration.degrade import back_project


@pytest.mark.parametrize(
    ("scale", "small", "size"),
    [(2, (21, 34), (42, 68)), (4, (9, 12), (36, 48)), (2.5, (21, 34), (53, 85)),
     (3, (21, 34), (61, 100))],
)  # fmt: skip
@pytest.mark.parametrize("rounds", [1, 5])
def test_rounds(scale: float, small: tuple[int, int], size: tuple[int, int], rounds: int) -> None:
    """Also where the scale does not divide the picture."""
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(1, 3, *size, generator=generator, dtype=torch.float64)
    low = torch.rand(1, 3, *small, generator=generator, dtype=torch.float64)
    rest = low - bicubic(x, small, (1 / scale, 1 / scale))
    total = torch.zeros_like(rest)
    for _ in range(rounds):
        total += rest
        rest = given_back(rest, size, scale)
    want = back_project(x, low, scale, rounds)
    torch.testing.assert_close(x + upscale(total, scale, size), want, rtol=0, atol=1e-12)
    left = low - bicubic(want, small, (1 / scale, 1 / scale))
    torch.testing.assert_close(rest, left, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.5, 2, 3, 4, 8])
def test_reach(scale: float) -> None:
    point = torch.zeros(1, 40, 40, dtype=torch.float64)
    point[0, 20, 20] = 1
    found = given_back(point, (round(40 * scale), round(40 * scale)), scale)[0].nonzero()
    assert 2 <= int((found - 20).abs().max()) < REACH
