"""A series in time or of directions, (x, y, z, t) in NIfTI, frame by frame.

One frame is in memory at a time. Frames of a .nii.gz are best asked for in their order: to go back,
it is read from its start again. Where frames are chosen in steps, the repetition time and the time
of the first frame follow.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from undrift.common.errors import InputError
from undrift.common.files import full_suffix
from undrift.medical.volumes import nifti
from undrift.medical.volumes.nifti import Where
from undrift.medical.volumes.nifti_head import Head
from undrift.medical.volumes.on_disk import extremes
from undrift.medical.volumes.volume import Stored, Volume


class Series:
    """The frames of an open file. units: what a value counts."""

    def __init__(self, path: Path, file: Any, head: Head, units: str):
        self.path, self.head, self.units, self._file = path, head, units, file

    def __len__(self) -> int:
        return frames_of(self.head)

    def frame(self, number: int, where: Where | None = None) -> Volume:
        """Frame `number`, (x, y, z), with the head of the series. where: see `read_nifti`.

        Raises InputError for a file that is damaged or cut off.
        """
        grid = self.head.shape[:3]
        size = grid[0] * grid[1] * grid[2] * self.head.dtype.itemsize
        with nifti.whole(self.path):
            self._file.seek(self.head.offset + number * size)
            array = nifti.read_voxels(self._file, self.head, self.path, grid, where)
            if number == len(self) - 1:
                nifti.read_to_end(self._file)
        head, span = self.head, extremes(array)
        kept = Stored("nifti", head.dtype.name, head.slope, head.inter, span=span, header=head)
        return Volume(array, head.affine, self.units, kept, head.notes)


@contextmanager
def open_series(path: Path, units: str = "unknown") -> Iterator[Series]:
    """The frames of a NIfTI file. Raises InputError as `read_nifti` does."""
    with nifti.whole(path):
        head, data = nifti.head_of(path)
        with nifti.opened(data) as file:
            yield Series(path, file, head, units)


def count_frames(path: Path) -> int:
    """How many there are, by the head of a file; 1 for other kinds of files and damaged ones."""
    if full_suffix(path).lower() not in nifti.SUFFIXES or not path.is_file():
        return 1
    try:
        with nifti.whole(path):
            return frames_of(nifti.head_of(path)[0])
    except InputError:  # told when it is read
        return 1


def frames_of(head: Head) -> int:
    """Of a head."""
    return head.shape[3] if len(head.shape) == 4 else 1


def chosen_frames(text: str, count: int) -> range:
    """Numbers of the frames of "all", "0:10", "::2", "3" or "-1", of `count` frames.

    Raises InputError for a text that says none, frames that are not there, and no frame at all.
    """
    fields = text.split(":")
    try:
        if text.strip() == "all":
            return range(count)
        numbers = [int(one) if one.strip() else None for one in fields]
    except ValueError:
        numbers = []
    if len(numbers) == 1 and numbers[0] is not None:
        first = numbers[0] + count * (numbers[0] < 0)
        chosen = range(first, first + 1)
    elif 2 <= len(numbers) <= 3 and (len(numbers) == 2 or (numbers[2] or 1) > 0):
        chosen = range(count)[slice(*numbers)]
    else:
        raise InputError(f"frames {text!r}: expected all, or such as 0:10, ::2 or 3, from 0 on")
    if not chosen or not 0 <= chosen[0] <= chosen[-1] < count:
        raise InputError(f"frames {text}: there are {count}, from 0 to {count - 1}")
    return chosen


def timed(head: Head, chosen: range) -> Head:
    """The head with the time of the first chosen frame, and that between two of them."""
    if chosen.start == 0 and chosen.step == 1:
        return head
    header = head.header.copy()
    between = float(header["pixdim"][4])
    header["toffset"] = float(header["toffset"]) + chosen.start * between
    header["pixdim"][4] = between * chosen.step
    return replace(head, header=header)
