"""`series`: a task on every frame of a series (functional runs, diffusion, dynamic CT), in turn.

    clean = undrift.medical.series("denoise", "bold.nii.gz", kind="mr")
    undrift.medical.series("sr", "dwi.nii.gz", frames="0:10").value  # a Volume (x, y, z, t)

One frame is in memory at a time, and the results, where they do not fit, are on the disk. Frame n
of the item NAME has the noise of the item `NAME#n`, whichever frames are chosen. `denoise` and `sr`
give of a frame what they give of it alone: their map of values is measured in it and exactly
undone. `translate` has no inverse, and a map for each frame would take changes of brightness out of
the series: the map is one, with the medians of the ends that the frames have by themselves.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import UsageError, nearest
from undrift.common.results import Restored
from undrift.common.wishes import Wishes
from undrift.medical.intensity import IntensityMap, PercentileMap, Values
from undrift.medical.kept_frames import KeptFrames
from undrift.medical.made import write_made
from undrift.medical.outcome import recorded
from undrift.medical.tile_memory import where_for
from undrift.medical.tiles import Progress
from undrift.medical.volumes.nifti import Where, laid_out
from undrift.medical.volumes.nifti_series import Series, chosen_frames, open_series, timed
from undrift.medical.volumes.on_disk import copied
from undrift.medical.volumes.volume import Stored, Volume
from undrift.medical.workspace import Workspace

TASKS = {
    "translate": ("tasks", "translate"),
    "denoise": ("tasks", "denoise"),
    "sr": ("thick_slices", "super_resolve"),
}
EACH = ("sigma", "chi", "noise", "residual_rms", "intensity", "seconds")  # lists over the frames
Look = Callable[[Volume, Restored], Mapping[str, Any]]


def series(
    task: str,
    path: str | Path,
    *,
    frames: str = "all",
    item: str | None = None,
    keep_samples: bool = True,
    progress: Progress | None = None,
    workspace: Workspace | None = None,
    look: Look | None = None,
    **settings: Any,
) -> Restored:
    """Restores frames of a NIfTI file (x, y, z, t) by "translate", "denoise" or "sr".

    frames: "all", or such as "0:10", "::2", "3". settings: of the task. look: what else to say of a
    frame, from the frame and its result, as JSON; `info["looks"]` has it of each.
    `.value` is a `Volume` (x, y, z, t), of one chosen frame (x, y, z), `.std` an array and
    `.samples` volumes like it; `info` has lists over the frames of what differs between them.
    Raises what the task raises, UsageError for another task, InputError for frames that are not
    there and damaged files.
    """
    if task not in TASKS:
        raise UsageError(f"no task {task!r}{nearest(task, TASKS)} (there are: {', '.join(TASKS)})")
    began, desk = time.monotonic(), workspace or Workspace()
    source = Path(path)
    key = source.name if item is None else item
    with open_series(source, "HU" if settings.get("kind") == "ct" else "unknown") as opened:
        chosen = chosen_frames(frames, len(opened))
        wishes = Wishes(**{k: v for k, v in settings.items() if k in Wishes.__dataclass_fields__})
        where = where_for(wishes, 4, desk.folder)
        if task == "translate":
            settings = {**settings, "intensity": _shared_map(opened, chosen, settings, wishes)}
        run = _Run(task, opened, key, keep_samples, desk, where, look, settings)
        whole = _Whole(opened, chosen, where)
        kept = KeptFrames(desk.checkpoint, len(chosen))
        for done, number in enumerate(chosen):
            whole.add(done, *run.frame(number, kept, _share(progress, done, len(chosen))))
    return whole.result(source, {"task": task, "seconds": round(time.monotonic() - began, 3)})


@dataclass
class _Run:
    """The task on one frame after the other."""

    task: str
    opened: Series
    key: str
    keep_samples: bool
    desk: Workspace
    where: Where
    look: Look | None
    settings: Mapping[str, Any]

    def frame(
        self, number: int, kept: KeptFrames, progress: Progress | None
    ) -> tuple[list[Values], dict[str, Any]]:
        """Value, deviation if any, and samples of a frame, and what there is to say of it."""
        if (found := kept.load(number)) is not None:
            return found
        began = time.monotonic()
        module, name = TASKS[self.task]
        call = getattr(import_module(f"undrift.medical.{module}"), name)
        before = self.opened.frame(number, None if self.task == "sr" else self.where)
        result = call(
            before, item=f"{self.key}#{number}", keep_samples=self.keep_samples, progress=progress,
            workspace=replace(self.desk, checkpoint=kept.steps(number)), **self.settings,
        )  # fmt: skip
        std = [] if result.std is None else [result.std]
        arrays = [result.value.array, *std, *(one.array for one in result.samples)]
        stored = replace(result.value.stored, header=None)
        info = {
            "frame": number,
            "info": dict(result.info),
            "look": {} if self.look is None else dict(self.look(before, result)),
            "has_std": bool(std),
            "affine": result.value.affine.tolist(),
            "units": result.value.units,
            "stored": vars(stored),
        }
        kept.save(number, arrays, info, time.monotonic() - began)
        return arrays, info


class _Whole:
    """Puts frames together."""

    def __init__(self, opened: Series, chosen: range, where: Where):
        self.opened, self.chosen, self.where = opened, chosen, where
        self.arrays: list[Values] = []
        self.told: list[dict[str, Any]] = []

    def add(self, place: int, arrays: list[Values], told: dict[str, Any]) -> None:
        """Takes in the arrays of a frame."""
        if not self.arrays:
            shape = (*arrays[0].shape, len(self.chosen))
            self.arrays = [self._room(shape, np.array(told["affine"])) for _ in arrays]
        for whole, one in zip(self.arrays, arrays, strict=True):
            copied(one, whole[..., place])
        self.told.append(told)

    def _room(self, shape: tuple[int, ...], affine: np.ndarray) -> Values:
        folder = self.where(shape)
        if folder is None:
            return np.empty(shape[::-1], np.float32).T  # a frame in one piece
        return laid_out(shape, affine, folder)

    def result(self, source: Path, more: Mapping[str, Any]) -> Restored:
        """All of them."""
        first = self.told[0]
        arrays = [a[..., 0] if len(self.chosen) == 1 else a for a in self.arrays]
        spans = [told["stored"]["span"] for told in self.told]
        span = None if None in spans else (min(s[0] for s in spans), max(s[1] for s in spans))
        stored = Stored(**{**first["stored"], "header": timed(self.opened.head, self.chosen),
                           "span": span, "limits": _pair(first["stored"]["limits"])})  # fmt: skip
        affine = np.array(first["affine"])
        value = Volume(arrays[0], affine, first["units"], stored, self.opened.head.notes)
        std = arrays[1] if first["has_std"] else None
        samples = tuple(value.with_array(one) for one in arrays[1 + first["has_std"] :])

        like = place_of(source)

        def write(path: Path, shown: Any, info: Mapping[str, Any]) -> None:
            write_made(path, shown, recorded(info), like=like, source=source)

        return Restored(value, std, samples, None, self._info(value, more), write)

    def _info(self, value: Volume, more: Mapping[str, Any]) -> dict[str, Any]:
        infos = [told["info"] for told in self.told]
        each = {key: [info.get(key) for info in infos] for key in EACH if key in infos[0]}
        return {
            **infos[0], **each, **more,
            **({"item": str(infos[0]["item"]).rpartition("#")[0]} if "item" in infos[0] else {}),
            "nfe": sum(info["nfe"] for info in infos),
            "frames": list(self.chosen),
            "shape_in": list(self.opened.head.shape),
            "shape_out": list(value.array.shape),
            **self._looks(),
            "warnings": said_of_frames({told["frame"]: [*told["info"]["warnings"],
                                        *told["look"].get("Warnings", ())] for told in self.told}),
        }  # fmt: skip

    def _looks(self) -> dict[str, Any]:
        looks = [{"Frame": told["frame"], **told["look"]} for told in self.told]
        return {"looks": looks} if any(told["look"] for told in self.told) else {}


def place_of(path: Path, units: str = "unknown") -> Volume:
    """A volume of zeros with the place and the head of the frames of a file."""
    with open_series(path, units) as opened:
        head = opened.head
    zeros = np.broadcast_to(np.float32(0), head.shape[:3])
    return Volume(zeros, head.affine, units, Stored("nifti", header=head), head.notes)


def said_of_frames(said: Mapping[int, list[str]]) -> list[str]:
    """The sentences of all frames, each once, with the numbers of the frames it is true of."""
    texts: dict[str, list[int]] = {}
    for number, own in said.items():
        for text in dict.fromkeys(own):
            texts.setdefault(text, []).append(number)
    return [
        text if len(numbers) == len(said) else f"frame {', '.join(_ranges(numbers))}: {text}"
        for text, numbers in texts.items()
    ]


def _ranges(numbers: list[int]) -> Iterator[str]:
    """Numbers in rising order as "0", "2 to 5"."""
    first = last = numbers[0]
    for number in [*numbers[1:], None]:
        if number == last + 1:
            last = number
            continue
        yield str(first) if first == last else f"{first} to {last}"
        first = last = -1 if number is None else number


def _shared_map(
    opened: Series, chosen: range, settings: Mapping[str, Any], wishes: Wishes
) -> IntensityMap | None:
    """The map of all frames of a translation; None where the model's is fixed."""
    from undrift.medical.tasks import translator

    method = translator(settings.get("target"), settings.get("model"), wishes)
    maps = [method.map_of(opened.frame(number).array) for number in chosen]
    measured = [one for one in maps if isinstance(one, PercentileMap)]
    if not measured:
        return None
    low, high = (float(np.median([getattr(m, end) for m in measured])) for end in ("low", "high"))
    return replace(measured[0], low=low, high=high)


def _share(progress: Progress | None, done: int, count: int) -> Progress | None:
    return None if progress is None else lambda share: progress((done + share) / count)


def _pair(values: Any) -> tuple[int, int] | None:
    return None if values is None else (values[0], values[1])
