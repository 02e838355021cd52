"""Guidance of many particles at once without any derivative, of A or of the network.

The particles x_j, j = 1 .. J, are the batch. Their spread tells how A(D(x)) moves with x:

    EnKG (Zheng et al. 2025, Alg. 1):  x_j' = step(x_j, D_j) + weight C_xg (m - g_j) / |C|_F,
    g_j = A(D_j),  C_xg (m - g_j) = sum_k c_jk (x_k - mean),  c_jk = <m - g_j, g_k - mean> / J

The division by the norm of c makes a push of fixed length that knows no sigma. `EnsembleMatching`
regresses g on x instead, G = dg/dx: with V A^T = (s^2/a) G^T and A V A^T by m pairs of calls of A
it is moment matching, exact for linear A and Gaussian x0 once J exceeds the dimension.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.posterior.conditional import Conditional, replaced
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments

_BLIND = 1e-6  # below this a, the state holds nothing of x0


@dataclass(frozen=True)
class Cloud(Moments):
    """Moments that remember the particles, (n, *shape_in)."""

    state: Tensor | None = None


@dataclass(frozen=True)
class EnKG(Shifted):
    """weight: length of the push in units of the particles' own spread; 2 in the paper.

    Run with a plan of first order that draws noise, such as ancestral(): without it the pushes add
    up and run away. x: the particles, 2 or more of one measurement. The result is drawn towards the
    data and is no draw of the posterior: it is too narrow, the more so the larger the weight.
    """

    weight: float = 2.0
    derivative = False
    price = "1F"

    def point(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Cloud:
        check_particles(self, x)
        a, s = self.ends_at(t)
        with torch.no_grad():
            return Cloud(self.denoise(x, t, y, level), lambda u: u, a, s, state=x)

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        if not isinstance(point, Cloud) or point.state is None:
            raise InputError("EnKG got moments without their particles; use its own `run`")
        seen = self.operator(point.x0)
        left = (self.measurement - seen).flatten(1)
        weights = left @ centred(seen).T / len(seen)
        length = torch.linalg.matrix_norm(weights).clamp(min=1e-12)
        pushed = weights @ centred(point.state) / length
        return self.weight * pushed.reshape(point.x0.shape)


@dataclass(frozen=True)
class EnsembleMatching(Conditional):
    """A conditional denoiser of a batch of particles, for any solver; real values only.

    rcond: singular values of the particles' spread below this part of the largest are dropped.
    With fewer particles than dimensions the correction stays within their span.
    """

    rcond: float = 1e-8

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        check_particles(self, x)
        with torch.no_grad():
            estimate = self.denoise(x, t, y, level)
        a, s = self.ends_at(t)
        if a < _BLIND:
            return estimate
        seen = self.operator(estimate.x0)
        spread = torch.linalg.pinv(centred(x), rtol=self.rcond)
        gain = s**2 / a * (spread @ centred(seen))  # V A^T, (d, m)
        shape = estimate.x0.shape[1:]
        middle = estimate.x0.mean(0, keepdim=True)
        columns = gain.T.reshape(-1, *shape)
        ahead, behind = self.operator(middle + columns), self.operator(middle - columns)
        image = (ahead - behind).flatten(1) / 2
        values, vectors = torch.linalg.eigh((image + image.T) / 2)
        values = values.clamp(min=0) + self.sigma**2
        left = (self.measurement - seen).flatten(1)
        solved = (left @ vectors / values) @ vectors.T
        return replaced(estimate, estimate.x0 + (solved @ gain.T).reshape(estimate.x0.shape))


def centred(values: Tensor) -> Tensor:
    """(n, *shape) -> (n, d), less the mean of the particles."""
    rows = values.flatten(1)
    return rows - rows.mean(0)


def check_particles(method: Conditional, x: Tensor) -> None:
    """Raises InputError unless there are two particles or more of one measurement."""
    if len(x) < 2 or len(method.measurement) != 1:
        raise InputError(
            f"{type(method).__name__} got {len(x)} particles of {len(method.measurement)} "
            "measurements; expected 2 particles or more, all of one measurement"
        )
