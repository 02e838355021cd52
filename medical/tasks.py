"""The task calls `translate` and `denoise`; `super_resolve` is in `thick_slices`.

Each takes a path, a `Volume`, an image of nibabel, or an array or tensor (x, y, z) with its
`spacing`, and returns a `Restored` whose `.value` is of the same kind (a path gives a `Volume`), on
the same grid with the same header unless the task changes the grid. Keywords of sampling are those
of `Wishes`. For research use only.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.results import Restored
from undrift.common.weights.files import read_settings
from undrift.common.weights.model import find_weights
from undrift.common.wishes import Wishes, wishes_of
from undrift.medical.given import given
from undrift.medical.intensity import IntensityMap, Values
from undrift.medical.matching import landmark_map
from undrift.medical.method import Method, Seen, method_for
from undrift.medical.outcome import Drawn, about, further, gathered, outcome
from undrift.medical.rician_denoising import PRIOR, without_rician
from undrift.medical.shipped import shipped
from undrift.medical.stages import Stage
from undrift.medical.thinned_guards import hounsfield, thin
from undrift.medical.tile_memory import where_for
from undrift.medical.tiles import Progress
from undrift.medical.volumes.checks import Needs, check_volume
from undrift.medical.volumes.nifti import Where
from undrift.medical.volumes.on_disk import computed, like
from undrift.medical.volumes.volume import Volume
from undrift.medical.workspace import Unkept, Workspace

# target -> model, a regression each; the bridges, which draw samples, are asked for by their names
TRANSLATORS = {"t2": "brain-t1-t2-plain", "flair": "brain-t1-flair", "ct": "brain-t1-ct"}
CT_DENOISER = "ct-low-dose"
IN_TIME = "--frames all restores each of them, --frames 0 the first (Python: `series`)"
UNUSED = ("pad",)  # wishes that mean nothing to volumes


def translate(
    volume: Any,
    *,
    target: str | None = None,
    model: str | None = None,
    spacing: Sequence[float] | None = None,
    reference: Any = None,
    keep_samples: bool = True,
    progress: Progress | None = None,
    workspace: Workspace | None = None,
    intensity: IntensityMap | None = None,
    **wishes: Any,
) -> Restored:
    """Another contrast of the same anatomy, on the same grid.

    target: a name in `TRANSLATORS`, or what `model` makes, to be sure. spacing: mm, of arrays.
    reference: a volume of the target contrast, or its path, whose scale the result takes
    (`matching`). keep_samples: whether `.samples` holds each of several. progress: told the share.
    workspace: for scratch files and finished steps. intensity: the map of the input's values, for
    several volumes of one scale; measured in the volume by default.
    Values of a contrast without a unit are in the scale of the model's training (info says which);
    CT is in HU, stored as int16. They say nothing of a patient's tissue that the input does not
    show. Raises InputError for volumes that cannot be (see `check_volume`) and models for something
    else, UsageError for unknown words, MissingExtraError for a target whose weights are not here,
    OutOfMemoryError where the smallest tile does not fit.
    """
    began = time.monotonic()
    wanted = wishes_for(volume, wishes)
    method = translator(target, model, wanted)
    desk = workspace or Workspace()
    where = desk_for(method, wanted, keep_samples, desk)
    came = given(volume, "HU" if method.signal.modality == "ct" else "unknown", spacing, where)
    check_volume(came.volume, came.name, Needs(units=units_of(method), in_time=IN_TIME))
    result_map = method.signal.reference
    if result_map is None:
        raise InputError(f"{method.id} does not say what its target's values mean (scale)")
    seen = Seen(came.volume, intensity or method.map_of(came.volume.array))
    drawn, info = _conditional(seen, method, result_map, keep_samples, progress, desk)
    units = "HU" if is_ct(method.signal.target) else "arbitrary"
    if reference is not None:
        if units == "HU":
            raise UsageError("CT counts HU, which no reference may change; leave it out")
        drawn, info["reference"] = _like(
            drawn, came.volume.with_array(drawn.mean), given(reference).volume
        )
    result = _other_values(came.volume, drawn.mean, units)
    scale = result_map.record()
    if units == "HU":
        scale = {"kind": "hu", "low": scale["low"], "high": scale["high"]}
        info["warnings"] += [f"result: {text}" for text in hounsfield(result)]
    told = {"task": "translate", "target": method.signal.target, **info,
            "target_scale": scale}  # fmt: skip
    return outcome(came, result, drawn, None, told, began)


def denoise(
    volume: Any,
    *,
    kind: str,
    sigma: float | None = None,
    model: str | None = None,
    spacing: Sequence[float] | None = None,
    keep_samples: bool = True,
    progress: Progress | None = None,
    workspace: Workspace | None = None,
    **wishes: Any,
) -> Restored:
    """Removes noise: kind "ct", low-dose CT in HU; or "mr", magnitude images with Rician noise.

    sigma: of MR, the deviation of the noise in each part of the complex image, in the units of the
    volume; measured in tissue by default. CT voxels outside the model's window
    (metal, table) are those of the input. `.residual` is what was taken away.
    The others, and what is raised: see `translate`.
    """
    began = time.monotonic()
    wanted = wishes_for(volume, wishes)
    if kind not in ("ct", "mr"):
        raise UsageError(f"kind {kind!r}: expected ct or mr")
    if kind == "ct" and sigma is not None:
        raise UsageError("sigma is for MR; a CT model knows its doses")
    method = denoiser(kind, model, wanted)
    desk = workspace or Workspace()
    where = desk_for(method, wanted, keep_samples, desk)
    came = given(volume, "HU" if kind == "ct" else "unknown", spacing, where)
    needs = Needs(units="HU" if kind == "ct" else "", in_time=IN_TIME)
    check_volume(came.volume, came.name, needs)
    if method.sampler.model.settings.task == "prior":
        drawn, info = without_rician(came, method, sigma, keep_samples, progress, desk)
    else:
        if sigma is not None:
            raise UsageError(f"{method.id} finds the noise by itself; leave sigma out")
        seen = Seen(came.volume, method.map_of(came.volume.array))
        drawn, info = _conditional(seen, method, None, keep_samples, progress, desk)
    result = came.volume.with_array(drawn.mean, "HU" if kind == "ct" else None)
    residual = computed(np.subtract, like(drawn.mean), came.volume.array, drawn.mean)
    return outcome(came, result, drawn, residual, {"task": "denoise", "kind": kind, **info}, began)


def desk_for(method: Method, wishes: Wishes, keep: bool, workspace: Workspace) -> Where:
    """Where the volume of a task lies, and with it all that is made of it."""
    count = further(method.sampler.choice.samples, keep)
    return where_for(wishes, 1 + count, workspace.folder)


def wishes_for(volume: Any, asked: Mapping[str, Any]) -> Wishes:
    """The wishes; the name of a file is its item. Raises UsageError for unknown ones."""
    for name in UNUSED:
        if name in asked:
            raise UsageError(f"{name} means nothing to volumes; leave it out")
    if isinstance(volume, str | Path):
        asked = {"item": Path(volume).name, **asked}
    return wishes_of(dict(asked))


def translator(target: str | None, model: str | None, wishes: Wishes) -> Method:
    """The model for a target. Raises as `translate` does."""
    if model is None:
        if target is None:
            raise UsageError(f"name a target, one of {', '.join(TRANSLATORS)}, or a model")
        if target not in TRANSLATORS:
            known = ", ".join(TRANSLATORS)
            close = nearest(target, TRANSLATORS)
            raise UsageError(
                f"target {target!r}{close}: there are models for {known}; or name a model"
            )
        model = shipped(TRANSLATORS[target])
    method = method_for(model, "translate", wishes)
    made = method.signal.target
    if target is not None and target != made and not made.startswith(f"{target}-"):
        raise InputError(f"{method.id} makes {made or 'it does not say what'}, not {target}")
    return method


def denoiser(kind: str, model: str | None, wishes: Wishes) -> Method:
    """The model for a kind of noise. Raises as `denoise` does."""
    model = model or {"ct": CT_DENOISER, "mr": PRIOR}[kind]
    task = "prior" if read_settings(find_weights(model)).task == "prior" else "denoise"
    asked = (wishes.preset, wishes.steps, wishes.solver)
    if task == "prior" and (wishes.samples or 1) == 1 and asked == (None, None, None):
        wishes = replace(wishes, steps=1, solver="ddim")  # one call is the mean
    method = method_for(model, task, wishes)
    if method.signal.modality != kind:
        raise InputError(f"{method.id} is a model for {method.signal.modality}, not for {kind}")
    if task == "prior" and kind == "ct":
        raise InputError(f"{method.id} is a prior; low-dose CT needs a model for denoise")
    return method


def units_of(method: Method) -> str:
    """What values have to count for a model."""
    return "HU" if method.signal.modality == "ct" else ""


def _conditional(
    seen: Seen,
    method: Method,
    result_map: IntensityMap | None,
    keep: bool,
    progress: Progress | None,
    workspace: Workspace,
) -> tuple[Any, dict[str, Any]]:
    """Samples of a model that is shown the volume itself, in values."""
    steps = method.sampler.steps()
    count = method.sampler.choice.samples
    stage = Stage(
        method.sampler, seen.size, slices=method.signal.slices, progress=progress,
        further=further(count, keep, seen.volume.array), workspace=workspace,
    )  # fmt: skip

    def samples() -> Iterator[Values]:
        for numbers in stage.draw(steps, seen.numbers):
            yield seen.back(numbers[0], result_map)

    drawn = gathered(samples(), count, keep)
    info = about(seen.volume, method, seen.map, stage)
    if (chosen := method.spread) is None:
        return drawn, info
    alone = replace(workspace, checkpoint=Unkept())  # of one call
    single = replace(stage, sampler=method.estimator, progress=None, workspace=alone)
    (numbers,) = single.draw(single.sampler.steps(), seen.numbers)
    info |= {"nfe": info["nfe"] + single.sampler.calls, "spread": chosen.model_dump()}
    return drawn.about(seen.back(numbers[0], result_map), chosen.wider), info


def _like(drawn: Drawn, result: Volume, reference: Volume) -> tuple[Drawn, dict[str, Any]]:
    """The same in the scale of a reference; deviations by the slope of the map at the mean."""
    found = landmark_map(thin(result).array, reference.array)
    std = drawn.std
    if std is not None:
        std = computed(lambda a, b: a * found.slope(b), std, std, drawn.mean)
    mean, *samples = (computed(found.forward, one, one) for one in (drawn.mean, *drawn.samples))
    return Drawn(mean, std, tuple(samples)), found.record()


def is_ct(target: str) -> bool:
    """Whether a model's target counts HU: "ct", or a name that begins with "ct-"."""
    return target.partition("-")[0] == "ct"


def _other_values(volume: Volume, array: Values, units: str) -> Volume:
    """Values of another contrast, whose stored scale cannot be that of the source; HU as int16."""
    stored = volume.stored
    if np.dtype(stored.dtype).kind == "f" and units != "HU":
        stored = replace(stored, slope=1.0, inter=0.0, span=None)
    else:
        stored = replace(stored, slope=None, inter=None, limits=None, span=None)
    return replace(volume, array=array, units=units, stored=stored)
