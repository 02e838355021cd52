"""Loss-guided diffusion (LGD-MC, Song et al. 2023): the likelihood of points drawn around D.

    x_i = D + r n_i,  i = 1..n,      r^2 = rho^2 v0 / (rho^2 + v0)
    D_m = D + V sum_i w_i A^T (m - A(x_i)) / sigma^2,    w_i ~ exp(-|m - A(x_i)|^2 / (2 sigma^2))

(Eq. (8)). For one point without spread it is the Gaussian DPS; for ever more points and a linear A
it is PiGDM, sigma^2 + r^2 A A^T in place of sigma^2. It takes many points: the weights soon go to
one of them. The points are the same at every call at a time, so that this is a function like any
other denoiser. `LGDShift` adds the mean gradient of norms to the state, as DPS's code does. One
product with the network, n of the operator, which may be non-linear.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.posterior.conditional import Conditional, replaced
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments

Normals = Callable[[float], Tensor]  # time -> normals (n, c, *space)


def seeded(shape: tuple[int, ...], count: int = 10, seed: int = 0) -> Normals:
    """The same normals at every time: (count, *shape), float64."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, *shape, dtype=torch.float64, generator=generator)
    return lambda t: drawn


@dataclass(frozen=True)
class LGD(Conditional):
    """normals: where the points are, by default 10 (`seeded`)."""

    normals: Normals | None = None
    derivative = True
    price = "1F+1B"

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        point = self.prior_moments(x, t, y, level)
        pulled, lengths = gradients(self, point.x0, self.shrunk_variance(t) ** 0.5, t)
        shares = torch.softmax(-lengths / (2 * self.sigma**2), 0)
        mean = (shares.reshape(*shares.shape, *[1] * (x.ndim - 1)) * pulled).sum(0)
        return replaced(point.estimate, point.x0 + point.times(mean) / self.sigma**2)


@dataclass(frozen=True)
class LGDShift(Shifted):
    """weight: of the mean gradient of the norms. normals: as `LGD`'s.

    official: InverseBench's, the gradient of the mean square over twice the root of its *sum* over
    the points, with r^2 = rho^2 / (1 + rho^2): n^(-1/2) times the length, so more points push less.
    """

    normals: Normals | None = None
    official: bool = False

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        a, s = self.ends_at(t)
        spread = s / (a**2 + s**2) ** 0.5 if self.official else self.shrunk_variance(t) ** 0.5
        pulled, squares = gradients(self, point.x0, spread, t)
        beside = squares.shape + (1,) * (point.x0.ndim - 1)
        lengths = squares.clamp(min=1e-24).sqrt()
        if self.official:
            mean = pulled.mean(0) / squares.sum(0).clamp(min=1e-24).sqrt().reshape(beside[1:])
        else:
            mean = (pulled / lengths.reshape(beside)).mean(0)
        return self.weight * point.pull(mean)


def gradients(method: LGD | LGDShift, x0: Tensor, spread: float, t: float) -> tuple[Tensor, Tensor]:
    """A^T (m - A(x_i)), (n, b, c, *space), and the squares |m - A(x_i)|^2, (n, b)."""
    normals = method.normals or seeded(tuple(x0.shape[1:]))
    drawn = normals(t).to(x0)
    if drawn.ndim != x0.ndim or drawn.shape[1:] != x0.shape[1:]:
        raise InputError(
            f"normals of shape {tuple(drawn.shape)} came; expected (n, *{tuple(x0.shape[1:])})"
        )
    points = (x0 + spread * drawn[:, None]).flatten(0, 1)
    found, jacobian = method.operator.linearise(points)
    measured = method.measurement.expand(len(x0), *method.measurement.shape[1:])
    left = measured.repeat(len(drawn), *[1] * (measured.ndim - 1)) - found
    pulled = jacobian.adjoint(left).reshape(len(drawn), *x0.shape)
    return pulled, (left.abs() ** 2).flatten(1).sum(1).reshape(len(drawn), len(x0))
