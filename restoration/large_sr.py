"""`sr` from file to file: windows through the network, then smaller ones through back-projection.

The network's results wait in a scratch file as floats, since how often back-projection is repeated
depends on the residual of the whole picture. A round makes the next scratch file from the last. A
pixel of it depends on small ones two away for the enlargement, and these on two more for the
reduction: a window that sees `SUPPORT` more is exact.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.resize import upscale
from undrift.common.sampling import Sampler
from undrift.common.windows import Window
from undrift.restoration.channels import GreyAsColour
from undrift.restoration.consistency import enlarged, level_of, reduced, rounding_noise
from undrift.restoration.large_plan import Band, Plan, cut, plan_for
from undrift.restoration.large_scratch import Scratch, free_bytes
from undrift.restoration.mending import mended
from undrift.restoration.pictures import values
from undrift.restoration.pictures.row_files import write_rows
from undrift.restoration.pictures.rows import Rows, blank
from undrift.restoration.real_sr import check_enlarge_real, without_overshoots
from undrift.restoration.tasks import check_sr

SUPPORT = 6  # small pixels that a reduction and an enlargement together see, and one
KEPT = 1024  # pixels a side, of the result, of the windows of a round


@dataclass
class Enlarging:
    """`sr` of a window, before back-projection; real: of a picture with unknown damage."""

    sampler: Sampler
    scale: float
    fidelity: float
    real: bool

    def __call__(self, pixels: Tensor, origin: tuple[int, int]) -> Tensor:
        """See `Work`."""
        self.sampler.origin = origin
        y = enlarged(pixels, self.scale)
        if self.real:
            return mended(self.sampler, without_overshoots(y, pixels), self.fidelity)
        self.sampler.model = GreyAsColour.around(self.sampler.model, pixels)
        return self.sampler.draw_samples(y.shape, y=y, level=level_of(self.scale)).cpu()


@dataclass(frozen=True, eq=False)
class Rounds:
    """Back-projection of a picture in scratch files, in windows that see `SUPPORT` pixels more."""

    plan: Plan

    def round(self, now: Scratch, after: Scratch | None) -> float:
        """The rms of the residual of `now`; `after` gets it with the residual given back."""
        plan, squares, count = self.plan, 0.0, 0
        for down, across, band in self._windows():
            low, _ = plan.pixels(down, across, band)
            x = now.read(*(self._large(w.start, w.stop, n) for n, w in enumerate((down, across))))
            rest = low - reduced(x, low, plan.scale)
            kept = rest[(..., *(slice(w.low - w.start, w.high - w.start) for w in (down, across)))]
            squares, count = squares + float(kept.double().square().sum()), count + kept.numel()
            if after is not None:
                x += upscale(rest, plan.scale, (x.shape[-2], x.shape[-1]))
                after.put(
                    x[self._inner(down, across)], plan.at(down.low, 0), plan.at(across.low, 1)
                )
        return math.sqrt(squares / count)

    def numbers(self, x: Scratch) -> Iterator[np.ndarray]:
        """Bands as they are stored, (rows, w[, c])."""
        plan, sheet, out = self.plan, self.plan.sheet, np.empty(0)
        for down, across, band in self._windows():
            (top, bottom), (left, right) = (
                self._large(w.low, w.high, n) for n, w in enumerate((down, across))
            )
            pixels = x.read((top, bottom), (left, right))[0].numpy()
            alpha = self._alpha(down, across, band)
            numbers = values.stored(pixels, alpha, sheet.depth, sheet.value_range)
            if left == 0:
                out = np.empty((bottom - top, plan.size[1], *numbers.shape[2:]), numbers.dtype)
            out[:, left:right] = numbers
            if right == plan.size[1]:
                yield out

    def _windows(self) -> Iterator[tuple[Window, Window, Band]]:
        for down in self.plan.down:
            band = self.plan.band(down)
            for across in self.plan.across:
                yield down, across, band

    def _large(self, start: int, stop: int, axis: int) -> tuple[int, int]:
        return self.plan.at(start, axis), self.plan.at(stop, axis)

    def _inner(self, *both: Window) -> tuple[Any, ...]:
        """What windows keep of the result that they see."""
        low = [self.plan.at(w.start, n) for n, w in enumerate(both)]
        ends = [self._large(w.low, w.high, n) for n, w in enumerate(both)]
        return (..., *(slice(a - s, b - s) for s, (a, b) in zip(low, ends, strict=True)))

    def _alpha(self, down: Window, across: Window, band: Band) -> np.ndarray | None:
        _, small = self.plan.pixels(down, across, band)
        if small is None:
            return None
        large = enlarged(torch.from_numpy(np.ascontiguousarray(small))[None], self.plan.scale)
        return large[(0, *self._inner(down, across)[1:])].clamp(0, 1).numpy()


def enlarge(
    rows: Rows, sampler: Sampler, target: Path, given: dict[str, Any], noted: bool
) -> dict[str, Any] | None:
    """`sr` from file to file; None where that needs the whole picture."""
    scale, fidelity = float(given.get("scale", 4.0)), float(given.get("fidelity", 1.0))
    real = given.get("degradation", "bicubic") == "real"
    if real:
        check_enlarge_real(sampler, scale, fidelity)
    else:
        check_sr(sampler, scale, fidelity=fidelity)
    plan = plan_for(rows, sampler, scale, SUPPORT)
    if plan is None:
        return None
    work = Enlarging(sampler, scale, fidelity, real)
    noise = rounding_noise(plan.sheet)
    target.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        x, rounds, rms = _made(plan, work, target.parent, held)
        told = {"degradation": "real"} if real else {"back_projections": rounds}
        info = {
            **sampler.record(), "task": "sr", "scale": scale, **told, "fidelity": fidelity,
            "tile": plan.tile, "shape_in": list(plan.sheet.pixels.shape),
            "shape_out": [plan.sheet.channels, *plan.size], "residual_rms": rms,
            "chi": round(rms / noise, 4) if noise and not real else None,
        }  # fmt: skip
        sheet = plan.sheet
        pixels, alpha = blank(sheet.mode, plan.size)
        after = replace(sheet, pixels=pixels, alpha=alpha)  # views: nothing as large is made
        write_rows(target, after, _rounds(plan).numbers(x), info if noted else None)
    return info


def _made(plan: Plan, work: Enlarging, folder: Path, held: ExitStack) -> tuple[Scratch, int, float]:
    """The result in a scratch file, the rounds it took, and the rms of its residual."""
    shape = (plan.sheet.channels, *plan.size)
    most = 0 if work.real else work.sampler.choice.back_projections
    _check_room(folder, (1 + (most > 0)) * 4 * math.prod(shape))
    x = held.enter_context(closing(Scratch(folder, shape)))
    for part in plan.parts(work):
        x.put(part.restored, plan.at(part.down.low, 0), plan.at(part.across.low, 1))
        del part  # the next window gets its memory
    rounds, done = _rounds(plan), 0
    spare = held.enter_context(closing(Scratch(folder, shape))) if most else None
    noise = rounding_noise(plan.sheet)
    least = -1.0 if noise is None else noise / work.fidelity
    while True:
        rms = rounds.round(x, spare if done < most else None)
        if done == most or rms <= least or spare is None:
            return x, done, rms
        x, spare, done = spare, x, done + 1


def _rounds(plan: Plan) -> Rounds:
    sides, kept = (plan.sheet.height, plan.sheet.width), int(KEPT / plan.scale)
    down, across = (cut(side, kept, plan.grid, SUPPORT) for side in sides)
    return Rounds(replace(plan, down=down, across=across))


def _check_room(folder: Path, size: int) -> None:
    free = free_bytes(folder)
    if size > free:
        raise InputError(
            f"{folder}: a result this large waits in scratch files of {size / 1e9:.1f} GB while it "
            f"is made, and the disk has {free / 1e9:.1f} GB; free some, or write to another disk"
        )
