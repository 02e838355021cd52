"""Arrays of volumes that lie in nameless files, and work on arrays part by part.

What does not fit into memory is a file mapped into it. Mapped pages count as memory of the process
as long as they are in its tables, so after every part they are let go (`madvise`): the process
holds a part, the kernel writes the rest back when it likes. The files have no name and vanish with
the process, however it ends. All functions do the same for arrays in memory, so that a task need
not know where its arrays lie; parts go along the slowest axis, in whose order the file is.
"""

import contextlib
import math
import mmap
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import OutOfMemoryError

Array = npt.NDArray[Any]
Part = tuple[slice, ...]
PART = 2**21  # elements of a part
FETCHED = 2**24  # elements of the planes that are fetched at once


class _Mapped(mmap.mmap):
    """A mapped file that knows its folder."""

    folder: Path


def on_disk(shape: tuple[int, ...], folder: Path, dtype: Any = np.float32) -> Array:
    """Zeros in a nameless file of a folder. Raises OutOfMemoryError where it is full."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    check_room(folder, size)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size)
        mapped = _Mapped(file.fileno(), size)
    mapped.folder = folder
    return np.frombuffer(mapped, dtype).reshape(shape)


def check_room(folder: Path, size: int) -> None:
    """Raises OutOfMemoryError, which says what sets another folder, without room for `size`."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise OutOfMemoryError(
            f"{folder}: {size / 1e9:.2g} GB of scratch are needed and {free / 1e9:.2g} GB are "
            "free; name a larger folder by --scratch or TMPDIR, or give more --max-memory"
        )


def mapping_of(array: Any) -> _Mapped | None:
    """The mapped file of an array or of a view of it; None for one in memory."""
    while array is not None and not isinstance(array, _Mapped):
        array = array.obj if isinstance(array, memoryview) else getattr(array, "base", None)
    return array


def is_on_disk(array: Array) -> bool:
    """Whether it lies in a mapped file."""
    return mapping_of(array) is not None


def let_go(*arrays: Array) -> None:
    """Gives the pages of mapped arrays back; what was written stays in their files."""
    for array in arrays:
        mapped = mapping_of(array)
        if mapped is not None:
            with contextlib.suppress(AttributeError, OSError):  # not on every system
                mapped.madvise(mmap.MADV_DONTNEED)


def like(array: Array) -> Array:
    """An array of the same shape, type and order of axes, where that one lies."""
    mapped = mapping_of(array)
    if mapped is None:
        return np.empty_like(array)
    order = _order(array)
    made = on_disk(tuple(array.shape[axis] for axis in order), mapped.folder, array.dtype)
    return made.transpose(np.argsort(order))


def parts(array: Array, most: int = PART) -> Iterator[Part]:
    """Parts of about `most` elements along the slowest axis, which cover everything once.

    Of a window of a file they count as the whole lines and planes that its pages hold.
    """
    axis = _order(array)[0]
    others = math.prod(n for k, n in enumerate(array.shape) if k != axis)
    if is_on_disk(array):
        others = max(others, abs(array.strides[axis]) // array.itemsize)
    thick, side = max(1, most // max(1, others)), array.shape[axis]
    for low in range(0, side, thick):
        yield (*[slice(None)] * axis, slice(low, min(low + thick, side)))


def computed(function: Callable[..., Array], into: Array, *arrays: Array) -> Array:
    """`into`, filled with function(parts of arrays), element by element; it may be one of them."""
    for part in parts(into):
        into[part] = function(*(one[part] for one in arrays))
        let_go(into, *arrays)
    return into


def folded(function: Callable[..., float], *arrays: Array) -> list[float]:
    """function(parts of arrays) of every part, in turn."""
    found = []
    for part in parts(arrays[0]):
        found.append(float(function(*(one[part] for one in arrays))))
        let_go(*arrays)
    return found


def extremes(array: Array) -> tuple[float, float]:
    """The smallest and the largest value."""
    return float(np.min(folded(np.min, array))), float(np.max(folded(np.max, array)))


def thinned(array: Array, step: int) -> Array:
    """Every step-th element along each axis, in memory."""
    shape = tuple(-(-side // step) for side in array.shape)
    found = np.empty(shape, array.dtype)
    axis = _order(array)[0]
    for number in range(shape[axis]):
        here = (*[slice(None)] * axis, number)
        there = (*[slice(None, None, step)] * axis, number * step)
        rest = [slice(None, None, step)] * (array.ndim - axis - 1)
        found[here] = array[(*there, *rest)]
        let_go(array)
    return found


def _order(array: Array) -> list[int]:
    """Axes from the slowest on."""
    return sorted(range(array.ndim), key=lambda axis: (-abs(array.strides[axis]), axis))


def planes(array: Array) -> Iterator[Array]:
    """array[..., k] for every k, each valid until the next is asked for.

    Where k is not the slowest axis of a file, every plane lies all over it; many are fetched at
    once, part by part.
    """
    count = array.shape[-1]
    if not is_on_disk(array):
        yield from (array[..., k] for k in range(count))
        return
    thick = max(1, FETCHED // max(1, array[..., 0].size))
    for low in range(0, count, thick):
        block = np.empty((min(thick, count - low), *array.shape[:-1]), array.dtype)
        fetched = np.moveaxis(block, 0, -1)
        copied(array[..., low : low + thick], fetched)
        yield from block


def copied(source: Array, target: Array) -> None:
    """Copies part by part, along the slowest axis of the one that lies in a file."""
    for part in parts(target if is_on_disk(target) else source):
        target[part] = source[part]
        let_go(target, source)
