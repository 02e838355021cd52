"""Finds scratches and dust in a scanned photograph: thin, long lines and small spots.

A line at most a few pixels wide stands out in the top-hat, x minus its opening by a disc wider than
the line (dark lines: in the closing). Edges and fine texture do so too, but only a scratch goes on
straight: the top-hat, cut at a ceiling so that no single highlight counts as much as a line, is
averaged along straight pieces in many directions, and must exceed what lies beside it and a share
of the texture around. Weak parts count where they touch strong ones (hysteresis), and what is left
must be long, or, for dust, a spot that stands out many times more than anything near it. The
numbers were chosen on four photographs of `wheel-photos`.
"""

from typing import Any

import numpy as np

WIDTH = 4  # pixels, of the widest scratch
LENGTH = 41  # pixels, of the straight pieces
DIRECTIONS = 24
CEILING = 0.12  # of a top-hat, in the unit of the picture
LOW, HIGH = 0.03, 0.095  # of the mean along a piece
TEXTURE = 0.25  # of the mean around, taken off
FAINT = 0.02  # top-hats below are ground
LONG = 60  # pixels; shorter finds are no scratches
SPOT, SPOT_AREA = 0.3, 40


def find_scratches(pixels: np.ndarray) -> np.ndarray:
    """(h, w) bool, True at scratches and dust, of a picture (c, h, w) in [0, 1]."""
    grey = pixels.mean(0, dtype=np.float32)
    found = np.zeros(grey.shape, bool)
    for plane in (grey, 1 - grey):
        hat = _top_hat(plane)
        found |= _lines(hat) | _spots(hat)
    return found


def _top_hat(plane: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter
    from skimage.morphology import disk, white_tophat

    hat: Any = white_tophat(gaussian_filter(plane, 0.5), disk((WIDTH + 2) // 2))
    return hat


def _lines(hat: np.ndarray) -> np.ndarray:
    from scipy.ndimage import uniform_filter
    from skimage.filters import apply_hysteresis_threshold

    cut = np.minimum(hat, CEILING)
    along = _along(cut)
    strength = along - TEXTURE * uniform_filter(cut, 61, mode="reflect")
    strength = strength * (hat > 0.5 * along)  # only the crest of what was averaged
    found = apply_hysteresis_threshold(strength, LOW, HIGH)
    return _long_ones(found) & (hat > FAINT)


def _along(hat: np.ndarray) -> np.ndarray:
    """The largest mean along a straight piece through a pixel, less the mean beside it."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    padded = np.pad(hat, LENGTH, "reflect" if min(hat.shape) > LENGTH else "symmetric")
    size = [next_fast_len(side + 2 * LENGTH, real=True) for side in padded.shape]
    spectrum: Any = rfft2(padded, size)
    best = np.zeros_like(hat)
    for turn in np.arange(DIRECTIONS) * 180 / DIRECTIONS:
        kernel = _piece(float(turn)).astype(np.float32)
        start = LENGTH + kernel.shape[0] // 2
        mean: Any = irfft2(spectrum * rfft2(kernel, size), size)
        inside = mean[start : start + hat.shape[0], start : start + hat.shape[1]]
        best = np.maximum(best, inside)
    return best


def _piece(turn: float) -> np.ndarray:
    """A straight piece of sum 1 less its two neighbours at a distance, of sum 1/2 each."""
    from undrift.common.operators.kernels import motion_kernel

    line = motion_kernel(LENGTH, turn, LENGTH + 2).numpy()
    apart = 1.5 * WIDTH
    shift = apart * np.array([np.cos(np.radians(turn)), np.sin(np.radians(turn))])
    side = sum(_moved(line, sign * shift) for sign in (-1, 1))
    return _moved(line, np.zeros(2)) - side / 2


def _moved(kernel: np.ndarray, shift: np.ndarray) -> np.ndarray:
    room = np.pad(kernel, 2 * WIDTH)
    return np.roll(room, tuple(round(float(s)) for s in shift), (0, 1))


def _long_ones(found: np.ndarray) -> np.ndarray:
    from skimage.measure import label, regionprops

    marks: Any = label(found, connectivity=2)
    keep = np.zeros(int(marks.max()) + 1, bool)
    for region in regionprops(marks):
        height = region.bbox[2] - region.bbox[0]
        width = region.bbox[3] - region.bbox[1]
        keep[region.label] = np.hypot(height, width) >= LONG
    return keep[marks]


def _spots(hat: np.ndarray) -> np.ndarray:
    from scipy.ndimage import uniform_filter
    from skimage.measure import label, regionprops

    near = uniform_filter(hat, 41, mode="reflect")
    marks: Any = label(hat > np.maximum(SPOT, 12 * near), connectivity=2)
    keep = np.zeros(int(marks.max()) + 1, bool)
    for region in regionprops(marks):
        keep[region.label] = region.area <= SPOT_AREA
    return keep[marks]
