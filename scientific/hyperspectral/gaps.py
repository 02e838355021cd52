"""A first guess of what is missing in a band: the median of the valid values around.

Where a column is dead, its neighbours know it far better than the band as a whole does; a guess
that is far off is corrected by the other bands only slowly, where bands are few.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def around(band: Array, valid: Mask) -> Array:
    """(rows, columns): medians of the valid values in windows that grow until they hold some."""
    filled = np.full(band.shape, np.median(band[valid]))
    todo = ~valid
    for reach in (1, 2, 4):
        padded = np.pad(np.where(valid, band, np.nan), reach, constant_values=np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1,) * 2)
        there = windows[todo].reshape(int(todo.sum()), -1)
        some = np.isfinite(there).any(1)
        places = np.argwhere(todo)[some]
        filled[tuple(places.T)] = np.nanmedian(there[some], 1)
        todo[tuple(places.T)] = False
        if not todo.any():
            break
    return filled
