"""`super_resolve`: thick slices to finer voxels in the same box of the world.

The new grid divides the axes of the old one, so nothing is turned or resampled: the scan is a known
average of the fine volume (`slice_profile`). A prior draws fine volumes; every estimate of theirs
is put right by the gain of what the slices say against it (posterior mean of a Gaussian of the
spread that the estimate has at its time, without the network's derivative), so that results explain
the scan. Without a network, "interpolation" is a cubic spline made consistent with the slices.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.grids import time_of_ratio
from undrift.common.results import Restored
from undrift.common.wishes import Wishes
from undrift.medical.finer_grid import Finer
from undrift.medical.given import Given, given
from undrift.medical.intensity import IntensityMap, Values
from undrift.medical.method import Method, Seen, method_for
from undrift.medical.outcome import Drawn, about, further, gathered, outcome
from undrift.medical.slice_consistency import Consistent
from undrift.medical.stages import Stage
from undrift.medical.stores import Place
from undrift.medical.tasks import IN_TIME, units_of, wishes_for
from undrift.medical.tiles import Progress
from undrift.medical.volumes.checks import Needs, check_volume
from undrift.medical.workspace import Workspace

PRIOR = "brain-prior"
METHODS = ("model", "interpolation")
ERROR, STEPS = 0.1, 4  # of interpolated volumes, in the model's numbers; calls that refine them


@dataclass(frozen=True)
class Interpolation:
    """Stands where a model would: there is none."""

    wishes: Wishes
    id: str = "interpolation"
    sha256: str = ""
    weights: None = None
    calls: int = 0

    def about(self) -> str:
        """A line that says what will be used."""
        return "interpolation, without a network"

    def record(self) -> dict[str, Any]:
        """What is needed to repeat it."""
        import undrift

        return {"undrift": undrift.__version__, "model": None, "method": self.id, "nfe": 0}


def super_resolve(
    volume: Any,
    *,
    spacing: str | float | Sequence[float] = "isotropic",
    method: str = "model",
    thickness: float | None = None,
    noise: float | None = None,
    model: str | None = None,
    array_spacing: Sequence[float] | None = None,
    keep_samples: bool = True,
    progress: Progress | None = None,
    workspace: Workspace | None = None,
    **wishes: Any,
) -> Restored:
    """Thick slices to finer voxels, with an affine for the same box of the world.

    spacing: mm of the voxels that are wanted, one number, three along the axes of the volume, or
    "isotropic": that of the finest axis. Axes are divided into whole numbers of voxels, so spacings
    may differ by a little (`.info["spacing_out"]`). method: "model", by a prior; "interpolation"
    needs none. thickness: of the slices, mm; their distance by default. noise: deviation in the
    volume's values; by default measured between neighbours. array_spacing: mm, of arrays.
    `.residual` is the scan minus the slices of the result; the others: see `tasks.translate`.
    Raises InputError for volumes that cannot be, UsageError for a spacing that is not finer.
    """
    began = time.monotonic()
    wanted = wishes_for(volume, wishes)
    chosen = resolver(method, model, wanted)
    is_ct = isinstance(chosen, Method) and units_of(chosen) == "HU"
    came = given(volume, "HU" if is_ct else "unknown", array_spacing)
    check_volume(came.volume, came.name, Needs(units="HU" if is_ct else "", in_time=IN_TIME))
    plan = Finer.of(came.volume, spacing, thickness)
    if isinstance(chosen, Method):
        desk = workspace or Workspace()
        drawn, info = _by_prior(came, plan, chosen, noise, keep_samples, progress, desk)
    else:
        drawn = Drawn(plan.interpolated(came.volume.array), None, ())
        info = {**chosen.record(), "warnings": list(came.volume.notes)}
    result = came.volume.on_grid(drawn.mean, plan.affine)
    residual = came.volume.array - plan.sliced(drawn.mean)
    told = {"task": "sr", **info, "factors": list(plan.factors)}
    if info.get("noise"):
        told["chi"] = round(float(np.sqrt(np.mean(residual.astype(np.float64) ** 2)))
                            / info["noise"], 4)  # fmt: skip
    return outcome(came, result, drawn, residual, told, began)


def resolver(method: str, model: str | None, wishes: Wishes) -> Method | Interpolation:
    """What will be used. Raises as `super_resolve` does."""
    if method not in METHODS:
        raise UsageError(f"method {method!r}: expected {' or '.join(METHODS)}")
    if method == "interpolation":
        if model is not None:
            raise UsageError("interpolation has no model; leave it out")
        if (wishes.samples or 1) > 1:
            raise UsageError("interpolation draws nothing: its samples would be equal; ask for one")
        wishes.check()
        return Interpolation(wishes)
    asked = (wishes.preset, wishes.steps, wishes.solver)
    if (wishes.samples or 1) > 1 or asked != (None, None, None):
        return method_for(model or PRIOR, "prior", wishes)
    found = method_for(model or PRIOR, "prior", replace(wishes, steps=STEPS, solver="ddim"))
    return Refining(found.sampler, found.signal)


class Refining(Method):
    """A prior that begins at the interpolated volume, as if its error were noise, and draws none.

    One value is wanted, and a sample would be about 3 dB further from the truth than their mean.
    """


def _moment(method: Method) -> float:
    sigma_d = method.sampler.model.denoiser.scaling.sigma_d
    return time_of_ratio(method.sampler.process, ERROR, sigma_d)


def _share(method: Method, moment: float | None) -> float:
    """Weight of the clean signal in the state at a time."""
    return float(method.sampler.process.a(torch.tensor(moment or 0.0, dtype=torch.float64)))


def _by_prior(
    came: Given,
    plan: Finer,
    method: Method,
    noise: float | None,
    keep: bool,
    progress: Progress | None,
    workspace: Workspace,
) -> tuple[Drawn, dict[str, Any]]:
    """Samples in values on the fine grid, and what the record says."""
    seen = Seen(came.volume, method.map_of(came.volume.array))
    strength = neighbour_noise(came.volume.array) if noise is None else float(noise)
    order = seen.turn.order
    fine = (plan.new[order[0]], plan.new[order[1]], plan.new[order[2]])
    matrices = [plan.matrices()[axis] for axis in order]
    flips = seen.turn.flips
    matrices = [m[::-1, ::-1].copy() if m is not None and flip else m
                for m, flip in zip(matrices, flips, strict=True)]  # fmt: skip
    measured = seen.numbers((slice(None),))[0, 0]
    scale = _scale_of(seen.map)
    consistent = Consistent(method, measured, matrices, strength / scale)
    count, more = method.sampler.choice.samples, method.channels - 1
    draws = not isinstance(method, Refining)
    stage = Stage(
        method.sampler, fine, method.channels, method.signal.slices, further(count, keep),
        consistent, progress, workspace,
    )  # fmt: skip
    smooth = np.ascontiguousarray(seen.turn.apply(plan.interpolated(came.volume.array)))
    moment = None if draws else _moment(method)
    steps = method.sampler.steps(1.0 if moment is None else moment, not draws, with_y=False)

    def state(part: Place) -> Tensor:
        real = torch.from_numpy(seen.map.forward(smooth[part]))[None, None]
        return _share(method, moment) * torch.cat([real, *[torch.zeros_like(real)] * more], 1)

    def samples() -> Iterator[Values]:
        for numbers in stage.draw(steps, None if draws else state, time=moment):
            values = seen.map.inverse(numbers[0], smooth)
            yield np.ascontiguousarray(seen.turn.undo(values))

    drawn = gathered(samples(), count, keep)
    told = about(came.volume, method, seen.map, stage)
    return drawn, {**told, "noise": strength, "noise_from": "caller" if noise else "neighbours"}


def neighbour_noise(values: Values) -> float:
    """Deviation of white noise: 1.4826 times the median of |second difference| over sqrt(6).

    Along the longest axis, and never below 1e-3 of the range.
    """
    axis = int(np.argmax(values.shape))
    second = np.diff(values, 2, axis)
    found = 1.4826 * float(np.median(np.abs(second))) / 6**0.5
    return max(found, 1e-3 * float(np.ptp(values)))


def _scale_of(intensity: IntensityMap) -> float:
    """Values of one of the network's numbers."""
    record = intensity.record()
    return float(record["scale"] if "scale" in record else (record["high"] - record["low"]) / 2)
