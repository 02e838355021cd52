"""Large pictures without holding them: rows of a file in, bands of rows of another out.

Where the network can be streamed (`large_streams`), strips of rows as wide as the picture go
through it one after another, without margins (`large_strips`); else windows with a margin
(`large_plan`).
Memory depends on the strip or window, not on the picture, and the result is that of the whole.
Taken for `denoise`, `sr` and the tasks of `restore` that one network does, from more than
`STREAMED` pixels of the result in strips and more than `LARGE` in windows, one sample, no borders
that go on. PNG and TIFF are read and written a band at a time; JPEG, WebP and BMP are held as the
8-bit numbers of the file. Anything else is read whole. "auto" noise is that of a picture of up to
`LARGE` pixels, and the mean of the estimates of blocks of fixed size of a larger one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from undrift.common.allocator import large_maps_apart
from undrift.common.sampling import Sampler
from undrift.common.wishes import Wishes
from undrift.restoration import large_sr, large_tasks
from undrift.restoration.large_plan import Plan
from undrift.restoration.large_streams import streams
from undrift.restoration.mending import MODELS
from undrift.restoration.pictures.files import FORMATS
from undrift.restoration.pictures.row_files import open_rows
from undrift.restoration.pictures.rows import Rows
from undrift.restoration.restoring import is_mending
from undrift.restoration.verbs import VERBS

STREAMED = 2**19  # pixels above which a picture goes from file to file in strips
LARGE = 2**22  # pixels above which it does in windows
Given = dict[str, Any]
_OWN = {  # settings of a task that windows may have
    "denoise": {"sigma", "noise", "gain", "read_noise", "method", "fidelity"},
    "sr": {"scale", "method", "fidelity", "degradation"},
    "restore": {"task", "fidelity"},
}


def restore_large(
    task: str, source: Path, target: Path, item: str, settings: Mapping[str, Any], noted: bool
) -> dict[str, Any] | None:
    """Restores a file into another and returns its info; None where it has to be read whole.

    settings: of the task function. noted: whether the output says how it was made.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    if not _fits(task, given) or target.suffix.lower() not in FORMATS:
        return None
    rows = open_rows(source)
    if rows is None:
        return None
    try:
        with large_maps_apart():
            return _restored(task, rows, target, {**given, "item": item}, noted)
    finally:
        rows.close()


def _fits(task: str, given: Given) -> bool:
    own = set(given) - set(Wishes.__dataclass_fields__) - {"model"}
    if task not in _OWN or not own <= _OWN[task]:
        return False
    if task == "restore":
        return given["task"] in MODELS and is_mending(given["task"], given.get("model"))
    return task == "sr" or large_tasks.is_number_or_auto(given.get("sigma", "auto"))


def _restored(
    task: str, rows: Rows, target: Path, given: Given, noted: bool
) -> dict[str, Any] | None:
    scale = float(given.get("scale", 4.0)) if task == "sr" else 1.0
    size = rows.known.height * rows.known.width * scale**2
    if size <= min(LARGE, STREAMED):
        return None
    wishes = Wishes(**{k: v for k, v in given.items() if k in Wishes.__dataclass_fields__})
    sampler = VERBS[task].sampler(given.get("model"), task, wishes, given)
    if not isinstance(sampler, Sampler) or given.get("method") == "operator":
        return None
    if (size <= LARGE and not streams(sampler, rows.known)) or not rows.settle():
        return None
    function: Callable[..., dict[str, Any] | None]
    if task == "sr":
        function = large_sr.enlarge
    else:
        function = large_tasks.denoise if task == "denoise" else large_tasks.mend
    return function(rows, sampler, target, given, noted)


__all__ = ["LARGE", "Plan", "restore_large"]
