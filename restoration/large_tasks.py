"""Tasks that keep the size, window by window: `denoise`, and what one network mends."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from undrift.common.sampling import Sampler
from undrift.restoration.asked import is_number
from undrift.restoration.denoising import check_denoise, denoised
from undrift.restoration.large_place import Place
from undrift.restoration.large_plan import Part, Plan
from undrift.restoration.large_streams import planned
from undrift.restoration.large_strips import parts
from undrift.restoration.mending import check_mend, mended
from undrift.restoration.noise_models import KnownNoise
from undrift.restoration.noise_models_asked import NoiseAsked
from undrift.restoration.noise_models_fit import classes, gain_and_read
from undrift.restoration.pictures import values
from undrift.restoration.pictures.row_files import write_rows
from undrift.restoration.pictures.rows import Rows
from undrift.restoration.sigma import estimate_sigma

_LINES = 128  # of a window whose residual is summed at a time
_NOISE = ("sigma", "noise", "gain", "read_noise")


@dataclass
class Total:
    """Sums over windows: squares of the residual, of the residual in units of the noise."""

    squares: float = 0.0
    count: int = 0
    relative: float = 0.0
    noisy: int = 0

    def add(self, seen: Tensor, restored: Tensor, noise: float | Tensor | None) -> None:
        """Takes in a window, (1, c, h, w), and the noise of its residual where that is known."""
        for first in range(0, seen.shape[-2], _LINES):
            lines = slice(first, first + _LINES)
            rest = (seen[..., lines, :] - restored[..., lines, :]).double()
            squares = float(rest.square().sum())
            self.squares, self.count = self.squares + squares, self.count + rest.numel()
            if isinstance(noise, Tensor):
                rest /= noise[..., lines, :]
                shown = rest.isfinite()
                self.relative += float(rest[shown].square().sum())
                self.noisy += int(shown.sum())
            elif noise:
                self.relative, self.noisy = self.relative + squares / noise**2, self.count

    def told(self) -> dict[str, float | None]:
        """What the record of an item says of it."""
        chi = round((self.relative / self.noisy) ** 0.5, 4) if self.noisy else None
        return {"residual_rms": (self.squares / max(1, self.count)) ** 0.5, "chi": chi}


@dataclass
class Denoising:
    """`denoise` of a window."""

    sampler: Sampler
    known: KnownNoise
    fidelity: float
    scale: float = field(default=1.0, init=False)

    def __call__(self, pixels: Tensor, place: Place) -> Tensor:
        """See `Work`."""
        place.tell(self.sampler)
        return denoised(pixels, self.known, self.fidelity, self.sampler)

    def noise(self, restored: Tensor) -> float | Tensor:
        """Of the residual."""
        return self.known.deviation(restored) if self.known.gain else self.known.sigma


@dataclass
class Mending:
    """`mend` of a window."""

    sampler: Sampler
    fidelity: float
    scale: float = field(default=1.0, init=False)

    def __call__(self, pixels: Tensor, place: Place) -> Tensor:
        """See `Work`."""
        place.tell(self.sampler)
        return mended(self.sampler, pixels, self.fidelity)

    def noise(self, restored: Tensor) -> None:
        """Of the residual: unknown."""


def denoise(
    rows: Rows, sampler: Sampler, target: Path, given: dict[str, Any], noted: bool
) -> dict[str, Any] | None:
    """`denoise` from file to file; None where that needs the whole picture."""
    plan = planned(rows, sampler)
    if plan is None:
        return None
    asked = NoiseAsked(**{name: given[name] for name in _NOISE if name in given})
    fidelity = float(given.get("fidelity", 1.0))
    check_denoise(sampler, **vars(asked), fidelity=fidelity)
    known, told = _known(asked, plan)
    work = Denoising(sampler, known, fidelity)
    return _written(plan, work, target, {"task": "denoise", **told, "fidelity": fidelity}, noted)


def mend(
    rows: Rows, sampler: Sampler, target: Path, given: dict[str, Any], noted: bool
) -> dict[str, Any] | None:
    """A task of `restore` from file to file; None where that needs the whole picture."""
    plan = planned(rows, sampler)
    if plan is None:
        return None
    fidelity = float(given.get("fidelity", 1.0))
    check_mend(sampler, fidelity=fidelity)
    told = {"task": given["task"], "fidelity": fidelity}
    return _written(plan, Mending(sampler, fidelity), target, told, noted)


def is_number_or_auto(sigma: object) -> bool:
    """Whether the noise is said without a map."""
    return sigma == "auto" if isinstance(sigma, str) else is_number(sigma)


def _known(asked: NoiseAsked, plan: Plan) -> tuple[KnownNoise, dict[str, Any]]:
    """As `NoiseAsked.known`, estimated from blocks of the picture where it is not said."""
    if asked.is_camera:
        given = [None if n is None else n / 255 for n in (asked.gain, asked.read_noise)]
        found, light, count = [], 0.0, 0
        for block in plan.blocks():
            if None in given:
                found += [classes(plane) for plane in block[0].double().numpy()]
            light += float(block.double().clamp(min=0).sum())
            count += block.numel()
        gain, read = (given[0], given[1]) if None not in given else gain_and_read(found, *given)
        return asked.camera(float(gain or 0), float(read or 0), light / count)
    if asked.sigma == "auto":
        sigmas = [estimate_sigma(block) for block in plan.blocks()]
        value = round(255 * float(np.mean(sigmas)), 3)
        return KnownNoise(value / 255), {"sigma": value, "sigma_given": "auto"}
    value = float(asked.sigma)
    return KnownNoise(value / 255), {"sigma": value, "sigma_given": value}


def _written(
    plan: Plan, work: Denoising | Mending, target: Path, told: dict[str, Any], noted: bool
) -> dict[str, Any]:
    """Restores all windows into the target, and tells how."""
    shape = list(plan.sheet.pixels.shape)
    info = {
        **work.sampler.record(), **told, "tile": plan.tile, "shape_in": shape, "shape_out": shape,
    }  # fmt: skip
    info.pop("nfe")
    total = Total()
    write_rows(target, plan.sheet, _bands(plan, work, total), info if noted else None)
    return {**info, "nfe": work.sampler.calls, **total.told()}


def _bands(plan: Plan, work: Denoising | Mending, total: Total) -> Iterator[np.ndarray]:
    """Restored numbers as they are stored, (rows, w[, c]), from the top."""
    sheet, out = plan.sheet, np.empty(0)
    for part in parts(plan, work):
        total.add(part.seen, part.restored, work.noise(part.restored))
        numbers = _stored(part, plan)
        if part.across.low == 0:
            out = np.empty((len(numbers), sheet.width, *numbers.shape[2:]), numbers.dtype)
        out[:, part.across.low : part.across.high] = numbers
        last = part.across.high == sheet.width
        del part, numbers  # the next window gets their memory
        if last:
            yield out
            out = np.empty(0)


def _stored(part: Part, plan: Plan) -> np.ndarray:
    pixels = part.restored[0].float().numpy()
    return values.stored(pixels, part.alpha, plan.sheet.depth, plan.sheet.value_range)
