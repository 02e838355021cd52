"""A pushbroom sensor: one row of detectors sweeps the scene, so every fault is a column.

    y = g x + o + n,   var n = sigma_b^2 (r + (1 - r) x),   sigma_b = 1 / (SNR s_b)

g, o: gain and offset of each detector (column) and band, partly common to all bands; n: reading
noise of share r and photon noise; s_b: how bright sun, atmosphere and optics make band b, so that
the signal drowns in the water bands at 1400 and 1900 nm. A few bands are hot, a few detectors dead.
The curve s_b is a coarse one, made up from the position of the bands, not from a radiative model.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_WATER = ((1400.0, 60.0, 0.9), (1900.0, 80.0, 0.9), (760.0, 6.0, 0.5), (940.0, 25.0, 0.6))


@dataclass(frozen=True)
class Pushbroom:
    """snr: of white in the brightest band. reading: r. gain, offset: standard deviations over
    detectors. common: share of the gain that is alike in all bands. dead: share of detectors, one
    a column and band, that give 0. hot: share of bands with four times the noise."""

    snr: float = 120.0
    reading: float = 0.25
    gain: float = 0.01
    offset: float = 0.003
    common: float = 0.3
    dead: float = 0.002
    hot: float = 0.03


@dataclass(frozen=True, eq=False)
class Swept:
    """cube: (bands, rows, columns) float32. sigma: (bands,) root mean square of the random noise.
    gain, offset: (bands, columns). dead: (bands, columns) bool."""

    cube: npt.NDArray[np.float32]
    sigma: Array
    gain: Array
    offset: Array
    dead: npt.NDArray[np.bool_]


def sweep(
    cube: npt.NDArray[np.float32], wavelengths: npt.ArrayLike, sensor: Pushbroom, seed: int = 0
) -> Swept:
    """What the sensor makes of reflectances (bands, rows, columns) in [0, 1].

    wavelengths: (bands,) in nm.
    """
    bands, _, columns = cube.shape
    rng = np.random.default_rng([seed, 7])
    bright = brightness(wavelengths)
    sigma = 1 / sensor.snr / bright * np.where(rng.random(bands) < sensor.hot, 4.0, 1.0)
    share = sensor.reading + (1 - sensor.reading) * cube.clip(0, None)
    variance = sigma[:, None, None] ** 2 * share
    each = rng.standard_normal((bands, columns))
    alike = rng.standard_normal(columns)
    gain = 1 + sensor.gain * ((1 - sensor.common) * each + sensor.common * alike)
    offset = sensor.offset * rng.standard_normal((bands, columns))
    noise = np.sqrt(variance) * rng.standard_normal(cube.shape)
    dead = rng.random((bands, columns)) < sensor.dead
    seen = gain[:, None] * cube + offset[:, None] + noise
    seen = np.where(dead[:, None], 0, seen).astype(np.float32)
    return Swept(seen, np.sqrt(variance.mean((1, 2))), gain, offset, dead)


def brightness(wavelengths: npt.ArrayLike) -> Array:
    """(bands,) light of sun, atmosphere and optics at wavelengths in nm, 1.15 at most, 0.03 least
    of its clear-sky value in the water bands."""
    w = np.asarray(wavelengths, np.float64)
    clear = np.exp(-(((w - 620) / 520) ** 2)) + 0.15
    lost = sum(depth * np.exp(-0.5 * ((w - c) / s) ** 2) for c, s, depth in _WATER)
    return clear * np.clip(1 - lost, 0.03, 1)


def photons(cube: npt.NDArray[np.float32], full: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """Reflectances as counted photons: Poisson of `full` x, over `full`; NaN stays NaN."""
    rng = np.random.default_rng([seed, 11])
    counts = rng.poisson(np.nan_to_num(cube.clip(0, None)) * full) / full
    return np.where(np.isfinite(cube), counts, np.nan).astype(np.float32)
