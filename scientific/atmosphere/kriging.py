"""Optimal interpolation: the posterior of a Gaussian field with the spectra of a climatology.

    x | y ~ N( m + C A^T (A C A^T + R)^-1 (y - A m),  C - C A^T (A C A^T + R)^-1 A C )

C is stationary (`spectral`): with the spectra of many states and all channels together, no linear
method is better (Gandin 1963; kriging is another name of it). Members are exact draws: a field of
the prior, observed with an error, is moved by its own misfit (Matheron's rule),

    x_k = m + u + C A^T (A C A^T + R)^-1 (y + e - A (m + u)),     u ~ N(0, C),  e ~ N(0, R).

The system is solved by conjugate gradients; a product with C is one transform there and back.
`ordinary` is what is taken where no climatology is at hand: the residual of a coarse field drawn as
a cubic, kriged channel by channel from the values at stations, its mean unknown.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.noise import Noise
from undrift.common.operators.conjugate_gradient import conjugate_gradient
from undrift.common.operators.linear import LinearOperator
from undrift.scientific.atmosphere.spectral import Spectral

Array = npt.NDArray[np.float64]
_TOL, _MOST = 1e-5, 400  # of the conjugate gradients


@dataclass(frozen=True, eq=False)
class Interpolation:
    """climatology: C of z. rows, values: whitened observations of z, (c, rows, columns) -> (m,) and
    (m,), as of `Likelihood` with identity transforms. mean: m of z, a field or 0."""

    climatology: Spectral
    rows: LinearOperator
    values: Tensor
    mean: Tensor | float = 0.0

    def best(self) -> Tensor:
        """The posterior mean, (c, rows, columns), float64."""
        start = torch.zeros(1, *self.climatology.shape, dtype=torch.float64) + self.mean
        return self._moved(start, self.values.double()[None])[0]

    def members(self, count: int, seed: int = 0, item: str = "") -> Tensor:
        """(count, c, rows, columns) draws of the posterior."""
        shape, m = self.climatology.shape, len(self.values)
        root = self.climatology.function(torch.sqrt)
        fields, errors = [], []
        for k in range(count):
            noise = Noise(seed, f"{item}\0kriging", k)
            fields.append(noise((1, *shape), dtype=torch.float64))
            errors.append(noise((1, 1, m), 1, dtype=torch.float64)[:, 0])
        drawn = root.times(torch.cat(fields)) + self.mean
        return self._moved(drawn, self.values.double() + torch.cat(errors))

    def _moved(self, x: Tensor, y: Tensor) -> Tensor:
        """x + C A^T (A C A^T + 1)^-1 (y - A x)."""
        covered = self.climatology

        def apply(w: Tensor) -> Tensor:
            return self.rows(covered.times(self.rows.adjoint(w))) + w

        left = conjugate_gradient(apply, y - self.rows(x), tol=_TOL, iterations=_MOST).x
        return x + covered.times(self.rows.adjoint(left))


def ordinary(
    drawn: Array, indices: Array, residual: Array, sigma: Array, periodic: tuple[bool, bool]
) -> tuple[Array, Array]:
    """A field (c, rows, columns) and its deviation, from one drawn from coarse values and what
    stations say beyond it.

    indices: (n, 2); residual: (c, n), NaN where missing; sigma: (c,) errors of the stations. The
    covariance of residuals is exponential; its sill is their variance and its length the best of a
    few by likelihood. Without stations the deviation is 0.
    """
    field, spread = drawn.copy(), np.zeros_like(drawn)
    axes = [np.arange(n, dtype=np.float64) for n in drawn.shape[1:]]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    for k, row in enumerate(residual):
        known = np.isfinite(row)
        if known.sum() < 3:
            continue
        points = indices[known]
        between = _distance(points, points, drawn.shape[1:], periodic)
        beyond = _distance(grid, points, drawn.shape[1:], periodic)
        mean, deviation = _kriged(between, beyond, row[known], float(sigma[k]))
        field[k] += mean.reshape(drawn.shape[1:])
        spread[k] = deviation.reshape(drawn.shape[1:])
    return field, spread


_LENGTHS = (1.0, 2.0, 4.0, 8.0)  # grid steps


def _kriged(between: Array, beyond: Array, values: Array, sigma: float) -> tuple[Array, Array]:
    """Ordinary kriging: the mean of the residuals is unknown and estimated with them."""
    from scipy.linalg import cho_factor, cho_solve

    sill = max(float(values.var()) - sigma**2, 0.1 * float(values.var()))
    best: tuple[float, float] | None = None
    for length in _LENGTHS:
        factor = cho_factor(sill * np.exp(-between / length) + sigma**2 * np.eye(len(values)))
        ones = cho_solve(factor, np.ones(len(values)))
        left = values - ones @ values / ones.sum()
        cost = left @ cho_solve(factor, left) + 2 * np.log(np.diag(factor[0])).sum()
        if best is None or cost < best[0]:
            best = (cost, length)
    length = best[1] if best else _LENGTHS[0]
    factor = cho_factor(sill * np.exp(-between / length) + sigma**2 * np.eye(len(values)))
    ones = cho_solve(factor, np.ones(len(values)))
    middle = ones @ values / ones.sum()
    cover = sill * np.exp(-beyond / length)
    solved = cho_solve(factor, cover.T)
    short = 1 - solved.sum(0)
    variance = sill - np.einsum("gn,ng->g", cover, solved) + short**2 / ones.sum()
    mean = middle + cover @ cho_solve(factor, values - middle)
    return mean, np.sqrt(variance.clip(min=0))


def _distance(a: Array, b: Array, shape: tuple[int, ...], periodic: tuple[bool, bool]) -> Array:
    """(len(a), len(b)) distances in grid steps, the short way round."""
    apart = np.abs(a[:, None] - b[None])
    for axis, (size, around) in enumerate(zip(shape, periodic, strict=True)):
        if around:
            apart[..., axis] = np.minimum(apart[..., axis], size - apart[..., axis])
    return np.sqrt((apart**2).sum(-1))
