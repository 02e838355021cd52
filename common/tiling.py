"""Tiles as a wrapper of the denoiser: at every call the x0 of all tiles are fused into one.

The state of the sampler stays whole; only the network sees tiles. A network of bounded reach gets
each tile with a margin of at least its reach, which is thrown away: the result equals the whole one
to rounding, for any tile. A network of unbounded reach gets an overlap that is blended by a raised
cosine, and its result depends on the tile. Tiles start on multiples of the network's grid.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.errors import OutOfMemoryError, UsageError

OVERLAP = 32  # of networks with unbounded reach, in pixels
SMALLEST = 32


@dataclass(frozen=True)
class Window:
    """One axis of a tile: the network sees [start, stop), the result counts on [low, high)."""

    start: int
    stop: int
    low: int
    high: int


class Tiled:
    """Wraps a denoiser; call it as one. tile: pixels kept per tile, one number or one an axis.

    batch: tiles of equal shape given to the network at once. When memory runs out the tile is
    halved, down to 32 pixels, and stays so (`tile` says what was used); then OutOfMemoryError.
    """

    def __init__(self, denoiser: Denoiser, tile: int | Sequence[int], batch: int = 1):
        self.denoiser, self.batch = denoiser, batch
        self.tile = (tile,) if isinstance(tile, int) else tuple(tile)
        if min(self.tile) < 1 or batch < 1:
            raise UsageError(f"tile {self.tile} and batch {batch}: expected positive numbers")
        network = denoiser.network
        self.multiple = int(getattr(network, "multiple", 1))
        self.reach: int | None = getattr(network, "reach", None)

    def __call__(
        self, x: Tensor, t: Tensor | float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As `Denoiser.forward`; x, y: (b, c, *space)."""
        while True:
            try:
                return self._fused(x, t, y, level)
            except (torch.OutOfMemoryError, MemoryError) as error:
                self._halve(error)
            except RuntimeError as error:
                if "not enough memory" not in str(error):
                    raise
                self._halve(error)

    def _halve(self, error: BaseException) -> None:
        if max(self.tile) // 2 < SMALLEST:
            raise OutOfMemoryError(
                f"out of memory with tiles of {max(self.tile)} pixels; use a smaller network, "
                "close other programs, or choose --device cpu"
            ) from error
        self.tile = tuple(max(SMALLEST, size // 2) for size in self.tile)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _fused(
        self, x: Tensor, t: Tensor | float, y: Tensor | None, level: Tensor | None
    ) -> Estimate:
        size = x.shape[2:]
        tile = self.tile * len(size) if len(self.tile) == 1 else self.tile
        if len(tile) != len(size):
            raise UsageError(f"tile {tile} has {len(tile)} numbers for {len(size)} axes")
        if all(side <= kept for side, kept in zip(size, tile, strict=True)):
            return self.denoiser(x, t, y, level)
        x, y = self._padded(x), None if y is None else self._padded(y)
        total = torch.zeros_like(x)
        weights = torch.zeros((1, 1, *x.shape[2:]), dtype=x.dtype, device=x.device)
        for group in self._groups(x.shape[2:], tile):
            self._add(group, x, t, y, level, total, weights)
        crop = (..., *(slice(0, side) for side in size))
        return Estimate((total / weights)[crop])

    def _padded(self, x: Tensor) -> Tensor:
        """Repeats the last elements so that every side is a multiple of the network's grid."""
        missing = [-side % self.multiple for side in x.shape[2:]]
        if not any(missing):
            return x
        pads = [pad for extra in reversed(missing) for pad in (0, extra)]
        return functional.pad(x, pads, mode="replicate")

    def _groups(self, size: Sequence[int], tile: Sequence[int]) -> Iterator[list[tuple[Window, ...]]]:
        """Tiles in batches of equal shape."""
        axes = [self.windows(side, kept) for side, kept in zip(size, tile, strict=True)]
        waiting: dict[tuple[int, ...], list[tuple[Window, ...]]] = {}
        for place in itertools.product(*axes):
            shape = tuple(window.stop - window.start for window in place)
            group = waiting.setdefault(shape, [])
            group.append(place)
            if len(group) == self.batch:
                yield waiting.pop(shape)
        yield from waiting.values()

    def windows(self, side: int, kept: int) -> list[Window]:
        """Windows of an axis of `side` elements (a multiple of the grid), `kept` each."""
        grid = self.multiple
        kept = max(grid, kept // grid * grid)
        margin = math.ceil((OVERLAP if self.reach is None else self.reach) / grid) * grid
        result = []
        for low in range(0, side, kept):
            high = min(low + kept, side)
            start, stop = max(0, low - margin), min(side, high + margin)
            blended = self.reach is None
            result.append(Window(start, stop, *((start, stop) if blended else (low, high))))
        return result

    def _add(
        self,
        group: Sequence[tuple[Window, ...]],
        x: Tensor,
        t: Tensor | float,
        y: Tensor | None,
        level: Tensor | None,
        total: Tensor,
        weights: Tensor,
    ) -> None:
        seen = [(..., *(slice(w.start, w.stop) for w in place)) for place in group]
        count = len(group)
        several = level is not None and level.shape[0] > 1
        estimate = self.denoiser(
            torch.cat([x[place] for place in seen]),
            t.repeat(count) if isinstance(t, Tensor) and t.ndim else t,
            None if y is None else torch.cat([y[place] for place in seen]),
            level.repeat(count, 1) if several and level is not None else level,
        ).x0
        for place, part in zip(group, estimate.chunk(count), strict=True):
            kept = (..., *(slice(w.low, w.high) for w in place))
            inner = (..., *(slice(w.low - w.start, w.high - w.start) for w in place))
            weight = self._weight(place, x.shape[2:]).to(x)
            total[kept] += part[inner] * weight
            weights[kept] += weight

    def _weight(self, place: Sequence[Window], size: Sequence[int]) -> Tensor:
        """One within bounded reach; else a raised cosine towards every inner border."""
        if self.reach is not None:
            return torch.ones(())
        weight = torch.ones(())
        for window, side in zip(place, size, strict=True):
            length = window.stop - window.start
            ramp = min(2 * OVERLAP, length // 2)
            rise = torch.sin(math.pi / 2 * (torch.arange(ramp) + 0.5) / max(ramp, 1)) ** 2
            axis = torch.ones(length)
            if window.start > 0:
                axis[:ramp] *= rise
            if window.stop < side:
                axis[length - ramp :] *= rise.flip(0)
            weight = weight[..., None] * axis
        return weight


def automatic_tile(network: torch.nn.Module, size: Sequence[int], memory: int) -> int:
    """The largest square tile whose activations stay within `memory` bytes, at least 32.

    Uses the network's `bytes_per_element`, a measured figure, or 1 KiB where it has none.
    """
    per_element = float(getattr(network, "bytes_per_element", 1024))
    if math.prod(size) * per_element <= memory:
        return max(size)
    margin = getattr(network, "reach", None) or OVERLAP
    whole = (memory / per_element) ** (1 / len(size))
    return max(SMALLEST, int(whole) - 2 * margin)
