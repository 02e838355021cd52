"""Tiles as a wrapper of the denoiser: at every call the estimates of all tiles are fused into one.

The state of the sampler stays whole; only the network sees tiles. A network of bounded reach gets
each tile with a margin of at least its reach, which is thrown away: the result equals the whole one
to rounding, for any tile. A network of unbounded reach gets an overlap that is blended by a raised
cosine, and its result depends on the tile. Where memory runs out, tiles are halved.
"""

import logging
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.errors import OutOfMemoryError, UsageError
from undrift.common.windows import OVERLAP, Place, fade, grouped, windows

SMALLEST = 32  # pixels a side below which a tile is not halved
log = logging.getLogger("undrift")


class Tiled:
    """Wraps a denoiser; call it as one. tile: pixels kept per tile, one number or one an axis.

    batch: tiles of equal shape given to the network at once. When memory runs out the tile is
    halved, down to 32 pixels, and stays so (`tile` says what was used); then OutOfMemoryError.
    With `halve` False the first lack of memory is that error.
    """

    def __init__(
        self, denoiser: Denoiser, tile: int | Sequence[int], batch: int = 1, halve: bool = True
    ):
        self.denoiser, self.batch, self.halve = denoiser, batch, halve
        self.halved = False
        self.tile = (tile,) if isinstance(tile, int) else tuple(tile)
        if not self.tile or min(self.tile) < 1 or batch < 1:
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
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(x.shape[2:], error)
            if torch.cuda.is_available():  # here the failed attempt has let go of its tensors
                torch.cuda.empty_cache()

    def sizes(self, size: Sequence[int]) -> tuple[int, ...]:
        """Pixels kept along each axis of a signal of that size."""
        tile = self.tile * len(size) if len(self.tile) == 1 else self.tile
        if len(tile) != len(size):
            raise UsageError(f"tile {tile} has {len(tile)} numbers for {len(size)} axes")
        return tuple(min(kept, side) for kept, side in zip(tile, size, strict=True))

    def _halve(self, size: Sequence[int], error: BaseException) -> None:
        tile = self.sizes(size)
        shown = " x ".join(map(str, tile))
        if not self.halve:
            raise OutOfMemoryError(
                f"out of memory for all {shown} pixels at once; use tile auto, or a number"
            ) from error
        if max(tile) // 2 < SMALLEST:
            raise OutOfMemoryError(
                f"out of memory with tiles of {shown} pixels; use a smaller network or batch, "
                "close other programs, or take the device cpu"
            ) from error
        self.halved = True
        self.tile = tuple(min(kept, max(SMALLEST, kept // 2)) for kept in tile)
        smaller = " x ".join(map(str, self.tile))
        log.warning(
            "undrift: out of memory with tiles of %s pixels; going on with %s", shown, smaller
        )

    def _fused(
        self, x: Tensor, t: Tensor | float, y: Tensor | None, level: Tensor | None
    ) -> Estimate:
        size = tuple(x.shape[2:])
        tile = self.sizes(size)
        if tile == size:
            return self.denoiser(x, t, y, level)
        x, y = self._padded(x), None if y is None else self._padded(y)
        sums: dict[str, Tensor] = {}
        weights = torch.zeros(x.shape[2:], dtype=x.dtype, device=x.device)
        axes = [
            windows(side, kept, self.multiple, self.reach)
            for side, kept in zip(x.shape[2:], tile, strict=True)
        ]
        for group in grouped(axes, self.batch):
            self._add(group, self._estimates(group, x, t, y, level), sums, weights)
        crop = (..., *(slice(0, side) for side in size))
        return Estimate(**{name: (total / weights)[crop] for name, total in sums.items()})

    def _padded(self, x: Tensor) -> Tensor:
        """Repeats the last elements so that every side is a multiple of the network's grid."""
        missing = [-side % self.multiple for side in x.shape[2:]]
        if not any(missing):
            return x
        pads = [pad for extra in reversed(missing) for pad in (0, extra)]
        return functional.pad(x, pads, mode="replicate")

    def _estimates(
        self,
        group: Sequence[Place],
        x: Tensor,
        t: Tensor | float,
        y: Tensor | None,
        level: Tensor | None,
    ) -> dict[str, Tensor]:
        """What the denoiser tells about the tiles of a group, (tiles b, c, *space) each."""
        seen = [(..., *(slice(w.start, w.stop) for w in place)) for place in group]
        count = len(group)
        estimate = self.denoiser(
            torch.cat([x[place] for place in seen]),
            t.repeat(count) if isinstance(t, Tensor) and t.ndim else t,
            None if y is None else torch.cat([y[place] for place in seen]),
            None if level is None else level.repeat(count, 1),
        )
        return {name: value for name, value in vars(estimate).items() if value is not None}

    def _add(
        self,
        group: Sequence[Place],
        estimates: dict[str, Tensor],
        sums: dict[str, Tensor],
        weights: Tensor,
    ) -> None:
        """Adds the kept parts of a group of tiles, and how much each counts."""
        size = weights.shape
        for number, place in enumerate(group):
            kept = (..., *(slice(w.low, w.high) for w in place))
            inner = (..., *(slice(w.low - w.start, w.high - w.start) for w in place))
            weight = fade(place, size).to(weights) if self.reach is None else 1.0
            weights[kept] += weight
            for name, value in estimates.items():
                part = value.chunk(len(group))[number]
                if name not in sums:
                    sums[name] = part.new_zeros((*part.shape[:2], *size))
                sums[name][kept] += part[inner] * weight


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory was not there; torch tells it in several ways."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, RuntimeError) and any(text in str(error) for text in words)


def automatic_tile(network: torch.nn.Module, size: Sequence[int], memory: int) -> int:
    """The largest square tile whose activations stay within `memory` bytes, at least 32.

    Uses the network's `bytes_per_element`, a measured figure, or 1 KiB where it has none.
    """
    per_element = float(getattr(network, "bytes_per_element", 1024))
    if math.prod(size) * per_element <= memory:
        return max(size)
    reach = getattr(network, "reach", None)
    whole = (memory / per_element) ** (1 / len(size))
    return max(SMALLEST, int(whole) - 2 * (OVERLAP if reach is None else reach))
