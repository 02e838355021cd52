"""`stack`: a task for every frame of a stack, one at a time.

    better = undrift.stack("denoise", frames, sigma=25)             # an array (t, h, w)
    undrift.stack("denoise", "cells.tif", pages="0:10").save("clean.tif")

Frame number n of the item NAME has the noise of the item `NAME#n`, whichever frames are chosen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.results import Restored
from undrift.restoration.images import Picture, to_pixels
from undrift.restoration.outcome import provenance
from undrift.restoration.pictures.stack_write import StackWriter, check_target
from undrift.restoration.pictures.stacks import check_frames, chosen_pages, is_numpy, open_stack
from undrift.restoration.verbs import VERBS
from undrift.restoration.warm import Memory

TASKS = ("denoise", "sr", "deblur", "inpaint", "colourise", "restore")
_EACH = ("sigma", "chi", "noise", "psf", "missing", "residual_rms", "still", "seconds", "item")


def stack(
    task: str,
    frames: Any,
    *,
    pages: str | slice | Sequence[int] | None = None,
    warm_start: bool = False,
    item: str | None = None,
    **settings: Any,
) -> Restored:
    """Restores every frame by a task: "denoise", "sr", "deblur", "inpaint", ...

    frames: a path of a TIFF of several pages or of a .npy; an array (t, h, w) or (t, h, w, c); or a
    tensor (t, h, w) or (t, c, h, w). pages: those to restore, such as "0:10", "::2", a slice or
    numbers; all without it. settings: those of the task. warm_start: of "denoise" only: a frame
    begins where the frames before it have led, wherever nothing moved, at twice the cost
    (`undrift.restoration.warm` says how); each frame by itself without it.
    Returns a `Restored` whose value is of the same kind: an array, a tensor, or, of a TIFF, the
    tuple of its pages; `info` has lists over the frames of what differs between them.
    Raises InputError for what is no stack and for pages that are not there, UsageError for unknown
    tasks and settings.
    """
    check_stack(task, warm_start)
    if isinstance(frames, str | Path):
        path = Path(frames)
        with open_stack(path) as opened:
            name = path.name if item is None else item
            chosen = chosen_pages(pages, len(opened))
            opened.share_range(chosen)
            found = list(restored(task, opened, chosen, name, warm_start, settings))
            whole = len(chosen) == len(opened)
            about = (opened.shape, None) if whole else ((), opened.title)
        return _together(task, found, chosen, about, array=is_numpy(path))
    if not isinstance(frames, np.ndarray | torch.Tensor):
        raise InputError(
            f"cannot take a {type(frames).__name__}; expected a path, a NumPy array (t, h, w[, c]) "
            "or a torch tensor (t[, c], h, w)"
        )
    check_frames(frames, "the stack", last=isinstance(frames, np.ndarray))
    chosen = chosen_pages(pages, len(frames))
    found = list(restored(task, frames, chosen, item or "", warm_start, settings))
    return _together(task, found, chosen, ((), None), array=True)


def check_stack(task: str, warm_start: bool = False) -> None:
    """Raises UsageError for a task without pictures, and for a warm start that cannot be."""
    if task not in TASKS:
        raise UsageError(f"no task {task!r}{nearest(task, TASKS)} (there are: {', '.join(TASKS)})")
    if warm_start and task != "denoise":
        raise UsageError(
            f"{task} has no warm start: it needs frames whose noise is known; leave it out"
        )


def restored(
    task: str,
    frames: Any,
    chosen: Sequence[int],
    item: str,
    warm_start: bool,
    settings: Mapping[str, Any],
) -> Iterator[Restored]:
    """The results of the chosen frames in turn; none is kept here.

    frames: anything with an index whose elements the task takes.
    """
    function = VERBS[task].function
    memory = Memory() if warm_start else None
    for number in chosen:
        own = {**settings, "item": f"{item}#{number}"}
        frame = frames[number]
        yield function(frame, **own) if memory is None else _warm(function, frame, memory, own)


def _warm(function: Any, frame: Any, memory: Memory, settings: Mapping[str, Any]) -> Restored:
    """A frame with what the memory knows, which takes it in."""
    picture, back = to_pixels(frame)
    alone = function(picture, **settings)
    noise = _white(alone.info, settings) / 255
    start = memory.start(picture.pixels, noise)
    if start is None:
        return replace(_as_came(alone, back), info={**alone.info, "still": 0.0})
    own = {**settings, "sigma": 255 * start.noise}
    later = function(picture.with_pixels(start.pixels), **own)

    def merged(theirs: Picture, ours: Picture) -> np.ndarray:
        return np.where(start.still, theirs.pixels, ours.pixels)

    pixels = merged(later.value, alone.value)
    rest = picture.pixels - pixels
    power = float(np.mean(rest.astype(np.float64) ** 2)) ** 0.5
    info = {
        **alone.info, "nfe": alone.info.get("nfe", 0) + later.info.get("nfe", 0),
        "chi": round(power / noise, 4), "residual_rms": power,
        "still": round(float(start.still.mean()), 4),
    }  # fmt: skip
    pairs = zip(later.samples, alone.samples, strict=True)
    std = alone.std
    if std is not None:
        still = start.still if std.ndim == 2 else start.still[..., None]
        std = np.where(still, later.std, std)
    return Restored(
        back(pixels, alone.value.alpha),
        std,
        tuple(back(merged(theirs, ours), ours.alpha) for theirs, ours in pairs),
        np.moveaxis(rest, 0, -1) if len(rest) > 1 else rest[0],
        info,
        alone.writer,
    )


def _white(info: Mapping[str, Any], settings: Mapping[str, Any]) -> float:
    """Its sigma; raises UsageError for noise that is not the same everywhere."""
    varied = settings.get("noise") not in (None, "white") or any(
        settings.get(name) is not None for name in ("gain", "read_noise")
    )
    sigma = info.get("sigma")
    if varied or not isinstance(sigma, int | float):
        raise UsageError("a warm start needs white noise of one sigma; leave the start or the rest")
    return float(sigma)


def _as_came(result: Restored, back: Any) -> Restored:
    samples = tuple(back(sample.pixels, sample.alpha) for sample in result.samples)
    return replace(result, value=back(result.value.pixels, result.value.alpha), samples=samples)


def _together(
    task: str,
    found: list[Restored],
    chosen: list[int],
    about: tuple[tuple[int, ...], str | None],
    array: bool,
) -> Restored:
    """One result of many; about: shape and title that `StackWriter` takes."""
    samples = tuple(zip(*(result.samples for result in found), strict=True))
    infos = [dict(result.info) for result in found]
    each = {key: [info.get(key) for info in infos] for key in _EACH if key in infos[0]}
    info = {**infos[0], **each, "task": task, "pages": chosen}
    entries = [provenance(result.info) for result in found]

    def write(path: Path, value: Any, _: Mapping[str, Any]) -> None:
        from undrift.common.files import write_atomically

        check_target(path, len(found))

        def fill(part: Path) -> None:
            with StackWriter(part, path, len(found), *about) as writer:
                for frame, entry in zip(value, entries, strict=True):
                    writer.add(frame, entry)

        write_atomically(path, fill)

    return Restored(
        _joined([result.value for result in found], array),
        _joined([result.std for result in found], True),
        tuple(_joined(sample, array) for sample in samples),
        _joined([result.residual for result in found], True),
        info,
        write,
    )


def _joined(parts: Sequence[Any], array: bool) -> Any:
    if not array or len({getattr(part, "shape", None) for part in parts}) > 1:
        return tuple(parts)
    if isinstance(parts[0], torch.Tensor):
        return torch.stack(list(parts))
    return None if parts[0] is None else np.stack(list(parts))
