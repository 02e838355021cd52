"""The few directions in which a cube has signal: whitened, sorted, cut where noise begins.

With the noise whitened, W = diag(1 / sigma), the singular vectors of W y are those of the signal
plus white noise, and a direction in which white noise alone would give the variance 1 holds signal
if its variance exceeds 1 by more than chance: the edge (1 + sqrt(bands / pixels))^2 of Marchenko
and Pastur. In these coordinates noise has variance 1 in each and is independent (FastHyDe: Zhuang
& Bioucas-Dias 2018).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Subspace:
    """sigma: (bands,) of the noise. mean: (bands,) of the whitened cube. basis: (bands, k) with
    orthonormal columns; k from 1."""

    sigma: Array
    mean: Array
    basis: Array

    @property
    def rank(self) -> int:
        """k."""
        return self.basis.shape[1]

    def coefficients(self, cube: Array) -> Array:
        """(k, rows, columns) of a cube; independent noise of variance 1 in each."""
        white = cube / self.sigma[:, None, None]
        white -= self.mean[:, None, None]
        return np.tensordot(self.basis.T, white, 1)

    def cube(self, coefficients: Array) -> Array:
        """(bands, rows, columns) of coefficients."""
        white = np.tensordot(self.basis, coefficients, 1)
        white += self.mean[:, None, None]
        white *= self.sigma[:, None, None]
        return white

    def band_variance(self, variance: Array) -> Array:
        """(bands, rows, columns): what a variance (k, rows, columns) of coefficients makes."""
        return np.tensordot(self.basis**2, variance, 1) * self.sigma[:, None, None] ** 2


def signal_subspace(cube: Array, sigma: Array, most: int = 25, least: int = 1) -> Subspace:
    """The subspace of a cube (bands, rows, columns) without gaps, of `most` directions or fewer.

    least: directions that are kept even where the edge says noise.
    """
    bands = len(cube)
    white = (cube / sigma[:, None, None]).reshape(bands, -1)
    mean = white.mean(1)
    white -= mean[:, None]
    values, vectors = np.linalg.eigh(white @ white.T / white.shape[1])
    edge = (1 + np.sqrt(bands / white.shape[1])) ** 2
    rank = int(np.clip((values > edge).sum(), min(least, bands), min(most, bands)))
    return Subspace(sigma, mean, vectors[:, ::-1][:, :rank])
