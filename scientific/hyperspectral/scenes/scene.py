"""A landscape of materials, mixed and lit, as (bands, rows, columns) of reflectance.

Leaves that fall on each other, with sizes of density r^-3 (Lee, Mumford & Huang 2001), give edges
at all scales; each leaf is one of several materials, drawn in two to four variants a family. They
are laid at twice the resolution, blurred by the sensor's spot (sigma .8 pixel) and averaged, hence
border pixels mix. On top:

    y = (sum_i a_i e_i + b sum_{i<j} a_i a_j e_i e_j) (1 + v f) (1 + v g (w - mean w) / range)

the bilinear scattering of Fan et al. (2009), b = .2, a shade f and a tilt g of the spectrum,
random fields with a power law.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.scenes.materials import FAMILIES, material
from undrift.scientific.hyperspectral.scenes.sensors import Sensor

Array = npt.NDArray[np.float64]
_OVER = 2  # fine pixels a pixel


@dataclass(frozen=True)
class Landscape:
    """families: how many are drawn. variants: of each, from and to. bilinear: b. variability: v.
    spot: sigma of the sensor in pixels. leaves: a pixel of the larger side. texture: how much
    random fields mix into the leaves. only: the families to draw from, all by default."""

    families: int = 5
    variants: tuple[int, int] = (2, 4)
    bilinear: float = 0.2
    variability: float = 0.08
    spot: float = 0.8
    leaves: float = 6.0
    texture: float = 0.15
    only: tuple[str, ...] = tuple(FAMILIES)


def scene(
    rows: int,
    columns: int,
    sensor: Sensor,
    seed: int,
    land: Landscape = Landscape(),
) -> Cube:
    """A cube in [0, 1], float32; a function of its arguments alone."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([seed, 2026])
    spectra = _spectra(sensor, rng, land)
    size = (_OVER * rows, _OVER * columns)
    labels = _leaves(size, len(spectra), rng, round(land.leaves * max(rows, columns)))
    shares = np.empty((len(spectra), rows, columns))
    for index in range(len(spectra)):
        soft = gaussian_filter((labels == index).astype(np.float64), land.spot * _OVER)
        soft = soft + land.texture / len(spectra) / (1 + np.exp(-2 * power_field(size, rng)))
        shares[index] = soft.reshape(rows, _OVER, columns, _OVER).mean((1, 3))
    shares /= shares.sum(0)
    mixed = np.tensordot(spectra, shares, (0, 0))
    # sum over pairs i < j of (a e)_i (a e)_j is half of (sum)^2 less the sum of squares
    pairs = (mixed**2 - np.tensordot(spectra**2, shares**2, (0, 0))) / 2
    w = sensor.wavelengths
    place = ((w - w.mean()) / max(np.ptp(w), 1e-9))[:, None, None]
    shade = 1 + land.variability * power_field((rows, columns), rng, -3.2)
    tilt = 1 + land.variability * power_field((rows, columns), rng) * place
    cube = ((mixed + land.bilinear * pairs) * shade * tilt).clip(0, 1).astype(np.float32)
    said = f"synthetic scene, seed {seed}, not an observation"
    return Cube(cube, w, sensor.fwhm, stored=Stored(), notes=(said,))


def power_field(size: tuple[int, int], rng: np.random.Generator, exponent: float = -3.0) -> Array:
    """A Gaussian field of `size` with power |k|^exponent, mean 0 and deviation 1."""
    rows, columns = size
    k = np.hypot(np.fft.fftfreq(rows)[:, None] * rows, np.fft.rfftfreq(columns)[None] * columns)
    k[0, 0] = 1
    waves = np.fft.rfft2(rng.standard_normal(size)) * k ** (exponent / 2)
    field = np.fft.irfft2(waves, s=size)
    return (field - field.mean()) / field.std()


def _spectra(sensor: Sensor, rng: np.random.Generator, land: Landscape) -> Array:
    """(materials, bands): variants of a few families."""
    names = rng.permutation(list(land.only))[: land.families]
    fine = sensor.fine
    drawn = []
    for name in names:
        for _ in range(int(rng.integers(land.variants[0], land.variants[1] + 1))):
            drawn.append(material(str(name), fine, rng))
    return np.stack(drawn) @ sensor.response().T


def _leaves(
    size: tuple[int, int], kinds: int, rng: np.random.Generator, count: int
) -> npt.NDArray[np.int64]:
    """(rows, columns) of material numbers: ellipses and rectangles, large ones first."""
    rows, columns = size
    least, most = 3.0 * _OVER, max(rows, columns) / 3
    u = rng.random(count)
    radii = np.sort((least**-2 - u * (least**-2 - most**-2)) ** -0.5)[::-1]
    labels = np.full(size, int(rng.integers(kinds)))
    for radius in radii:
        cy, cx = rng.random(2) * size
        turn, flat = rng.random() * np.pi, rng.uniform(0.4, 1)
        top, left = max(0, int(cy - 1.5 * radius)), max(0, int(cx - 1.5 * radius))
        y, x = np.mgrid[
            top : min(rows, int(cy + 1.5 * radius) + 1),
            left : min(columns, int(cx + 1.5 * radius) + 1),
        ]
        along = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
        across = ((y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)) / flat
        round_one = rng.random() < 0.5
        inside = (
            np.hypot(along, across) < radius
            if round_one
            else (np.maximum(abs(along), abs(across)) < radius)
        )
        labels[y[inside], x[inside]] = int(rng.integers(kinds))
    return labels
