"""Large pictures without holding them: windows of a file in, bands of rows of another out.

A network of bounded reach needs no more than its reach around a window; a plan of n calls needs n
times that. So the window with that margin, restored by the task itself and cropped, is the window
of the picture restored at once, and memory depends on the window, not on the picture. Taken for
`denoise` of plain TIFF files of more than `LARGE` pixels into TIFF files, one sample, without drawn
noise or borders that go on; anything else is read whole. "auto" noise is the mean of the estimates
of blocks of fixed size, so that it depends on nothing but the picture.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undrift.common.devices import free_memory
from undrift.common.files import write_atomically
from undrift.common.sampling import Sampler
from undrift.common.solvers.plan import calls
from undrift.common.tiling import automatic_tile
from undrift.common.windows import Window, windows
from undrift.common.wishes import Wishes
from undrift.restoration.images import Picture
from undrift.restoration.pictures import values
from undrift.restoration.pictures.files import decoding, remember
from undrift.restoration.pictures.tiff_rows import STRIP, TiffRows, write_rows
from undrift.restoration.sigma import estimate_sigma
from undrift.restoration.verbs import VERBS

LARGE = 2**22  # pixels above which a picture is restored from file to file
BLOCK = 1024  # pixels a side of the blocks whose noise is estimated
BUDGET = 2 * 10**9  # bytes of activations of a window, where nothing else is said
_OWN = {"sigma", "method", "fidelity"}  # settings of denoise that windows may have


@dataclass
class Total:
    """Sums over the windows: network calls of the deepest, squares of the residual, its numbers."""

    calls: int = 0
    squares: float = 0.0
    count: int = 0

    def add(self, calls: int, rest: np.ndarray) -> None:
        """Takes in a window and its residual, cropped."""
        self.calls = max(self.calls, calls)
        self.squares += float(np.sum(rest.astype(np.float64) ** 2))
        self.count += rest.size

    @property
    def rms(self) -> float:
        """Of the residual."""
        return (self.squares / max(1, self.count)) ** 0.5


@dataclass(frozen=True, eq=False)
class Plan:
    """The rows of a file, what it says besides its pixels, windows of both axes, settings."""

    rows: TiffRows
    sheet: Picture
    down: list[Window]
    across: list[Window]
    settings: dict[str, Any]

    def pixels(self, band: np.ndarray, across: Window) -> np.ndarray:
        """What a window sees of the rows (h, w, c) that it needs, (c, h, w) in [0, 1]."""
        seen = band[:, across.start : across.stop]
        return values.to_unit(np.ascontiguousarray(seen.transpose(2, 0, 1)))[0]

    def blocks(self) -> Iterator[np.ndarray]:
        """Blocks (c, h, w) of `BLOCK` pixels a side, whatever the windows; no thin remainders."""
        height, width = self.sheet.height, self.sheet.width
        for top in range(0, max(1, height - BLOCK // 2), BLOCK):
            band = self.rows.read(top, min(top + BLOCK, height))
            for left in range(0, max(1, width - BLOCK // 2), BLOCK):
                yield self.pixels(band, Window(left, min(left + BLOCK, width), 0, 0))

    def bands(self, total: Total) -> Iterator[np.ndarray]:
        """Restored numbers as they are stored, (rows, w, c), from the top."""
        function = VERBS["denoise"].function
        for down in self.down:
            shape = (down.high - down.low, self.sheet.width, self.sheet.channels)
            out = np.empty(shape, self.sheet.depth)
            band = self.rows.read(down.start, down.stop)
            for across in self.across:
                seen = self.pixels(band, across)
                part = Picture(seen, None, self.sheet.depth)
                result = function(part, **self.settings)
                kept = tuple(slice(w.low - w.start, w.high - w.start) for w in (down, across))
                mine = result.value.pixels[(slice(None), *kept)]
                total.add(result.info["nfe"], seen[(slice(None), *kept)] - mine)
                stored = values.from_unit(mine, self.sheet.depth)
                out[:, across.low : across.high] = stored.transpose(1, 2, 0)
            yield out


def restore_large(
    task: str, source: Path, target: Path, item: str, settings: Mapping[str, Any], noted: bool
) -> dict[str, Any] | None:
    """Restores a file into another and returns its info; None where it has to be read whole.

    settings: of the task function. noted: whether the output says how it was made.
    """
    suffixes = {path.suffix.lower() for path in (source, target)}
    known = Wishes.__dataclass_fields__
    given = {name: value for name, value in settings.items() if value is not None}
    if task != "denoise" or not suffixes <= {".tif", ".tiff"}:
        return None
    if not set(given) - set(known) - {"model"} <= _OWN or not _is_word_or_number(given):
        return None
    with decoding(source, "TIFF"):
        rows = TiffRows(source)
    try:
        sheet = rows.sheet
        if sheet is None or sheet.height * sheet.width <= LARGE:
            return None
        wishes = Wishes(**{k: v for k, v in given.items() if k in known}, item=item)
        sampler = VERBS[task].sampler(given.get("model"), task, wishes, given)
        places = _places(sheet, sampler)
        if places is None:
            return None
        return _restored(
            Plan(rows, sheet, *places, {**given, "item": item}), sampler, target, noted
        )
    finally:
        rows.close()


def _is_word_or_number(given: Mapping[str, Any]) -> bool:
    sigma = given.get("sigma", "auto")
    return sigma == "auto" or isinstance(sigma, int | float)


def _places(sheet: Picture, sampler: Any) -> tuple[list[Window], list[Window]] | None:
    """Windows of rows and of columns, or None where the result would not be that of the whole."""
    if not isinstance(sampler, Sampler):
        return None
    network, choice = sampler.model.denoiser.network, sampler.choice
    reach, steps = getattr(network, "reach", None), sampler.plan()
    drawn = any(step.sigma > 0 for step in steps) or choice.samples > 1
    if reach is None or drawn or sampler.wishes.pad_modes() or sampler.wishes.tile == "off":
        return None
    multiple = math.lcm(STRIP, int(getattr(network, "multiple", 1)))
    memory = sampler.wishes.max_memory or min(BUDGET, free_memory(sampler.device) // 3)
    size = (sheet.height, sheet.width)
    kept = automatic_tile(network, size, memory)
    down, across = (_cut(side, kept, multiple, reach * calls(steps)) for side in size)
    return down, across


def _cut(side: int, kept: int, multiple: int, reach: int) -> list[Window]:
    found = windows(-(-side // multiple) * multiple, kept, multiple, reach)
    return [replace(w, stop=min(w.stop, side), high=min(w.high, side)) for w in found]


def _restored(plan: Plan, sampler: Sampler, target: Path, noted: bool) -> dict[str, Any]:
    """Restores all windows into the target, and tells how."""
    given = plan.settings.get("sigma", "auto")
    if given == "auto":
        found = [estimate_sigma(torch.from_numpy(block)[None]) for block in plan.blocks()]
        plan.settings["sigma"] = round(255 * float(np.mean(found)), 3)
    sigma, shape = float(plan.settings["sigma"]), list(plan.sheet.pixels.shape)
    tile = [max(w.high - w.low for w in axis) for axis in (plan.down, plan.across)]
    info = {
        **sampler.record(), "task": "denoise", "sigma": sigma, "sigma_given": given,
        "tile": tile, "shape_in": shape, "shape_out": shape,
    }  # fmt: skip
    info.pop("nfe")
    first = remember(plan.sheet, info) if noted else plan.sheet
    total = Total()

    def write(part: Path) -> None:
        write_rows(part, first, (plan.sheet.height, plan.sheet.width), plan.bands(total))

    write_atomically(target, write)
    chi = round(total.rms / (sigma / 255), 4) if sigma else None
    return {**info, "nfe": total.calls, "residual_rms": total.rms, "chi": chi}
