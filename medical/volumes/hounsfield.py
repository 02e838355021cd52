"""Are these numbers Hounsfield units?  What their distribution says, with air in the field or not.

The scale is tied to air (-1000) and water (0), so that all patients look alike: lung below -500,
fat at -100, organs from 0 to 100 (to 300 with contrast medium), bone above, little of it above 800.
Noise apart, a volume without one number below zero is therefore a crop of organs, a narrow range,
or of bone. It is refused where it has what neither has: a background at zero, which in magnitudes
of MR follows Rayleigh's law, so that some of it is far darker than the rest; the range of a
picture; much above 800, as where the intercept of stored numbers was left out. What may yet be HU
is told: bone alone, a few numbers slightly below zero (interpolation), much above 800. Numbers all
within 10 of zero were divided by 1000, normalised or standardised, and are refused.
"""

import math
from dataclasses import dataclass

import numpy as np

from undrift.medical.volumes.on_disk import extremes, thinned
from undrift.medical.volumes.volume import Values

ENOUGH = 2**20  # voxels whose quantiles are looked at
DIVIDED = 10.0  # HU; noise of a scan alone goes further
ORGANS, SPAN = 300.0, 200.0  # HU: the brightest, with contrast medium, and how far they lie apart
NEAR = 0.1  # of the bright end: what is near zero
BACKGROUND = 0.3  # share of voxels near zero
DARKER = 0.2  # the darkest of a background over its median; Rayleigh's law: .12 for quantile .01
RINGING = 0.05  # of the bright end, by which interpolation leaves numbers below zero
DENSE = 800.0  # HU of dense bone
MUCH = {True: 0.25, False: 0.1}  # share it hardly ever has, with air or padding in the field or not
AIRY = -200.0  # HU, below which is air, lung or padding
UNSTORED = 1500.0  # HU + 1024 of bone
EXPECTED = "expected Hounsfield units (air -1000, fat -100, water 0)"
MR = "undrift medical denoise --kind mr"


@dataclass(frozen=True)
class _Spread:
    """Numbers of a volume: its ends, quantiles and shares of voxels."""

    low: float
    high: float
    dim: float  # quantile .01
    median: float
    bright: float  # quantile .99
    below: float  # zero
    dense: float
    background: bool

    @property
    def is_dense(self) -> bool:
        """Whether more is above `DENSE` than bone is likely to be."""
        return self.dense > MUCH[self.dim < AIRY]

    @property
    def is_organs(self) -> bool:
        """Whether it may be a crop of organs in HU."""
        narrow = self.bright <= ORGANS and self.bright - self.dim <= SPAN
        return narrow and not self.background

    def __str__(self) -> str:
        ends = f"values from {self.low:.6g} to {self.high:.6g}, their median {self.median:.3g}"
        return ends if self.low < 0 else f"{ends} and none below zero"


def not_hounsfield(array: Values) -> str:
    """Why the numbers of a volume are no HU and a task refuses them; "" where they may be.

    array: finite, more than one value, in memory or on the disk.
    """
    found = _spread(array)
    if max(-found.low, found.high) <= DIVIDED:
        return f"{found}, {EXPECTED}: undo the normalisation"
    if found.low < 0 or found.is_organs:
        return ""
    if found.high <= 255:
        return (
            f"{found}, like a picture's, {EXPECTED}: undo the window. For magnitudes of MR "
            f"there is {MR}"
        )
    if found.high >= UNSTORED and found.is_dense:
        return (
            f"{found}, {EXPECTED}: stored numbers without their intercept? Subtract 1024. For "
            f"magnitudes of MR there is {MR}"
        )
    if found.background:
        return (
            f"{found}, with a background at zero, {EXPECTED}: magnitudes of MR? For these there is "
            f"{MR}. In CT set the background to -1000"
        )
    return ""


def doubts(array: Values) -> list[str]:
    """What makes HU unlikely and yet possible: a sentence, [] for none. array: see above."""
    found, told = _spread(array), []
    if found.low >= -RINGING * found.bright and not found.is_organs:
        below = f", {100 * found.below:.2g} % of them below zero" if found.low < 0 else ""
        told.append(f"neither air nor fat{below}")
    if found.is_dense:
        told.append(f"{100 * found.dense:.0f} % above {DENSE:g}, where only dense bone is")
    if not told:
        return []
    return [
        f"NOT IN HOUNSFIELD UNITS? {found}: {' and '.join(told)}; {EXPECTED}. If these are "
        f"magnitudes of MR ({MR}) or numbers without their intercept, the result means nothing"
    ]


def _spread(array: Values) -> _Spread:
    low, high = extremes(array)
    step = math.ceil((array.size / ENOUGH) ** (1 / array.ndim))
    some = thinned(array, max(1, step))
    dim, median, bright = (float(q) for q in np.quantile(some, (0.01, 0.5, 0.99)))
    near = some[some < NEAR * bright]
    at_zero = near.size > BACKGROUND * some.size and _is_background(near)
    below, dense = (float(np.mean(mask)) for mask in (some < 0, some > DENSE))
    return _Spread(low, high, dim, median, bright, below, dense, at_zero)


def _is_background(near: Values) -> bool:
    darkest, median = np.quantile(near, (0.01, 0.5))
    return bool(darkest <= DARKER * median)
