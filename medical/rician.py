"""Noise of magnitude images: Rician, made even by a transform and undone without bias.

m = |A + n1 + i n2| with n1, n2 of deviation sigma has (Gudbjartsson and Patz, MRM 34, 1995)

    E m = sigma sqrt(pi/2) L(-A^2 / 2 sigma^2),     E m^2 = A^2 + 2 sigma^2,

L the Laguerre function of order 1/2: in air a mean of 1.25 sigma and a deviation of .655 sigma,
far above noise A and sigma. f(m) = integral of sigma / deviation(m'), over the means m', has noise
of about sigma everywhere (the delta method: .89 sigma in air, 1.06 at A = 2 sigma, 1.00 from 4
sigma on), so that any method for even Gaussian noise works on it. Its inverse is not that of f but
of A -> E f(m), which takes the bias away (Foi, ISBI 2011).
Both are tables in units of sigma, made once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.volumes.on_disk import is_on_disk, let_go, parts

Array = npt.NDArray[np.float64]
FAR = 12.0  # A / sigma above which noise is Gaussian to 1e-3, and tables end
_FLOOR = float(np.sqrt(np.pi / 2))  # the mean of noise alone, in sigma


def mean(signal: Array) -> Array:
    """E m for signals in units of sigma."""
    from scipy.special import ive

    x = np.asarray(signal, np.float64) ** 2 / 4
    return _FLOOR * ((1 + 2 * x) * ive(0, x) + 2 * x * ive(1, x))


def deviation(signal: Array) -> Array:
    """The deviation of m for signals in units of sigma."""
    return np.sqrt(2 + np.asarray(signal, np.float64) ** 2 - mean(signal) ** 2)


@dataclass(frozen=True)
class Stabiliser:
    """f and its unbiased inverse, for noise of deviation sigma in each part of the complex image.

    Raises InputError unless sigma is positive and finite.
    """

    sigma: float

    def __post_init__(self) -> None:
        if not 0 < self.sigma < np.inf:
            raise InputError(f"sigma {self.sigma:g} of Rician noise: expected a positive number")

    def forward(self, magnitude: npt.NDArray) -> npt.NDArray[np.float32]:
        """f(m), with noise of about sigma; in the units of m, and m itself far above the noise."""
        knots, values, _, _ = _tables()
        return (self.sigma * _line(magnitude / self.sigma, knots, values)).astype(np.float32)

    def inverse(self, value: npt.NDArray) -> npt.NDArray[np.float32]:
        """The signal A whose mean f is `value`; 0 for what lies below that of noise alone."""
        _, _, expected, signals = _tables()
        found = _line(value / self.sigma, expected, signals)
        return (self.sigma * np.maximum(found, 0)).astype(np.float32)


def _line(x: npt.NDArray, knots: Array, values: Array) -> Array:
    """Interpolates; beyond the ends it goes on with the slopes there (below) and 1 (above)."""
    x = np.asarray(x, np.float64)
    found = np.interp(x, knots, values)
    slope = (values[1] - values[0]) / (knots[1] - knots[0])
    found = np.where(x < knots[0], values[0] + slope * (x - knots[0]), found)
    return np.where(x > knots[-1], values[-1] + (x - knots[-1]), found)


@lru_cache(maxsize=1)
def _tables() -> tuple[Array, Array, Array, Array]:
    """m -> f(m), and E f(m) -> A; all in sigma."""
    signals = np.concatenate([np.linspace(0, FAR, 1201)])
    means = mean(signals)
    slopes = 1 / deviation(signals)
    steps = np.diff(means) * (slopes[1:] + slopes[:-1]) / 2
    values = np.concatenate([[0.0], np.cumsum(steps)])
    values += FAR - values[-1]  # far above noise f(m) is close to m
    knots = means
    return knots, values, _expected(signals, knots, values), signals


def _expected(signals: Array, knots: Array, values: Array) -> Array:
    """E f(m) by quadrature over the Rician density."""
    from scipy.special import ive

    magnitudes = np.linspace(1e-6, FAR + 8, 4001)
    transformed = _line(magnitudes, knots, values)
    found = []
    for signal in signals:
        product = magnitudes * signal
        density = magnitudes * np.exp(-((magnitudes - signal) ** 2) / 2) * ive(0, product)
        found.append(float((density * transformed).sum() / density.sum()))
    return np.array(found)


def measured_sigma(magnitude: npt.NDArray) -> float:
    """sigma of a magnitude image (x, y, z), from tissue, where its noise is nearly Gaussian.

    Differences along all three axes in turn leave sqrt(8) times the noise and hardly anything of
    tissue; 1.4826 times the median of their size, over cells of 2 x 2 x 2 voxels above Otsu's
    threshold. Air, which masks and crops take away, is not needed.
    Raises InputError where less than 100 such cells are, or no noise in half of them.
    """
    values = np.asarray(magnitude, np.float32)
    if is_on_disk(values):
        sizes, middle = _counted(values)
    else:
        from undrift.medical.intensity import foreground

        found = _changes(values, foreground(values))
        sizes, middle = found.size, float(np.median(found)) if found.size else 0.0
    sigma = 1.4826 * middle / 8**0.5 if sizes >= 100 else 0.0
    if not sigma > 0:
        raise InputError(
            f"the noise cannot be measured: {sizes} cells of tissue, and half of them alike; "
            "give sigma, its deviation in the units of the volume"
        )
    return sigma


def _changes(values: npt.NDArray, inside: npt.NDArray[np.bool_]) -> npt.NDArray:
    """Sizes of the differences of all cells of 2 x 2 x 2 voxels that lie inside."""
    change = values
    for axis in range(3):
        count = values.shape[axis]
        change = np.diff(change, axis=axis)
        low, high = (np.take(inside, range(k, count - 1 + k), axis) for k in (0, 1))
        inside = low & high
    return np.abs(change[inside])


def _counted(values: npt.NDArray) -> tuple[int, float]:
    """The number of cells and the median of their sizes, of values on the disk."""
    from undrift.medical.percentiles import otsu_level, percentiles

    level = otsu_level(values)

    def pieces() -> Iterator[npt.NDArray]:
        for part in parts(values):
            *before, rows = part
            piece = values[(*before, slice(rows.start, rows.stop + 1))]  # cells reach one further
            yield _changes(piece, piece > level)
            let_go(values)

    count = sum(piece.size for piece in pieces())
    return count, percentiles(pieces, [50])[0] if count else 0.0
