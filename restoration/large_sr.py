"""`sr` from file to file: windows through the network, then back-projection on the small grid.

How often back-projection is repeated depends on the residual of the whole picture. So the network's
result waits in a scratch file as floats, and its residual, on the small grid, in another, until all
is known (`large_rounds`). The residual of a window needs small pixels less than two away for the
enlargement, and others less than two further for the reduction: `SUPPORT` in all.
"""

import math
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.sampling import Sampler
from undrift.restoration.channels import GreyAsColour
from undrift.restoration.consistency import enlarged, level_of, rounding_noise
from undrift.restoration.large_place import Place
from undrift.restoration.large_plan import Plan
from undrift.restoration.large_rounds import Waiting, windows_for
from undrift.restoration.large_scratch import Scratch, free_bytes
from undrift.restoration.large_streams import planned
from undrift.restoration.large_strips import parts
from undrift.restoration.mending import mended
from undrift.restoration.pictures.row_files import write_rows
from undrift.restoration.pictures.rows import Rows, blank
from undrift.restoration.real_sr import check_enlarge_real, without_overshoots
from undrift.restoration.tasks import check_sr

SEEN = 2  # small pixels to each side that an enlarged one is made of, at most


@dataclass
class Enlarging:
    """`sr` of a window, before back-projection; real: of a picture with unknown damage."""

    sampler: Sampler
    scale: float
    fidelity: float
    real: bool

    @property
    def most(self) -> int:
        """Rounds of back-projection, at most."""
        return 0 if self.real else self.sampler.choice.back_projections

    def __call__(self, pixels: Tensor, place: Place) -> Tensor:
        """See `Work`."""
        place.tell(self.sampler)
        y = enlarged(pixels, self.scale)[:, :, place.shown]
        if self.real:
            return mended(self.sampler, without_overshoots(y, pixels), self.fidelity)
        self.sampler.model = GreyAsColour.around(self.sampler.model, pixels)
        return self.sampler.draw_samples(y.shape, y=y, level=level_of(self.scale)).cpu()


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
    plan = planned(rows, sampler, scale, SEEN)
    if plan is None:
        return None
    work = Enlarging(sampler, scale, fidelity, real)
    noise = rounding_noise(plan.sheet)
    target.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        waiting = _made(plan, work, target.parent, held)
        found = waiting.residuals(work.most)
        least = -1.0 if noise is None else noise / fidelity
        rounds = next((n for n, rms in enumerate(found) if rms <= least), work.most)
        told = {"degradation": "real"} if real else {"back_projections": rounds}
        info = {
            **work.sampler.record(), "task": "sr", "scale": scale, **told, "fidelity": fidelity,
            "tile": plan.tile, "shape_in": list(plan.sheet.pixels.shape),
            "shape_out": [plan.sheet.channels, *plan.size], "residual_rms": found[rounds],
            "chi": round(found[rounds] / noise, 4) if noise and not real else None,
        }  # fmt: skip
        sheet = plan.sheet
        pixels, alpha = blank(sheet.mode, plan.size)
        after = replace(sheet, pixels=pixels, alpha=alpha)  # views: nothing as large is made
        write_rows(target, after, waiting.numbers(rounds), info if noted else None)
    return info


def _made(plan: Plan, work: Enlarging, folder: Path, held: ExitStack) -> Waiting:
    """The result of the network, and room for its residual."""
    sheet = plan.sheet
    shapes = [(sheet.channels, *plan.size), (sheet.channels, sheet.height, sheet.width)]
    _check_room(folder, 4 * sum(map(math.prod, shapes)))
    x, rest = (held.enter_context(closing(Scratch(folder, shape))) for shape in shapes)
    for part in parts(plan, work):
        x.put(part.restored, plan.at(part.down.low, 0), plan.at(part.across.low, 1))
        del part  # the next window gets its memory
    return Waiting(windows_for(plan, work.most), x, rest)


def _check_room(folder: Path, size: int) -> None:
    free = free_bytes(folder)
    if size > free:
        raise InputError(
            f"{folder}: a result this large waits in scratch files of {size / 1e9:.1f} GB while it "
            f"is made, and the disk has {free / 1e9:.1f} GB; free some, or write to another disk"
        )
