"""Denoising in the subspace of the signal, with stripes, dead columns and impulses told apart.

    y = x + column offsets + outliers + noise,   x = sum_k e_k a_k, a_k an image

The idea of HIR-Diff (Pang et al. 2024): a cube is a few images times a few spectra, the spectra
come from the data, and a diffusion prior of pictures knows the images. Theirs guides a sampler by
the gradient of the misfit and stops where the truth, which it is shown, is nearest. Here noise is
white in the subspace (`subspace`), so the posterior of an image needs no guidance: the prior is
asked at the image's own noise level, once for the mean or along a chain for samples.

Small gains and offsets of all columns, which a prior of pictures would keep for structure, are
taken away first (`destripe`). What else is no noise is found in turns: estimate; residual; medians
of columns that stand out are stripes; what stands out beyond is an outlier and is replaced by the
estimate in the next turn, as are values at a limit, whose absence is allowed for (`limits`). A band
with many outliers is fitted to the images by the values that are left, since a fill that waits for
the estimate comes slowly.

A scene fills much memory in float64: what a turn no longer needs is written over or forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.destripe import column_offsets, row_gains
from undrift.scientific.hyperspectral.gaps import around
from undrift.scientific.hyperspectral.limits import Limits, limits_of
from undrift.scientific.hyperspectral.medians import median, spread
from undrift.scientific.hyperspectral.noise.estimate import (
    NoiseReport,
    band_residual,
    noise_report,
)
from undrift.scientific.hyperspectral.subspace import Subspace, signal_subspace

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Eigen = Callable[[Array], Array]
TURNS = 5
MOST = 25  # directions of the subspace
OUTLIER = 4.5  # deviations of a value
STRIPE = 4.0  # deviations of a column's median
_WHOLE = 0.2  # share of unknown values up to which a band tells of its columns
_MANY = 0.4  # share of outliers from which a band is fitted
_LEAST = 1e-5  # of a band's range, for the sigma of a band without noise


@dataclass(frozen=True, eq=False)
class Found:
    """What the turns end with: estimate (bands, rows, columns), the sigma of the random noise,
    (bands,), stripes and outliers (bands, rows, columns), the subspace and its noisy images."""

    estimate: Array
    sigma: Array
    stripes: Array
    outliers: Mask
    subspace: Subspace
    noisy: Array


def separate(
    cube: Cube,
    eigen: Eigen,
    turns: int = TURNS,
    most: int = MOST,
    least: int = 1,
    last: Eigen | None = None,
) -> Found:
    """The signal of a cube by a denoiser of its images (k, rows, columns), in `turns` from 1.

    most, least: directions of the subspace. last: the denoiser of the last turn, if another.
    Missing values are filled by the estimate; the caller decides whether to show that.
    """
    rank = most, least
    dead, at_first, guessed = _reported(cube)
    y = cube.array.astype(np.float64)
    gaps = np.isnan(y) | dead[:, None]
    limits = limits_of(y, gaps)
    known = gaps | limits.at
    floor = np.maximum(_LEAST * (np.nanmax(y, (1, 2)) - np.nanmin(y, (1, 2))), 1e-12)
    filled = _first(y, known)
    filled -= at_first[:, None]
    faint = _faint(filled, np.maximum(np.nan_to_num(guessed, nan=1.0), floor), known)
    filled -= faint[:, None]
    y -= faint[:, None]
    stripes, outliers = np.empty_like(y), known
    stripes[:] = at_first[:, None]
    sigma = _from_bands(filled, known, floor)
    ways = [eigen] * (turns - 1) + [last or eigen]
    space, noisy, estimate = _turn(filled, sigma, known, ways[0], rank)
    for way in ways[1:]:
        outliers = _told_apart(y, estimate, known, limits, sigma, (stripes, filled))
        del estimate
        sigma = _from_bands(filled, outliers, floor)
        space, noisy, estimate = _turn(filled, sigma, outliers, way, rank)
    stripes += faint[:, None]
    return Found(estimate, sigma, stripes, outliers, space, noisy)


def _reported(cube: Cube) -> tuple[Mask, Array, Array]:
    """dead, stripes and sigma of the noise report, whose residual is as large as the cube."""
    report = noise_report(cube)
    return report.dead, report.stripes, report.sigma


def _told_apart(
    y: Array, estimate: Array, known: Mask, limits: Limits, sigma: Array, out: tuple[Array, Array]
) -> Mask:
    """The outliers of a turn; writes stripes and the cube that goes on to `out`."""
    stripes, filled = out
    fair = limits.fair(y, estimate, sigma)
    offset, outliers = _rest(fair, estimate, known, sigma)
    np.subtract(fair, offset[:, None], out=filled)
    gains = row_gains(filled, estimate, ~outliers, sigma)
    for band, there in enumerate(~outliers):  # a gain acts on what varies in its column
        middle = np.where(there, estimate[band], 0).sum(0) / np.maximum(there.sum(0), 1)
        stripes[band] = offset[band] + gains[band] * (estimate[band] - middle)
    np.subtract(fair, stripes, out=filled)
    np.copyto(filled, estimate, where=outliers)
    return outliers


def faint_offsets(cube: Cube, report: NoiseReport) -> Array:
    """(bands, columns): what `separate` takes away from all columns first."""
    raw = cube.array.astype(np.float64)
    gaps = np.isnan(raw) | report.dead[:, None]
    known = gaps | limits_of(raw, gaps).at
    sigma = np.maximum(np.nan_to_num(report.sigma, nan=1.0), 1e-12)
    first = _first(raw, known)
    first -= report.stripes[:, None]
    return _faint(first, sigma, known)


def _from_bands(cube: Array, filled: Mask, floor: Array) -> Array:
    """(bands,) sigma by the regression on other bands, of what is not filled.

    The residual of the estimate would give too little: what the subspace holds of the noise, most
    of it where bands are few, is no part of it.
    """
    residual = band_residual(cube)
    residual[filled] = np.nan
    return np.maximum([spread(band) for band in residual], floor)


def _faint(cube: Array, sigma: Array, filled: Mask) -> Array:
    """(bands, columns): offsets of the columns of bands of which most values are known."""
    offset = np.zeros((cube.shape[0], cube.shape[2]))
    whole = filled.mean((1, 2)) < _WHOLE
    if whole.all():
        offset = column_offsets(cube, sigma).offset
    elif whole.any():
        offset[whole] = column_offsets(cube[whole], sigma[whole]).offset
    return offset


def _turn(
    clean: Array, sigma: Array, outliers: Mask, eigen: Eigen, rank: tuple[int, int]
) -> tuple[Subspace, Array, Array]:
    """The subspace, its noisy images and the estimate."""
    space = signal_subspace(clean, sigma, *rank)
    noisy = space.coefficients(clean)
    images = eigen(noisy)
    estimate = space.cube(images)
    for band in np.flatnonzero(outliers.mean((1, 2)) > _MANY):
        estimate[band] = _fitted(clean[band], images, ~outliers[band])
    return space, noisy, estimate


def _fitted(band: Array, images: Array, valid: Mask) -> Array:
    """Least squares of the valid values of a band by the images and a constant."""
    if valid.sum() < 4 * (len(images) + 1):
        return np.full(band.shape, np.median(band))
    basis = np.concatenate([images, np.ones((1, *band.shape))])
    weights = np.linalg.lstsq(basis[:, valid].T, band[valid], rcond=None)[0]
    return np.tensordot(weights, basis, 1)


def _rest(y: Array, estimate: Array, known: Mask, least: Array) -> tuple[Array, Mask]:
    """Stripes (bands, columns) and outliers; `known` are outliers for certain.

    least: (bands,) deviation of the residual that is trusted.
    """
    offset, outliers = np.empty((len(y), y.shape[2])), known.copy()
    for band, hidden in enumerate(known):
        residual = np.where(hidden, np.nan, y[band] - estimate[band])
        sigma = max(spread(residual), least[band])
        offset[band] = _standing_out(median(residual), 1.2533 * sigma, (~hidden).sum(0))
        residual -= offset[band]
        sigma = max(spread(residual), least[band])
        outliers[band] |= abs(residual) > OUTLIER * sigma
    return offset, outliers


def _standing_out(values: Array, error: float, count: npt.NDArray[np.int64]) -> Array:
    """Those of (columns,) that exceed their error over the root of `count`; 0 elsewhere."""
    limit = STRIPE * error / np.sqrt(np.maximum(count, 1))
    return np.where(np.isfinite(values) & (abs(values) > limit), values, 0.0)


def _first(y: Array, outliers: Mask) -> Array:
    """Without gaps: medians of what is around them; 0 in a band without any value."""
    filled = y.copy()
    for band, empty in zip(filled, outliers, strict=True):
        if empty.any():
            band[empty] = 0.0 if empty.all() else around(band, ~empty)[empty]
    return filled
