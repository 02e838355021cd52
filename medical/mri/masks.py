"""Which lines of k-space are measured: the five kinds of masks of fastMRI, bit for bit.

Lines run along the readout; a mask says for each phase encoding whether its line is there. All
kinds keep n0 = round(N f) lines around the centre, f the share of low frequencies, and of the
others (Zbontar et al. 2018, and the project's `subsample.py`):

    random               each with P = (N / R - n0) / (N - n0)
    equispaced           every R-th, which with the centre is more than N / R lines
    equispaced_fraction  every R (n0 - N) / (n0 R - N)-th, rounded, which is N / R lines
    magic                every R-th, shifted on one side so that conjugate lines are not repeated
    magic_fraction       the same at a step that gives about N / R lines

Numbers are drawn from NumPy's legacy generator, whose stream is promised to stay, in their order.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, UsageError, nearest

Lines = npt.NDArray[np.bool_]
Seed = int | Sequence[int]

CENTRES = {4: 0.08, 8: 0.04}  # the shares of the challenges, by acceleration


def seed_of(name: str) -> tuple[int, ...]:
    """The seed fastMRI takes for a file of this name: the code of each letter."""
    return tuple(map(ord, name))


def line_mask(
    kind: str,
    lines: int,
    acceleration: int = 4,
    centre: float | None = None,
    seed: Seed = 0,
    offset: int | None = None,
) -> Lines:
    """(lines,) bool, True where measured.

    kind: a name of `KINDS`. acceleration: R, from 1. centre: f in (0, 1], by default .32 / R, that
    is .08 for 4 and .04 for 8. offset: where regular kinds begin, by default drawn.
    Raises UsageError for an unknown kind and InputError for numbers that cannot be.
    """
    if kind not in KINDS:
        raise UsageError(f"mask {kind!r} is not one of {', '.join(KINDS)}{nearest(kind, KINDS)}")
    share = CENTRES.get(acceleration, 0.32 / acceleration) if centre is None else centre
    if lines < 2 or acceleration < 1 or int(acceleration) != acceleration or not 0 < share <= 1:
        raise InputError(
            f"a mask of {lines} lines, acceleration {acceleration}, centre {share:g}: expected 2 "
            "lines or more, a whole acceleration from 1, and a share of low frequencies in (0, 1]"
        )
    draws = np.random.RandomState(seed)
    draws.randint(0, 1)  # fastMRI draws which of its accelerations to take, here of one
    low = round(lines * share)
    if kind == "magic_fraction":
        low = max(min(low, round(lines / acceleration)), 1)
    return KINDS[kind](draws, lines, int(acceleration), offset, low) | _middle(lines, low)


def _middle(lines: int, low: int) -> Lines:
    mask = np.zeros(lines, bool)
    first = (lines - low + 1) // 2
    mask[first : first + low] = True
    return mask


def _random(draws: Any, lines: int, r: int, offset: int | None, low: int) -> Lines:
    chance = 0.0 if lines == low else (lines / r - low) / (lines - low)
    return draws.uniform(size=lines) < chance


def _equispaced(draws: Any, lines: int, r: int, offset: int | None, low: int) -> Lines:
    mask = np.zeros(lines, bool)
    mask[(draws.randint(0, r) if offset is None else offset) :: r] = True
    return mask


def _equispaced_fraction(draws: Any, lines: int, r: int, offset: int | None, low: int) -> Lines:
    mask = np.zeros(lines, bool)
    if low * r >= lines:  # the centre alone has them all
        return mask
    step = r * (low - lines) / (low * r - lines)
    first = draws.randint(0, round(step)) if offset is None else offset
    mask[np.around(np.arange(first, lines - 1, step)).astype(np.intp)] = True
    return mask


def _magic(draws: Any, lines: int, r: int, offset: int | None, low: int) -> Lines:
    mask = np.zeros(lines, bool)
    if r < 1:
        return mask
    first = draws.randint(0, r) if offset is None else offset
    right, left = (first + 1, first + 2) if first % 2 == 0 else (first + 2, first - 1)
    half = (lines + 1) // 2  # frequencies 0, 1, ... and then those below 0, as the FFT has them
    mask[:half][right::r] = True
    mask[half:][::-1][left::r] = True
    return np.fft.fftshift(mask)


def _magic_fraction(draws: Any, lines: int, r: int, offset: int | None, low: int) -> Lines:
    others = round(lines / r) - low
    return _magic(draws, lines, round(lines / others) if others > 0 else 0, offset, low)


KINDS: dict[str, Callable[[Any, int, int, int | None, int], Lines]] = {
    "random": _random,
    "equispaced": _equispaced,
    "equispaced_fraction": _equispaced_fraction,
    "magic": _magic,
    "magic_fraction": _magic_fraction,
}
