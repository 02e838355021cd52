"""BBED (Lay et al. 2023): a Brownian bridge with exponential diffusion, for speech.

    dx = (y - x)/(1 - t) dt + sqrt(theta) k^t dW,      a = 1 - t,   b = t,   phi = 1 - t
    s^2 = theta (1 - t)^2 * integral from 0 to t of k^(2 u) / (1 - u)^2 du                Eq. (8)
        = theta (1 - t) [k^(2 t) - 1 + t + 2 k^2 ln k (1 - t) (Ei(2 (t-1) ln k) - Ei(-2 ln k))]

The second line cancels for small t. With L = -ln(1 - t) and 1 - u = exp(-L r) the first one is

    s^2 = theta (1 - t) L * integral from 0 to 1 of exp(-L (1 - r)) k^(2 - 2 exp(-L r)) dr

of a smooth and positive function, which Gauss-Legendre nodes take to machine precision at all t.
The bridge is pinned to y at t = 1 (s = 0); the authors start at t = .999 or, for speed, at .5.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from undrift.common.processes.process import Process

_NODES = 32  # of the quadrature: double precision up to k = 100


@dataclass(frozen=True)
class BBED(Process):
    """k: base of the growing diffusion, above 1; theta: its scale (squared units of the data).

    The defaults are those of the authors' program; complex noise of total variance 1 as in OUVE.
    """

    k: float = 2.6
    theta: float = 0.52

    def a(self, t: Tensor) -> Tensor:
        return 1 - t

    def b(self, t: Tensor) -> Tensor:
        return t

    def s(self, t: Tensor) -> Tensor:
        places, weights = (torch.tensor(v, dtype=t.dtype, device=t.device) for v in _quadrature())
        decay = -torch.log1p(-t.clamp(max=1 - torch.finfo(t.dtype).eps))  # finite at t = 1
        steep = decay[..., None]
        grown = -2 * math.log(self.k) * torch.expm1(-steep * places)
        integral = (weights * torch.exp(grown - steep * (1 - places))).sum(-1)
        return torch.sqrt(self.theta * (1 - t) * decay * integral)

    def phi(self, t: Tensor) -> Tensor:
        return 1 - t


@functools.cache
def _quadrature() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Gauss-Legendre places and weights on [0, 1]."""
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    return tuple(((1 + places) / 2).tolist()), tuple((weights / 2).tolist())
