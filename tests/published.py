"""What the tests of published samplers share: a small problem, a bent denoiser, seeded normals."""

import math

import torch
from gaussian_posterior import VP
from oracles import abs_at
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.operators.coarse import Average

SHAPE = (1, 4, 4)


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def bent(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None) -> Estimate:
    """A denoiser that is not linear, and knows its time."""
    mixed = x + 0.2 * torch.roll(x, 1, -1)
    return Estimate(0.5 * x + 0.3 * torch.tanh(mixed + math.cos(3 * t)))


def average() -> tuple[Average, Tensor]:
    """2 x 2 means, and a measurement of two pictures."""
    operator = Average(SHAPE, 2)
    return operator, operator(0.5 * normals(2, *SHAPE, seed=9)) + 0.1 * normals(2, 1, 2, 2, seed=8)


def levels(times: list[float]) -> list[tuple[float, float]]:
    return [(abs_at(VP, t)[0], abs_at(VP, t)[2]) for t in times]
