"""Noise that grows with the signal made even: var = base + slope x, for each band.

Photons make bright pixels noisier. Where the residual of the bands says so, a band is replaced by

    z = 2 / slope sqrt(base + slope y),     dz / dy = 1 / sqrt(base + slope y)

so that its noise has deviation 1 everywhere (Anscombe 1948; with reading noise: Starck, Murtagh &
Bijaoui 1998), and its estimate goes back by the inverse plus slope / 4, which the mean of a root
lacks. Below a knee the root goes on as a line, since noise may take a value below zero. A root
bends mixtures of spectra and costs a few directions: it is worth that where most is photon noise.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.scientific.hyperspectral.limits import limits_of
from undrift.scientific.hyperspectral.noise.estimate import NoiseReport

Array = npt.NDArray[np.float64]
GROWS = 1.5  # ratio of variances of bright and dark pixels, at the median band, that counts
PHOTONS = 0.7  # share of the variance that grows, at the mean level of the median band
_GROUPS = 12  # of pixels by brightness
_FEW = 40  # pixels a group
_LIMITED = 0.02  # share of clipped values from which a band does not tell


@dataclass(frozen=True, eq=False)
class Stabiliser:
    """base, slope, knee: (bands,); slope 0 leaves a band as it is. knee: of the variance."""

    base: Array
    slope: Array
    knee: Array

    @property
    def acts(self) -> bool:
        """Whether any band is changed."""
        return bool((self.slope > 0).any())

    def forward(self, cube: npt.NDArray[np.floating]) -> Array:
        """z of values (bands, rows, columns); NaN stays."""
        out = cube.astype(np.float64)
        for band in np.flatnonzero(self.slope > 0):
            slope, knee = self.slope[band], self.knee[band]
            variance = self.base[band] + slope * out[band]
            root = 2 / slope * np.sqrt(np.maximum(variance, knee))
            out[band] = root + np.minimum(variance - knee, 0) / slope / np.sqrt(knee)
        return out

    def inverse(self, cube: npt.NDArray[np.floating]) -> Array:
        """Values of z that is a mean, hence with slope / 4."""
        out = cube.astype(np.float64)
        for band in np.flatnonzero(self.slope > 0):
            slope, knee = self.slope[band], self.knee[band]
            start = 2 / slope * np.sqrt(knee)
            variance = (slope * np.maximum(out[band], start) / 2) ** 2
            variance += slope * np.sqrt(knee) * np.minimum(out[band] - start, 0)
            out[band] = (variance - self.base[band]) / slope + slope / 4
        return out

    def unit(self, level: Array) -> Array:
        """(bands,) dy / dz at a level: what deviation 1 of z is in the unit of the band."""
        root = np.sqrt(np.maximum(self.base + self.slope * level, self.knee))
        return np.where(self.slope > 0, root, 1.0)


def stabiliser(cube: npt.NDArray[np.floating], report: NoiseReport) -> Stabiliser:
    """The transformation that the residual of a cube asks for; none for noise that is even.

    It acts where at the median band the brightest pixels have `GROWS` times the variance of the
    darkest, and the share `PHOTONS` of the noise of a pixel of mean brightness grows. Bands that
    are clipped are left as they are: their noise is uneven for another reason.
    """
    bands = len(cube)
    base, slope, ratio, share = (np.zeros(bands) for _ in range(4))
    knee = np.ones(bands)
    gaps = np.isnan(cube) | report.dead[:, None]
    clipped = limits_of(cube.astype(np.float64), gaps).at.mean((1, 2)) > _LIMITED
    residual = report.residual - report.stripes[:, None]
    for band in range(bands):
        there = ~gaps[band]
        if clipped[band] or there.sum() < _GROUPS * _FEW:
            continue
        noise = residual[band][there].astype(np.float64)
        level = cube[band][there] - report.residual[band][there]
        base[band], slope[band], low, high = _line(level, noise)
        dark, bright = (max(base[band] + slope[band] * x, 1e-300) for x in (low, high))
        ratio[band] = bright / dark
        grows = slope[band] * max(float(level.mean()), 0.0)
        share[band] = grows / max(base[band] + grows, 1e-300)
        knee[band] = max(dark / 4, 1e-300)
    if np.median(ratio) < GROWS or np.median(share) < PHOTONS:
        slope = np.zeros(bands)
    return Stabiliser(base, slope, knee)


def _line(level: Array, noise: Array) -> tuple[float, float, float, float]:
    """base, slope >= 0 of the variance over the level, and the levels of dark and bright groups."""
    from scipy.optimize import nnls

    order = np.argsort(level)
    groups = np.array_split(order, _GROUPS)
    where = np.array([level[group].mean() for group in groups])
    middle = float(np.median(noise))
    spread = np.array([np.median(abs(noise[group] - middle)) for group in groups])
    variance = np.maximum((1.4826 * spread) ** 2, 1e-300)
    lowest = max(float(where.min()), 0.0)  # a level below zero has no photons
    rows = np.stack([np.ones(_GROUPS), np.maximum(where, 0)], 1) / variance[:, None]
    found = nnls(rows, np.ones(_GROUPS))[0]
    return float(found[0]), float(found[1]), lowest, float(where.max())
