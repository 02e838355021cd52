"""`sr` from file to file: windows through the network, then whole rows through back-projection.

The network's results wait in a scratch file as floats, since how often back-projection is repeated
depends on the residual of the whole picture. A round makes rows of the next scratch file from those
of the last, `SUPPORT` small rows beyond: each row depends on no more than two for the reduction and
two for the enlargement.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
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
from undrift.restoration.large_plan import Plan, cut, memory_of, plan_for
from undrift.restoration.large_scratch import Scratch, free_bytes
from undrift.restoration.mending import mended
from undrift.restoration.pictures import values
from undrift.restoration.pictures.row_files import write_rows
from undrift.restoration.pictures.rows import Rows, blank
from undrift.restoration.real_sr import check_enlarge_real, without_overshoots
from undrift.restoration.tasks import check_sr

SUPPORT = 6  # small rows that a reduction and an enlargement together see, and one
_MAPS = 10  # of floats that a round holds at a time


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
    """Back-projection of a picture in scratch files, a band of small rows at a time."""

    plan: Plan
    bands: list[Window]

    def round(self, now: Scratch, after: Scratch | None) -> float:
        """The rms of the residual of `now`; `after` gets it with the residual given back."""
        plan, squares, count = self.plan, 0.0, 0
        across = Window(0, plan.sheet.width, 0, plan.sheet.width)
        for down in self.bands:
            low, _ = plan.pixels(down, across, plan.band(down))
            x = now.read(plan.at(down.start, 0), plan.at(down.stop, 0))
            rest = low - reduced(x, low, plan.scale)
            kept = rest[..., down.low - down.start : down.high - down.start, :].double()
            squares, count = squares + float(kept.square().sum()), count + kept.numel()
            if after is not None:
                x += upscale(rest, plan.scale, (x.shape[-2], x.shape[-1]))
                first, top = plan.at(down.low, 0), plan.at(down.start, 0)
                after.put(x[..., first - top : plan.at(down.high, 0) - top, :], first, 0)
        return math.sqrt(squares / count)

    def numbers(self, x: Scratch) -> Iterator[np.ndarray]:
        """Bands as they are stored, (rows, w[, c])."""
        plan, sheet = self.plan, self.plan.sheet
        for down in self.bands:
            pixels = x.read(plan.at(down.low, 0), plan.at(down.high, 0))[0].numpy()
            yield values.stored(pixels, self._alpha(down), sheet.depth, sheet.value_range)

    def _alpha(self, down: Window) -> np.ndarray | None:
        plan = self.plan
        if plan.sheet.alpha is None:
            return None
        _, small = plan.rows.unit(plan.rows.read(down.start, down.stop))
        large = enlarged(torch.from_numpy(small)[None], plan.scale)[0]
        top = plan.at(down.start, 0)
        return large[plan.at(down.low, 0) - top : plan.at(down.high, 0) - top].clamp(0, 1).numpy()


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
        after = sheet.with_pixels(pixels, alpha)
        write_rows(target, after, _rounds(plan, sampler).numbers(x), info if noted else None)
    return info


def _made(plan: Plan, work: Enlarging, folder: Path, held: ExitStack) -> tuple[Scratch, int, float]:
    """The result in a scratch file, the rounds it took, and the rms of its residual."""
    shape = (plan.sheet.channels, *plan.size)
    most = 0 if work.real else work.sampler.choice.back_projections
    _check_room(folder, (1 + (most > 0)) * 4 * math.prod(shape))
    x = held.enter_context(closing(Scratch(folder, shape)))
    for part in plan.parts(work):
        x.put(part.restored, plan.at(part.down.low, 0), plan.at(part.across.low, 1))
    rounds, done = _rounds(plan, work.sampler), 0
    spare = held.enter_context(closing(Scratch(folder, shape))) if most else None
    noise = rounding_noise(plan.sheet)
    least = -1.0 if noise is None else noise / work.fidelity
    while True:
        rms = rounds.round(x, spare if done < most else None)
        if done == most or rms <= least or spare is None:
            return x, done, rms
        x, spare, done = spare, x, done + 1


def _rounds(plan: Plan, sampler: Sampler) -> Rounds:
    """Bands of rows that take about the memory of a window."""
    row = 4 * _MAPS * plan.sheet.channels * plan.size[1] * plan.scale
    kept = int(memory_of(sampler) / row)
    return Rounds(plan, cut(plan.sheet.height, kept, plan.grid, SUPPORT))


def _check_room(folder: Path, size: int) -> None:
    free = free_bytes(folder)
    if size > free:
        raise InputError(
            f"{folder}: a result this large waits in scratch files of {size / 1e9:.1f} GB while it "
            f"is made, and the disk has {free / 1e9:.1f} GB; free some, or write to another disk"
        )
