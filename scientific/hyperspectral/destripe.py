"""Gains and offsets of detectors: what is alike down a column, in the colours of no scene.

    y[b, r, c] = x + s[b, c] + noise,   s = own part of each band + h[c] * mean spectrum

An effect of a column is constant over rows, so a cosine transform along them has it in frequency 0
alone, while a scene is continuous: its power at rows 1 to 4 tells that at row 0, for each frequency
along columns and each principal direction of the bands, with |k|^-3 between them (Carfantan &
Idier 2010 argue so for one band). With the noise whitened, d the coefficients at row 0, N the power
found beside them and T = diag(t) + h m m^T the variance of the effects over bands,

    s = T (T + N)^-1 d,      t, h by expectation and maximisation over all columns.

Directions in which the scene is strong tell little, but those without scene tell what the bands'
own offsets are. Effects that are not there get t near 0. A gain acts on the mean of its column
here; what is left of it follows the rows (`row_gains`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_BESIDE = 4  # frequencies along rows that tell the power of the scene
_BINS = 6
_ROUNDS = 10


@dataclass(frozen=True, eq=False)
class Columns:
    """offset: (bands, columns), mean 0 over columns. own: (bands,) standard deviation of the part
    of each band, in its unit. common: standard deviation of the gain that all bands share."""

    offset: Array
    own: Array
    common: float


def column_offsets(cube: Array, sigma: Array) -> Columns:
    """The effects of the columns of a cube (bands, rows, columns) without gaps.

    sigma: (bands,) > 0 of the random noise; if it is too large, less is taken away.
    Cubes of fewer than 8 rows or columns have none that could be told apart.
    """
    from scipy.fft import idct

    bands, rows, columns = cube.shape
    if min(rows, columns) < 8:
        return Columns(np.zeros((bands, columns)), np.zeros(bands), 0.0)
    white = cube / sigma[:, None, None]
    mean = white.mean((1, 2))
    white -= mean[:, None, None]
    turn, found = _spectra(white)
    beside, group = _power_beside(found)
    model = _Model(turn, mean, np.full(bands, 0.01 * rows), 1e-6 * rows)
    for _ in range(_ROUNDS):
        model = model.better(found[:, 0, 1:], beside, group)
    profile = np.zeros((bands, columns))
    profile[:, 1:] = model.posterior(found[:, 0, 1:], beside, group)
    offset = idct(profile, axis=1, norm="ortho") / np.sqrt(rows) * sigma[:, None]
    own = np.sqrt(model.own / rows) * sigma
    return Columns(offset, own, float(np.sqrt(model.common / rows)))


def row_gains(y: Array, estimate: Array, valid: npt.NDArray[np.bool_], sigma: Array) -> Array:
    """(bands, columns): gains less 1 that explain the residual where the signal varies in a column.

    All (bands, rows, columns); sigma (bands,). The slope of y - estimate on the estimate about its
    column's mean, shrunk by what of its spread is no chance, one number for all columns of a band.
    """
    size, slope = (np.empty((len(y), y.shape[2])) for _ in range(2))
    for band, there in enumerate(valid):
        weight = there.astype(np.float64)
        count = np.maximum(weight.sum(0), 1)
        signal = estimate[band] - (weight * estimate[band]).sum(0) / count
        residual = np.where(there, y[band] - estimate[band], 0.0)
        size[band] = np.maximum((weight * signal**2).sum(0), 1e-12)
        slope[band] = (weight * signal * residual).sum(0) / size[band]
    chance = sigma[:, None] ** 2 / size
    share = (1 / chance**2) / (1 / chance**2).sum(1, keepdims=True)  # weights of columns
    spread = np.maximum((share * (slope**2 - chance)).sum(1, keepdims=True), 0)
    return slope * spread / (spread + chance)


def _spectra(white: Array) -> tuple[Array, Array]:
    """Principal directions (bands, bands), and coefficients (direction, row, column frequency)."""
    from scipy.fft import dct

    flat = white.reshape(len(white), -1)
    turn = np.linalg.eigh(flat @ flat.T / flat.shape[1])[1]
    low = np.asarray(dct(white, axis=1, norm="ortho"), np.float64)[:, : _BESIDE + 1]
    both = np.asarray(dct(low, axis=2, norm="ortho"), np.float64)
    return turn, np.einsum("bk,byc->kyc", turn, both)


def _power_beside(found: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """(groups, directions) power of scene and noise at row 0, at least 1; group of a frequency."""
    along = np.arange(1, found.shape[2])
    beside = np.arange(1, found.shape[1])[:, None]
    steeper = (1 + (beside / along) ** 2) ** 1.5
    power = 1 + ((found[:, 1:, 1:] ** 2 - 1) * steeper).mean(1)  # noise, and what is above it
    edges = np.unique(np.round(np.geomspace(1, found.shape[2], _BINS + 1)).astype(int))
    group = np.searchsorted(edges[1:-1], along, side="right")
    means = [power[:, group == n].mean(1) for n in range(len(edges) - 1)]
    return np.maximum(np.stack(means), 1), group


@dataclass(frozen=True, eq=False)
class _Model:
    """T = diag(own) + common mean mean^T, in whitened bands; turn: into principal directions."""

    turn: Array
    mean: Array
    own: Array
    common: float

    def _inverse(self, beside: Array) -> Array:
        """(T + N)^-1 in bands, for N of principal directions."""
        total = np.diag(self.own) + self.common * np.outer(self.mean, self.mean)
        total += (self.turn * beside) @ self.turn.T
        return np.asarray(np.linalg.inv(total), np.float64)

    def posterior(self, found: Array, beside: Array, group: npt.NDArray[np.int64]) -> Array:
        """(bands, frequencies): the mean of the effects."""
        effects = np.empty_like(found)
        for number, power in enumerate(beside):
            at = group == number
            whole = self._inverse(power) @ (self.turn @ found[:, at])
            shared = self.common * np.outer(self.mean, self.mean @ whole)
            effects[:, at] = self.own[:, None] * whole + shared
        return effects

    def better(self, found: Array, beside: Array, group: npt.NDArray[np.int64]) -> "_Model":
        """A round of expectation and maximisation."""
        own, common, m = np.zeros_like(self.own), 0.0, self.mean
        for number, power in enumerate(beside):
            at, inverse = group == number, self._inverse(power)
            whole = inverse @ (self.turn @ found[:, at])
            own += ((self.own[:, None] * whole) ** 2).sum(1)
            own += at.sum() * self.own * (1 - self.own * np.diag(inverse))
            common += ((self.common * (m @ whole)) ** 2).sum()
            common += at.sum() * self.common * (1 - self.common * (m @ inverse @ m))
        count = found.shape[1]
        return _Model(self.turn, m, own / count, float(common / count))
