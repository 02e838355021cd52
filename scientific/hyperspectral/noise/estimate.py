"""The noise of a cube from the cube alone.

Neighbouring bands tell what a band would be without its noise: each band is regressed on all the
others, and what is left is noise (HySime: Bioucas-Dias & Nascimento 2008, Eqs. 2-6). Its standard
deviation is taken robustly, 1.4826 times the median absolute deviation, so that impulses and dead
columns do not count, over the degrees of freedom that are left.

A column whose residual is off along the whole of it is a stripe: by how much tells the median of
the residual down the column, against its own uncertainty. A column that is constant is dead.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.medians import median

Array = npt.NDArray[np.float64]
STRIPED = 5.0  # deviations of a column's median
NOISY = 8.0  # times the median sigma of all bands, relative to the signal
_TAME = 1e-6  # of the largest eigenvalue, added so that 224 alike bands can be inverted


@dataclass(frozen=True, eq=False)
class NoiseReport:
    """sigma: (bands,) standard deviation of the random noise, in the cube's unit. snr: (bands,)
    mean over sigma. stripes: (bands, columns) offset of each column, 0 where none stands out. dead:
    (bands, columns) bool. bad: (bands,) bool, bands whose signal drowns. missing: (bands,) share of
    pixels without a value. residual: (bands, rows, columns), what the other bands cannot explain.
    """

    sigma: Array
    snr: Array
    stripes: Array
    dead: npt.NDArray[np.bool_]
    bad: npt.NDArray[np.bool_]
    missing: Array
    residual: npt.NDArray[np.float32]

    def of(self, bands: npt.NDArray[np.bool_]) -> "NoiseReport":
        """The report of some bands, (bands,) bool, as the whole cube told it."""
        return NoiseReport(**{name: values[bands] for name, values in vars(self).items()})

    @property
    def striped(self) -> Array:
        """(bands,) share of columns with a stripe."""
        return (self.stripes != 0).mean(1)


def noise_report(cube: Cube) -> NoiseReport:
    """Measures the noise of a cube; what is missing is left out. Needs three bands or more."""
    x = cube.array.astype(np.float64)
    missing = np.isnan(x)
    dead = _dead(x)
    filled = _filled(x, missing | dead[:, None])
    residual = band_residual(filled)
    usable = ~(missing | dead[:, None])
    sigma = np.array(
        [_robust(r[u]) if u.any() else np.nan for r, u in zip(residual, usable, strict=True)]
    )
    stripes = _stripes(residual, usable, sigma)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.array(
            [abs(b[u].mean()) if u.any() else np.nan for b, u in zip(x, usable, strict=True)]
        )
        snr = level / sigma
    relative = 1 / snr
    bad = ~np.isfinite(snr) | (relative > NOISY * np.nanmedian(relative))
    return NoiseReport(
        sigma, snr, stripes, dead, bad, missing.mean((1, 2)), residual.astype(np.float32)
    )


def band_residual(cube: Array) -> Array:
    """(bands, rows, columns): each band less its least-squares fit by all the others.

    All fits at once from the inverse of the correlations: the residual of band b is
    (P z)_b / P_bb with P the inverse of z z^T, and it is scaled for the bands that were fitted.
    """
    bands = len(cube)
    z = cube.reshape(bands, -1)
    z = z - z.mean(1, keepdims=True)
    scale = np.maximum(z.std(1, keepdims=True), 1e-12)
    z /= scale
    correlations = z @ z.T / z.shape[1]
    correlations += _TAME * np.linalg.eigvalsh(correlations)[-1] * np.eye(bands)
    precision = np.linalg.inv(correlations)
    residual = precision @ z
    residual /= np.diag(precision)[:, None]
    residual *= scale
    residual /= np.sqrt(max(1, z.shape[1] - bands) / z.shape[1])
    return residual.reshape(cube.shape)


def _dead(x: Array) -> npt.NDArray[np.bool_]:
    """Columns of one value in a band that is not of one value."""
    with np.errstate(invalid="ignore"):
        low, high = np.fmin.reduce(x, axis=1), np.fmax.reduce(x, axis=1)
        whole = np.fmax.reduce(high, axis=1) > np.fmin.reduce(low, axis=1)
        return (low == high) & whole[:, None]


def _filled(x: Array, empty: npt.NDArray[np.bool_]) -> Array:
    """Without gaps: the nearest value of the band's row, for the regression only."""
    from scipy.ndimage import distance_transform_edt

    if not empty.any():
        return x
    out = x.copy()
    for band, gaps in zip(out, empty, strict=True):
        if gaps.all():
            band[:] = 0
        elif gaps.any():
            places = distance_transform_edt(gaps, return_distances=False, return_indices=True)
            band[gaps] = band[tuple(np.asarray(places))][gaps]
    return out


def _stripes(residual: Array, usable: npt.NDArray[np.bool_], sigma: Array) -> Array:
    pairs = zip(residual, usable, strict=True)
    offset = np.stack([median(np.where(u, r, np.nan)) for r, u in pairs])
    count = usable.sum(1)
    error = 1.2533 * sigma[:, None] / np.sqrt(np.maximum(count, 1))  # of a median
    return np.where(np.isfinite(offset) & (abs(offset) > STRIPED * error), offset, 0.0)


def _robust(values: Array) -> float:
    return float(1.4826 * np.median(abs(values - np.median(values))))
