"""A plan of solver steps over a volume of any size, in tiles whose estimates become one.

The state is one volume. At every call of the denoiser each tile is shown its part of the state with
a margin, and the estimates of x0 are put together before the step is taken, so that tiles never
part: a network of bounded reach gives what it would give on the whole (to rounding), one of
unbounded reach is blended (`tile_plan`). Steps are linear and noise depends on absolute coordinates
only, so the state is moved slab by slab. States wait in memory or on the disk (`stores`). Where a
tile does not fit, all are cut smaller and the call begins again.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.allocator import give_freed_memory_back
from undrift.common.devices import autocast
from undrift.common.errors import InputError, OutOfMemoryError
from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.solvers.plan import Step, calls
from undrift.common.tiling import is_out_of_memory
from undrift.common.windows import Place, grouped
from undrift.medical.checkpoint import Point
from undrift.medical.fusing import Fusion
from undrift.medical.stores import Kept, Room, slabs
from undrift.medical.stores import Place as Part
from undrift.medical.tile_plan import Tiles, smaller

log = logging.getLogger("undrift")
Progress = Callable[[float], None]


@dataclass
class Tiled3D:
    """Runs plans over volumes (1, c, x, y, z).

    denoise: a `Denoiser` or `SliceStacks`. tiles: of the volume; cut smaller where memory runs out,
    unless `fixed`. room: where arrays lie. batch: tiles of equal shape at once.
    progress: told the share of calls that are done. after: called with each estimate and its time,
    which it may change. keep: called after each step that called the network, with where it is
    and how many seconds the call took. disagreement: after a run in tiles of unbounded reach, root
    mean square of what tiles say apart from what was made of them, over the voxels that several
    saw at the last call; None where tiles give what the whole gives.
    """

    denoise: Any
    tiles: Tiles
    room: Room
    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    batch: int = 1
    fixed: bool = False
    progress: Progress | None = None
    after: Callable[[Kept, float], None] | None = None
    keep: Callable[[Point, float], None] | None = None
    disagreement: float | None = field(default=None, init=False)
    _calls: int = field(default=1, init=False)
    _done: int = field(default=0, init=False)

    def run(
        self,
        steps: Sequence[Step],
        noise: Noise,
        y: Kept | None = None,
        level: Tensor | None = None,
        state: Kept | None = None,
        channels: int = 1,
        point: Point | None = None,
    ) -> Kept:
        """The last state of a plan, in an array of the room; y and state stay as they are.

        state: (c, x, y, z) to begin from; without it the start is drawn around y, of `channels`
        where there is no y either. point: to go on from, in arrays of the room.
        Raises OutOfMemoryError where the smallest tile does not fit, InputError for steps that are
        not linear and denoisers that estimate y.
        """
        if any(type(step) is not Step for step in steps):
            raise InputError("this solver looks at whole volumes, and cannot run in tiles")
        self._calls, depth = calls(steps), max(step.depth for step in steps)
        if point is None:
            x = self._copied(state) if state else self._started(steps[0].t, noise, y, channels)
            point = Point(0, [x], [])
        self._done, self.disagreement = calls(steps[: point.step]), point.disagreement
        states, values = deque(point.states), deque(point.values)
        for number, step in enumerate(steps[point.step :], point.step + 1):
            began = monotonic()
            if step.calls:
                values.appendleft(self._estimated(states[0], step.t, y, level))
            seconds = monotonic() - began
            x = self._moved(step, number, states, values if step.calls else (), y, noise)
            states.appendleft(x)
            while len(states) > depth:
                self.room.give(states.pop())
            while len(values) > depth - 1:
                self.room.give(values.pop())
            self._done += step.calls
            if step.calls and self.keep is not None:
                self.keep(Point(number, states, values, self.disagreement), seconds)
        for left in [*list(states)[1:], *values]:
            self.room.give(left)
        return states[0]

    def _started(self, t: float, noise: Noise, y: Kept | None, channels: int) -> Kept:
        x = self.room.take((channels, *self.tiles.size) if y is None else y.array.shape)
        for part in slabs(self.tiles.size):
            given = None if y is None else y.read(part)
            x.write(part, start(self.denoise.process, given, self._drawn(noise, 0, x, part), t))
        return x

    def _copied(self, state: Kept) -> Kept:
        x = self.room.take(state.array.shape)
        for part in slabs(self.tiles.size):
            x.write(part, state.read(part))
        return x

    def _drawn(self, noise: Noise, number: int, like: Kept, part: Part) -> Tensor:
        rows, *others = part[0], *self.tiles.size[1:]
        shape = (1, like.array.shape[0], rows.stop - rows.start, *others)
        return noise(shape, number, (rows.start, *(0 for _ in others)))

    def _moved(
        self,
        step: Step,
        number: int,
        states: Sequence[Kept],
        values: Sequence[Kept],
        y: Kept | None,
        noise: Noise,
    ) -> Kept:
        """The next state, slab by slab."""
        new = self.room.take(states[0].array.shape)
        for part in slabs(self.tiles.size):
            given = y.read(part) if y is not None and step.C else None

            def draw(part: Part = part) -> Tensor:
                return self._drawn(noise, number, new, part)

            held = [kept.read(part) for kept in list(states)[: max(1, len(step.A))]]
            seen = [kept.read(part) for kept in list(values)[: len(step.B)]]
            new.write(part, step.advance(held, seen, given, draw))
        return new

    def _estimated(self, x: Kept, t: float, y: Kept | None, level: Tensor | None) -> Kept:
        """x0 of the whole, from all tiles; cuts them smaller until they fit."""
        found = self.room.take(x.array.shape)
        while True:
            try:
                self._fill(found, x, t, y, level)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._smaller(error)
            if torch.cuda.is_available():  # here the failed attempt has let go of its tensors
                torch.cuda.empty_cache()
        if self.after is not None:
            self.after(found, t)
        return found

    def _smaller(self, error: BaseException) -> None:
        shown = " x ".join(map(str, self.tiles.kept))
        told = f"out of memory with tiles of {shown} voxels"
        if self.fixed:
            raise OutOfMemoryError(f"{told}; use --tile auto, or a smaller one") from error
        found = smaller(self.tiles)
        if found is None:
            raise OutOfMemoryError(
                f"{told}, the smallest; use a smaller network or --batch, close other programs, or "
                "take the device cpu"
            ) from error
        self.tiles = found
        log.warning("undrift: %s; going on with %s", told, " x ".join(map(str, found.kept)))

    def _fill(self, found: Kept, x: Kept, t: float, y: Kept | None, level: Tensor | None) -> None:
        fusion = Fusion(self.tiles, found, self.room, self._done + 1 == self._calls)
        number = 0
        for group in grouped(self.tiles.axes, self.batch):
            if self.tiles.count > 1:  # memory is short: holes of many sizes add up
                give_freed_memory_back()
            parts = self._called(group, x, t, y, level)
            for place, part in zip(group, parts, strict=True):
                fusion.put(place, part)
            number += len(group)
            if self.progress is not None:
                self.progress((self._done + number / self.tiles.count) / self._calls)
        self.disagreement = fusion.finish()

    def _called(
        self, group: Sequence[Place], x: Kept, t: float, y: Kept | None, level: Tensor | None
    ) -> list[Tensor]:
        """The estimates of tiles of one shape, each (1, c, x, y, z) as seen."""
        states = torch.cat([self._seen(x, place) for place in group])
        beside = None if y is None else torch.cat([self._seen(y, place) for place in group])
        told = None if level is None else level.to(self.device).expand(len(group), -1)
        with torch.inference_mode(), autocast(self.device, self.dtype):
            estimate = self.denoise(states, t, beside, told)
        if estimate.y is not None:
            raise InputError("networks that estimate y beside x0 do not run on volumes")
        return list(estimate.x0.split(1))

    def _seen(self, kept: Kept, place: Place) -> Tensor:
        """What a tile sees, its end repeated up to the network's grid; on the device."""
        ends = [min(w.stop, side) for w, side in zip(place, self.tiles.size, strict=True)]
        part = kept.read(tuple(slice(w.start, end) for w, end in zip(place, ends, strict=True)))
        part = part.to(self.device)
        pads = [(0, w.stop - end) for w, end in zip(place, ends, strict=True)]
        flat = [pad for pair in reversed(pads) for pad in pair]
        return functional.pad(part, flat, mode="replicate") if any(flat) else part
