"""Receiver coils: smooth complex sensitivities that differ from place to place.

`ring_coils` is the simple model: loops on a ring around the head, magnitude 1 / distance, phase by
the angle at which the loop sees the voxel, divided by the root of the sum of squares so that this
sum is 1 everywhere and a plain sum-of-squares picture is the picture itself.
"""

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Complex = npt.NDArray[np.complex64]


def ring_coils(
    grid: tuple[int, ...], count: int = 8, radius: float = 1.5, height: float = 0.4
) -> Complex:
    """(count, *grid) complex64, two or three axes; the sum of squared magnitudes is 1.

    radius: of the ring, in half widths of the grid. height: how far coils stand above and below
    the middle, in turn.

    Raises InputError for no coil, other numbers of axes, and a ring that cuts into the grid.
    """
    if count < 1 or len(grid) not in (2, 3) or radius <= 1 or min(grid) < 1:
        raise InputError(
            f"{count} coils on a ring of {radius:g} half widths for a grid {grid}: expected a coil "
            "or more, two or three axes, and a ring above 1 half width"
        )
    axes = np.ix_(*(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in grid))
    maps = []
    for number in range(count):
        turn = 2 * np.pi * number / count
        place = (radius * np.cos(turn), radius * np.sin(turn), height * (-1) ** number)
        offsets = [axis - at for axis, at in zip(axes, place, strict=False)]
        distance = np.sqrt(sum(offset**2 for offset in offsets))
        maps.append(np.exp(1j * (np.arctan2(offsets[0], offsets[1]) + turn)) / distance)
    stack = np.stack(maps)
    return (stack / np.sqrt((np.abs(stack) ** 2).sum(0))).astype(np.complex64)
