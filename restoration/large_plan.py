"""Windows of an open picture: where they lie, what they see, what is made of them.

Strips that are streamed (`large_strips`) are windows as wide as the picture, without margins. Else
a network of bounded reach needs no more than its reach around a window; a plan of n calls needs n
times that. So the window with that margin, restored by itself and cropped, is the window of the
picture restored at once. Noise is drawn by absolute coordinates, and windows begin on the blocks
of the network. Colours below full transparency come from the nearest visible pixel; one that
matters to a window lies within 1 + sqrt 2 times its margin.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from undrift.common.allocator import give_freed_memory_back
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.resize import resized
from undrift.common.sampling import Sampler
from undrift.common.solvers.plan import calls
from undrift.common.tiling import automatic_tile
from undrift.common.windows import Window, windows
from undrift.restoration.images import Picture, bleed
from undrift.restoration.large_memory import HIDDEN, band_bytes, memory_of
from undrift.restoration.large_place import Place
from undrift.restoration.pictures.rows import Rows

BLOCK = 1024  # pixels a side of the blocks whose noise is estimated
ONE = 2**22  # pixels of a picture, at most, that is one block
KEPT = 1600  # pixels a side, of the result, that a window keeps at most: memory is that of one size
_GRIDS = 256  # small pixels, at most, after which a broken scale falls on the grid again


class Work(Protocol):
    """What is done to a window: pixels (1, c, h, w) with their margin -> (1, c, H, W)."""

    scale: float
    sampler: Sampler

    def __call__(self, pixels: Tensor, place: Place) -> Tensor:
        """place: of the window in the whole."""
        ...


@dataclass(frozen=True, eq=False)
class Part:
    """A window that is done. pixels, found: (1, c, h, w) and (1, c, H, W) with their margins.

    kept, large: where what it keeps lies in either. alpha: (h, w) of what it keeps.
    """

    down: Window
    across: Window
    pixels: Tensor
    found: Tensor
    kept: tuple[slice, ...]
    large: tuple[slice, ...]
    alpha: np.ndarray | None

    @property
    def seen(self) -> Tensor:
        """What came where the window counts."""
        return self.pixels[(..., *self.kept)]

    @property
    def restored(self) -> Tensor:
        """What has been made of it."""
        return self.found[(..., *self.large)]


@dataclass(frozen=True, eq=False)
class Plan:
    """An open picture and the windows of both axes, in its own pixels.

    scale: of the result. grid: pixels of the picture that are whole blocks of the result.
    streamed: the network, where windows are strips that it is streamed through (`large_strips`).
    """

    rows: Rows
    down: list[Window]
    across: list[Window]
    scale: float = 1.0
    grid: int = 1
    streamed: LocalNAFNet | None = None

    @property
    def sheet(self) -> Picture:
        """The picture without its pixels."""
        return self.rows.known

    @property
    def tile(self) -> list[int]:
        """Pixels that windows keep, of the result, at most."""
        return [max(self.at(w.high, n) - self.at(w.low, n) for w in axis)
                for n, axis in enumerate((self.down, self.across))]  # fmt: skip

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of the result."""
        return resized(self.sheet.height, self.scale), resized(self.sheet.width, self.scale)

    def at(self, place: int, axis: int) -> int:
        """Where a place of the picture lies in the result; windows begin on whole ones."""
        side = (self.sheet.height, self.sheet.width)[axis]
        return self.size[axis] if place == side else round(place * self.scale)

    def pixels(
        self, down: Window, across: Window, band: "Band"
    ) -> tuple[Tensor, np.ndarray | None]:
        """What a window sees, (1, c, h, w) in [0, 1], and its alpha (h, w)."""
        height, width = self.sheet.height, self.sheet.width
        wide = [_widened(w, self._hidden(w), n) for w, n in ((down, height), (across, width))]
        numbers = band.numbers[wide[0].start - band.start :, wide[1].start : wide[1].stop]
        pixels, alpha = self.rows.unit(numbers[: wide[0].stop - wide[0].start])
        if alpha is None:
            return torch.from_numpy(pixels)[None], None
        crop = tuple(slice(w.start - v.start, w.stop - v.start)
                     for w, v in zip((down, across), wide, strict=True))  # fmt: skip
        filled = np.ascontiguousarray(bleed(pixels, alpha)[(slice(None), *crop)])
        return torch.from_numpy(filled)[None], alpha[crop]

    def band(self, down: Window) -> "Band":
        """The stored rows that windows of a band see."""
        wide = _widened(down, self._hidden(down), self.sheet.height)
        return Band(wide.start, self.rows.read(wide.start, wide.stop))

    def _hidden(self, window: Window) -> int:
        if self.sheet.alpha is None:
            return 0
        margin = max(window.low - window.start, window.stop - window.high)
        return math.ceil(HIDDEN * margin)

    def blocks(self) -> Iterator[Tensor]:
        """The picture up to `ONE` pixels, else blocks of `BLOCK` a side; no thin remainders."""
        height, width = self.sheet.height, self.sheet.width
        side = BLOCK if height * width > ONE else max(height, width)
        for top in range(0, max(1, height - side // 2), side):
            down = _plain(top, min(top + side, height))
            band = self.band(down)
            for left in range(0, max(1, width - side // 2), side):
                across = _plain(left, min(left + side, width))
                yield self.pixels(down, across, band)[0]

    def parts(self, work: Work) -> Iterator[Part]:
        """All windows, from the top and the left."""
        for down in self.down:
            band = self.band(down)
            for across in self.across:
                give_freed_memory_back()  # holes add up
                yield self._part(work, down, across, band)
            del band  # before the next is read

    def _part(self, work: Work, down: Window, across: Window, band: "Band") -> Part:
        pixels, alpha = self.pixels(down, across, band)
        both, sides = (down, across), (self.sheet.height, self.sheet.width)
        rows, columns = ((w.start > 0, w.stop < n) for w, n in zip(both, sides, strict=True))
        place = Place((self.at(down.start, 0), self.at(across.start, 1)), (*rows, *columns))
        found = work(pixels, place)
        kept = tuple(slice(w.low - w.start, w.high - w.start) for w in both)
        large = tuple(
            slice(*(self.at(edge, n) - self.at(w.start, n) for edge in (w.low, w.high)))
            for n, w in enumerate(both)
        )
        shown = None if alpha is None else alpha[kept]
        return Part(down, across, pixels, found, kept, large, shown)


@dataclass(frozen=True, eq=False)
class Band:
    """Stored rows (rows, w, c) from `start`."""

    start: int
    numbers: np.ndarray


def plan_for(rows: Rows, sampler: Sampler, scale: float = 1.0, more: int = 0) -> Plan | None:
    """Windows for a sampler; None where the result would not be that of the whole.

    more: pixels of the picture that a result depends on besides the reach of the network.
    """
    network, wishes = sampler.model.denoiser.network, sampler.wishes
    reach: int | None = getattr(network, "reach", None)
    grid = grid_of(scale, int(getattr(network, "multiple", 1)))
    whole = wishes.pad_modes() or wishes.tile == "off" or sampler.choice.samples > 1
    if reach is None or grid is None or whole or rows.sheet is None:
        return None
    sheet, sides = rows.sheet, (rows.sheet.height, rows.sheet.width)
    large = [resized(side, scale) for side in sides]
    margin = math.ceil(reach * calls(sampler.plan()) / scale) + more
    largest = int((KEPT + 2 * reach) ** 2 * float(getattr(network, "bytes_per_element", 1024)))

    def too_large(kept: int) -> bool:
        """Bands are as high as windows, and take from what these may have."""
        memory = memory_of(sampler, band_bytes(sheet, kept, scale, margin), largest)
        return kept > automatic_tile(network, large, memory)

    kept = bisect_left(range(1, KEPT + 1), True, key=too_large)
    down, across = (cut(side, int(kept / scale), grid, margin) for side in sides)
    return Plan(rows, down, across, scale, grid)


def grid_of(scale: float, multiple: int) -> int | None:
    """Fewest pixels of the picture that are whole blocks of the result; None for odd scales."""
    for count in range(1, _GRIDS + 1):
        large = count * scale
        if abs(large - round(large)) < 1e-9 and round(large) % multiple == 0:
            return count
    return None


def cut(side: int, kept: int, grid: int, margin: int) -> list[Window]:
    """Windows of an axis that begin on the grid and see so many pixels beyond what they keep.

    They keep about as much each, `kept` at most: slivers at the end would see mostly margins.
    """
    most = max(grid, kept // grid * grid)
    even = math.ceil(side / math.ceil(side / most) / grid) * grid
    found = windows(-(-side // grid) * grid, even, grid, margin)
    return [replace(w, stop=min(w.stop, side), high=min(w.high, side)) for w in found]


def _widened(window: Window, more: int, side: int) -> Window:
    start, stop = max(0, window.start - more), min(side, window.stop + more)
    return replace(window, start=start, stop=stop)


def _plain(start: int, stop: int) -> Window:
    return Window(start, stop, start, stop)
