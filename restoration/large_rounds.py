"""Back-projection of a picture that waits in scratch files, in windows of the small grid.

How often it is repeated depends on the residual of the whole picture. All rounds of a window are
counted from its residual alone (`back_projection`), with a margin that holds them all: once for the
sums of squares after each number of rounds, and once more for what the rounds that are taken give
to the result.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.allocator import give_freed_memory_back
from undrift.common.resize import upscale
from undrift.common.windows import Window
from undrift.restoration.back_projection import REACH, given_back
from undrift.restoration.consistency import enlarged, reduced
from undrift.restoration.large_plan import Band, Plan, cut
from undrift.restoration.large_scratch import Scratch
from undrift.restoration.pictures import values

SUPPORT = 4  # small pixels that a reduction and an enlargement together see
KEPT = (512, 1024)  # rows and columns, of the result, of a window: no more than strips take


def windows_for(plan: Plan, rounds: int) -> Plan:
    """The plan with windows that see what `rounds` rounds need."""
    sides, margin = (plan.sheet.height, plan.sheet.width), SUPPORT + rounds * REACH
    down, across = (
        cut(side, int(kept / plan.scale), plan.grid, margin)
        for side, kept in zip(sides, KEPT, strict=True)
    )
    return replace(plan, down=down, across=across)


@dataclass(frozen=True, eq=False)
class Waiting:
    """A picture in scratch files. x: the network's result; rest: its residual on the small grid.

    plan: of windows that see what all rounds need (`windows_for`).
    """

    plan: Plan
    x: Scratch
    rest: Scratch

    def residuals(self, rounds: int) -> list[float]:
        """Finds the residual; its rms after 0 ... `rounds` rounds."""
        squares, count = [0.0] * (rounds + 1), 0
        for down in self.plan.down:
            band = self.plan.band(down)
            for across in self.plan.across:
                rest = self._left(down, across, band)
                kept = (..., *(slice(w.low - w.start, w.high - w.start) for w in (down, across)))
                self.rest.put(rest[kept], down.low, across.low)
                for number in range(rounds + 1):
                    squares[number] += float(rest[kept].double().square().sum())
                    if number < rounds:
                        rest = given_back(rest, self._size(down, across), self.plan.scale)
                count += rest[kept].numel()
                give_freed_memory_back()  # holes add up
        return [math.sqrt(total / count) for total in squares]

    def _left(self, down: Window, across: Window, band: Band) -> Tensor:
        """The residual of the network's result where a window sees it."""
        pixels, _ = self.plan.pixels(down, across, band)
        sides = (self._large(w.start, w.stop, n) for n, w in enumerate((down, across)))
        return pixels - reduced(self.x.read(*sides), pixels, self.plan.scale)

    def numbers(self, rounds: int) -> Iterator[np.ndarray]:
        """Bands of the result as they are stored, (rows, w[, c])."""
        plan, sheet = self.plan, self.plan.sheet
        for down in plan.down:
            out = np.empty(0)  # the band before is let go of
            band = None if sheet.alpha is None else plan.band(down)
            for across in plan.across:
                x, alpha = self._result(down, across, rounds), self._alpha(down, across, band)
                numbers = values.stored(x[0].numpy(), alpha, sheet.depth, sheet.value_range)
                if across.low == 0:
                    size = (len(numbers), plan.size[1], *numbers.shape[2:])
                    out = np.empty(size, numbers.dtype)
                out[:, slice(*self._large(across.low, across.high, 1))] = numbers
                give_freed_memory_back()
            yield out

    def _result(self, down: Window, across: Window, rounds: int) -> Tensor:
        """What a window keeps of the result."""
        rows, columns = (self._large(w.low, w.high, n) for n, w in enumerate((down, across)))
        x = self.x.read(rows, columns)
        if rounds:
            x += self._given(down, across, rounds)[self._inner(down, across)]
        return x

    def _given(self, down: Window, across: Window, rounds: int) -> Tensor:
        """What all rounds add to what a window sees of the result."""
        size = self._size(down, across)
        rest = self._rest(down, across)
        total = rest.clone()
        for _ in range(rounds - 1):
            rest = given_back(rest, size, self.plan.scale)
            total += rest
        return upscale(total, self.plan.scale, size)

    def _rest(self, down: Window, across: Window) -> Tensor:
        return self.rest.read((down.start, down.stop), (across.start, across.stop))

    def _size(self, *both: Window) -> tuple[int, int]:
        (top, bottom), (left, right) = (self._large(w.start, w.stop, n) for n, w in enumerate(both))
        return bottom - top, right - left

    def _large(self, start: int, stop: int, axis: int) -> tuple[int, int]:
        return self.plan.at(start, axis), self.plan.at(stop, axis)

    def _inner(self, *both: Window) -> tuple[Any, ...]:
        """What windows keep of the result that they see."""
        low = [self.plan.at(w.start, n) for n, w in enumerate(both)]
        ends = [self._large(w.low, w.high, n) for n, w in enumerate(both)]
        return (..., *(slice(a - s, b - s) for s, (a, b) in zip(low, ends, strict=True)))

    def _alpha(self, down: Window, across: Window, band: Band | None) -> np.ndarray | None:
        small = None if band is None else self.plan.pixels(down, across, band)[1]
        if small is None:
            return None
        large = enlarged(torch.from_numpy(np.ascontiguousarray(small))[None], self.plan.scale)
        return large[(0, *self._inner(down, across)[1:])].clamp(0, 1).numpy()
