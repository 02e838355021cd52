"""NIfTI files (.nii, .nii.gz, .hdr with .img) to float32 and back with the source's whole head.

Everything before the first voxel, that is header and extensions, is kept as it is and copied into
the output: codes, both transforms, units, repetition time, intent, calibration, description. Only
what the values make untrue is changed: type and scale where another type is asked for, shape and
both transforms where the grid is another. Voxels pass in pieces, so a file needs the memory of its
float32 array; the checksum at the end of a .nii.gz is verified.
"""

import gzip
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import full_suffix, write_atomically
from undrift.medical.volumes import nifti_head
from undrift.medical.volumes.geometry import turn_to
from undrift.medical.volumes.nifti_head import Head
from undrift.medical.volumes.on_disk import FETCHED, copied, extremes, on_disk, planes
from undrift.medical.volumes.storing import Storage, plan_storage
from undrift.medical.volumes.volume import Stored, Values, Volume

SUFFIXES = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")
Where = Callable[[tuple[int, ...]], Path | None]

_PIECE = 1 << 20  # voxels at once
_LEVEL = 6  # of compression
_DENSEST = 1032  # bytes that deflate can put into one


@dataclass(frozen=True)
class Written:
    """What was stored: its type and scale, and how many values were beyond its ends."""

    path: Path
    storage: Storage
    clipped: int


def read_nifti(path: Path, units: str = "unknown", where: Where | None = None) -> Volume:
    """Reads (x, y, z) or (x, y, z, t); `units` says what a value counts, since no NIfTI file does.

    where: shape -> the folder of a nameless file that holds the values; None for memory.
    Raises InputError for what is no NIfTI file, cut off, damaged, or not of real numbers.
    """
    with whole(path):
        head, data_path = head_of(path)
        with opened(data_path) as file:
            file.seek(head.offset)
            array = read_voxels(file, head, path, head.shape, where)
            read_to_end(file)
    span = extremes(array)
    kept = Stored("nifti", head.dtype.name, head.slope, head.inter, span=span, header=head)
    return Volume(array, head.affine, units, kept, head.notes)


def write_nifti(path: Path, volume: Volume, dtype: str = "same") -> Written:
    """Writes .nii or .nii.gz, whole or not at all.  dtype: see `plan_storage`."""
    storage = plan_storage(volume, dtype)
    head = nifti_head.head_for(volume, storage)
    clipped = 0

    def write(part: Path) -> None:
        nonlocal clipped
        with _created(part) as file:
            file.write(head.bytes)
            clipped = _write_voxels(file, volume.array, storage, head.dtype)

    write_atomically(path, write)
    return Written(path, storage, clipped)


def head_of(path: Path) -> tuple[Head, Path]:
    """The head of a file, and where its voxels are. Raises InputError where they cannot be."""
    head_path, data_path = _pair(path)
    with opened(head_path) as file:
        head = nifti_head.read(file, path, single=head_path == data_path)
    _check_size(data_path, head, path)
    return head, data_path


def read_to_end(file: IO[bytes]) -> None:
    """To the end of a .nii.gz, where its checksum is compared."""
    while file.read(_PIECE):
        pass


def read_voxels(
    file: IO[bytes], head: Head, path: Path, shape: tuple[int, ...], where: Where | None = None
) -> Values:
    """The next voxels of an open file as an array of `shape`; see `read_nifti`."""
    folder = where(shape) if where is not None else None
    size, plane = math.prod(shape), math.prod(shape[:-1])
    if folder is None:
        array = np.empty(size, np.float32)
        _fill(array, file, head, path)
        return array.reshape(shape, order="F")
    array = laid_out(shape, head.affine, folder)
    thick = max(1, FETCHED // plane)
    for low in range(0, shape[-1], thick):
        here = array[..., low : low + thick]
        block = np.empty(here.size, np.float32)
        _fill(block, file, head, path)
        copied(block.reshape(here.shape, order="F"), here)
    return array


def laid_out(shape: tuple[int, ...], affine: Any, folder: Path) -> Values:
    """An array in a nameless file, whose slowest axis is the one that networks see as their first.

    Time, where there is one, is slower still.
    """
    order = [*range(3, len(shape)), *turn_to(affine).order]
    return on_disk(tuple(shape[axis] for axis in order), folder).transpose(np.argsort(order))


def _fill(array: Values, file: IO[bytes], head: Head, path: Path) -> None:
    """Reads the next numbers of a file into a flat array, as values."""
    item = head.dtype.itemsize
    for start in range(0, array.size, _PIECE):
        stop = min(start + _PIECE, array.size)
        data = file.read((stop - start) * item)
        if len(data) < (stop - start) * item:
            got = file.tell() - head.offset
            raise _cut_off(path, f"holds {got}", math.prod(head.shape) * item)
        numbers = np.frombuffer(data, head.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # `check_volume` tells of infinities
            if (head.slope, head.inter) != (1.0, 0.0):
                numbers = numbers.astype(np.float64) * head.slope + head.inter
            array[start:stop] = numbers


def _check_size(data: Path, head: Head, path: Path) -> None:
    """Before memory is asked for: whether the file can hold what its header announces."""
    wanted = math.prod(head.shape) * head.dtype.itemsize
    packed = data.suffix.lower() == ".gz"
    room = data.stat().st_size * (_DENSEST if packed else 1) - head.offset
    if wanted > room:
        raise _cut_off(path, f"has room for {max(room, 0)}", wanted)


def _cut_off(path: Path, told: str, wanted: int) -> InputError:
    return InputError(
        f"{path}: {told} of the {wanted} bytes of voxels that its header announces: the file is "
        "cut off, or its header damaged; take it again from its source"
    )


def _write_voxels(file: IO[bytes], array: Values, storage: Storage, dtype: np.dtype) -> int:
    if array.ndim > 3:
        frames = (array[..., t] for t in range(array.shape[3]))
        return sum(_write_voxels(file, frame, storage, dtype) for frame in frames)
    clipped = 0
    for plane in planes(array):
        numbers, cut = storage.store(plane)
        clipped += cut
        file.write(numbers.astype(dtype).tobytes(order="F"))
    return clipped


def _pair(path: Path) -> tuple[Path, Path]:
    """Where header and voxels are."""
    suffix = full_suffix(path)
    other = {".hdr": ".img", ".img": ".hdr"}.get(suffix.lower().removesuffix(".gz"))
    if other is None:
        return path, path
    base = path.name[: -len(suffix)]
    tail = suffix[4:]
    head, data = (path.with_name(f"{base}{end}{tail}") for end in (".hdr", ".img"))
    for one in (head, data):
        if not one.is_file():
            raise InputError(f"{path}: its other half {one.name} is missing")
    return head, data


def opened(path: Path) -> Any:
    """A file to read, decompressed where it is .gz."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


@contextmanager
def _created(path: Path) -> Iterator[Any]:
    with path.open("wb") as file:
        if path.suffix.lower() != ".gz":
            yield file
            return
        # No name and no time inside: the same volume gives the same bytes.
        with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as packed:
            yield packed


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Raises InputError where the file `path` is missing, empty or, while it is read, damaged."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if not path.stat().st_size:
        raise InputError(f"{path}: the file is empty (0 bytes); take it again from its source")
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: cannot be decompressed to its end ({error}): the file is damaged or cut off; "
            "take it again from its source"
        ) from error
