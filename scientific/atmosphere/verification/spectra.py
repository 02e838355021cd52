"""Spectra of fields on a plane and along circles of latitude.

    plane    variance in rings of |k|, which adds up to the variance of the field
    mean     power of the orthonormal transform, mean over the waves of a ring; k in waves a field
             along each axis (as PhysicsNeMo and Earth2Studio; for fields that are square)
    zonal    S_0 = C |F_0|^2, S_k = 2 C |F_k|^2, with F the transform over n points divided by n and
             C the circumference of the circle, metre unit^2 (as WeatherBench 2)

A restored field whose spectrum falls off sooner than the truth's is too smooth, whatever its error.
"""

import math

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Array = npt.NDArray[np.float64]
EARTH = 6_371_000.0  # metres, of the radius


def plane_spectrum(field: npt.ArrayLike) -> tuple[Array, Array]:
    """Wavenumbers k = 1 ... (k,) in waves over the shorter side, and variance (..., k) in rings.

    field: (..., y, x) with equal distances of points. Ring k holds the waves that round to k; rings
    go to half the shorter side; what lies in the corners beyond is left out. The sum over all waves
    is the variance of the field.
    """
    x = np.asarray(field, np.float64)
    number, power = _waves(x)
    ring = np.rint(number).astype(int)
    most = min(x.shape[-2:]) // 2
    flat = power.reshape(*x.shape[:-2], -1)
    rings = np.arange(1, most + 1)
    sums = np.stack([flat[..., (ring == k).ravel()].sum(-1) for k in rings], -1)
    return rings.astype(np.float64), sums


def mean_spectrum(field: npt.ArrayLike) -> tuple[Array, Array]:
    """Centres (bins,) and mean power (..., bins) of a field (..., y, x).

    min(h, w) // 2 - 1 bins of equal width from 0 to the largest |k| plus 1; the mean of the field
    lies in the first.
    """
    x = np.asarray(field, np.float64)
    _check(x)
    h, w = x.shape[-2:]
    number = np.hypot(np.fft.fftfreq(h)[:, None] * h, np.fft.fftfreq(w)[None] * w).ravel()
    count = min(h // 2, w // 2) - 1
    width = (number.max() + 1) / count
    power = (np.abs(np.fft.fft2(x, norm="ortho")) ** 2).reshape(*x.shape[:-2], -1)
    ring = (number // width).astype(int)
    means = np.stack([power[..., ring == k].mean(-1) for k in range(count)], -1)
    return (np.arange(count) + 0.5) * width, means


def log_spectral_distance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """10 sqrt(mean over bins of (lg ratio)^2) of `mean_spectrum`, in dB; 0 is equal.

    Mean over leading axes. Raises InputError for shapes that differ.
    """
    if np.shape(first) != np.shape(second):
        raise InputError(f"fields of {np.shape(first)} and {np.shape(second)}; expected one shape")
    ratio = np.log10(mean_spectrum(first)[1] / mean_spectrum(second)[1])
    return float(10 * np.sqrt((ratio**2).mean(-1)).mean())


def zonal_spectrum(
    field: npt.ArrayLike, latitudes: npt.ArrayLike, radius: float = EARTH
) -> tuple[Array, Array]:
    """Wavelengths per metre (lat, k) and energy (..., lat, k) of fields (..., lat, lon).

    The longitudes go once around; radius in metres (WeatherBench 2 takes 6 367 500). Raises
    InputError where latitudes do not fit.
    """
    x, degrees = np.asarray(field, np.float64), np.asarray(latitudes, np.float64)
    if x.ndim < 2 or degrees.shape != (x.shape[-2],):
        raise InputError(f"{degrees.shape} latitudes for fields of {x.shape}; expected (lat, lon)")
    circle = 2 * math.pi * radius * np.cos(np.deg2rad(degrees))
    waves = np.fft.rfft(x, axis=-1) / x.shape[-1]
    energy = np.abs(waves) ** 2 * circle[:, None]
    energy[..., 1:] *= 2
    with np.errstate(divide="ignore", invalid="ignore"):  # the poles have no circle
        return np.arange(waves.shape[-1]) / circle[:, None], energy


def _waves(x: Array) -> tuple[Array, Array]:
    """|k| in waves over the shorter side (y, x) and the variance of each wave (..., y, x)."""
    _check(x)
    h, w = x.shape[-2:]
    side = min(h, w)
    ky, kx = np.fft.fftfreq(h)[:, None] * side, np.fft.fftfreq(w)[None] * side
    power = np.abs(np.fft.fft2(x)) ** 2 / (h * w) ** 2
    power[..., 0, 0] = 0
    return np.hypot(ky, kx), power


def _check(x: Array) -> None:
    if x.ndim < 2 or min(x.shape[-2:]) < 4:
        raise InputError(f"a field of shape {x.shape}; expected (..., y, x) with 4 points or more")
