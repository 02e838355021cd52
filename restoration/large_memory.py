"""What strips and windows of a large picture may take, so that memory does not grow with it.

A strip takes a measured factor times what the network counts; the wider the picture, the more waits
in the lines of the stream, and strips are lower by as much. Both together take what a picture of
`WIDE` pixels needs, at any width below. A window takes what it sees and two bands of rows: as high
as a window and as wide as the picture, in the numbers of the file, one is read and one is collected
to be written. Bands grow with the picture, and windows are smaller by as much: all together take
what the largest window takes beside the bands of a picture of a few megapixels. What a window takes
is the network's own count times a measured factor, since that count is of maps in float32 that are
worked on at once.
"""

import math

import numpy as np
import torch

from undrift.common.devices import free_memory
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.networks.local_nafnet_rows import line_elements
from undrift.common.sampling import Sampler
from undrift.common.solvers.plan import calls
from undrift.restoration.pictures.picture import Picture

BUDGET = 2 * 10**9  # bytes of activations of a window, where nothing else is said
HIDDEN = 1 + math.sqrt(2)  # margins beyond which colours below full transparency do not matter
_BESIDE = 6 * 10**7  # bytes of a process besides windows and bands: what libraries set up
_NARROW = 3 * 10**7  # bytes of the two bands of 10 megapixels of 8-bit colour
WIDE = 10_000  # pixels of a row up to which strips and what waits take as much as there
_WORK = 8 * 10**4  # pixels of a strip of such a picture, for each thread
_LEAST = 10**8  # bytes of a strip and what waits, at least, for each thread; twice in float32
_THREADS = 4  # at most, of those that strips are higher for
_WAITING = 40  # bytes of a pixel that waits for an answer: its colours, noise and what was said
_STREAMED = (1.3, 2.6)  # memory of a strip over the network's count, in half types and in float32
_RESIDENT = (0.9, 1.2)  # its memory over the network's own count, in half types and in float32


def band_bytes(sheet: Picture, kept: int, scale: float, margin: int) -> int:
    """Bytes of the rows that are read and written for windows that keep so many of the result.

    sheet: the picture that is read, (h, w). margin: in its pixels.
    """
    beyond = margin * (1 + (sheet.alpha is not None) * HIDDEN)
    small = min(sheet.height, kept / scale + 2 * beyond) * sheet.width
    large = min(sheet.height * scale, kept) * sheet.width * scale
    return math.ceil((small + large) * len(sheet.mode) * np.dtype(sheet.depth).itemsize)


def memory_of(sampler: Sampler, bands: int, largest: int) -> int:
    """Bytes that the network may count for a window, beside `bands` of rows.

    largest: what it counts for the largest window of all. Under a bound, the resident memory of the
    process beyond the program stays below it.
    """
    bound = sampler.wishes.max_memory
    over = _RESIDENT[sampler.dtype.itemsize > 2]
    level = max(largest - max(0, bands - _NARROW) / over, largest / 4)
    if bound is None:
        return int(min(level, BUDGET, free_memory(sampler.device) // 3))
    return int(min(level, max(bound - _BESIDE - bands, bound / 4) / over))


def strip_height(sampler: Sampler, network: LocalNAFNet, width: int) -> int | None:
    """Rows of the result that a strip has, a multiple of the network's; None where none fit.

    width: of the result. A strip and what waits take what they need at a width of `WIDE`, or what
    a bound leaves.
    """
    half, count = sampler.dtype.itemsize < 4, calls(sampler.plan())
    a_pixel = network.bytes_per_element * _STREAMED[not half]
    lines = line_elements(network) * sampler.dtype.itemsize * sampler.choice.symmetries
    beside = count * (network.reach * _WAITING + lines)
    threads = min(torch.get_num_threads(), _THREADS)
    level = max(_LEAST * (2 - half) * threads, beside * WIDE + a_pixel * _WORK * threads)
    bound = sampler.wishes.max_memory
    most = free_memory(sampler.device) // 3 if bound is None else bound - _BESIDE
    rows, least = (min(level, most) / width - beside) / a_pixel, network.multiple
    if most < (beside + least * a_pixel) * width:
        return None
    return max(least, int(rows) // least * least)
