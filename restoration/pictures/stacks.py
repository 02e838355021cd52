"""Stacks: TIFF files of several pages and .npy files (t, h, w[, c]), a page at a time.

A stack is opened, asked for its length, and indexed; one page is in memory at a time. Numbers whose
type says nothing of their range (floats outside [0, 1], signed, 32 bits) share one range over the
chosen pages, found in a first pass, so that equal numbers stay equal from page to page.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.restoration.pictures import files, tiff, values
from undrift.restoration.pictures.picture import Picture


def is_numpy(path: Path) -> bool:
    """Whether the file holds a NumPy array."""
    with path.open("rb") as file:
        return file.read(6) == b"\x93NUMPY"


def is_stack(path: str | Path) -> bool:
    """Whether the file is a .npy, or a TIFF of several pages; False where it cannot be read."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            kind = files.sniff(file.read(16))
        if kind == "TIFF":
            with open_stack(path) as stack:
                return len(stack) > 1
        return is_numpy(path)
    except (InputError, OSError):
        return False


def first_page(path: Path) -> np.ndarray | None:
    """Pixels (c, h, w) of a picture or of the first page of a stack; None for measurements."""
    from undrift.restoration.pictures.objects import to_pixels

    if path.suffix.lower() not in (*files.SUFFIXES, ".npy"):
        return None
    if not is_stack(path):
        return files.read_picture(path).pixels
    try:
        with open_stack(path) as stack:
            return to_pixels(stack[0])[0].pixels
    except InputError:  # an array of something else
        return None


@contextmanager
def open_stack(path: str | Path) -> Iterator[Any]:
    """A `TiffStack` or an `ArrayStack`. Raises InputError for files that are none, or damaged."""
    from tifffile import TiffFile

    path = Path(path)
    with files.decoding(path, "stack"):
        with path.open("rb") as file:
            kind = files.sniff(file.read(16))
        if is_numpy(path):
            stack: TiffStack | ArrayStack = ArrayStack(path)
        elif kind == "TIFF":
            with ExitStack() as undo:
                file = undo.enter_context(TiffFile(path))
                stack = TiffStack(path, file)
                undo.pop_all()
        else:
            raise InputError(f"{path}: one picture has no pages; expected a TIFF or a .npy stack")
    try:
        yield stack
    finally:
        stack.close()


class TiffStack:
    """The pages of an open TIFF file as pictures. shape: leading axes; title: what it says."""

    def __init__(self, path: Path, file: Any):
        self.path, self._file = path, file
        self._places, frames = tiff.find_pages(file)
        self._unlisted = len(self._places) == 1 and frames > 1
        self._count = frames if self._unlisted else len(self._places)
        self._range: tuple[float, float] | None = None
        self.title = str(self._file.pages[0].aspage().description)
        self.shape = self._noted_shape()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Picture:
        with files.decoding(self.path, f"page {number}"):
            place, frame = self._place(number)
            return tiff.read_page(self.path, self._file, place, self._range, frame)

    def share_range(self, chosen: Sequence[int]) -> None:
        """Finds the range that the chosen pages share, where their type has none of its own."""
        low, high, floats = np.inf, -np.inf, False
        for number in chosen:
            place, frame = self._place(number)
            page = self._file.pages[place].aspage()
            tiff.check_page(self.path, page)
            if page.dtype.name in values.FULL:
                return
            with files.decoding(self.path, f"page {number}"):
                colour = tiff.samples_of(self.path, page, frame)[0]
            values.check_finite(colour, f"{self.path}: page {number}")
            floats = colour.dtype.kind == "f"
            low, high = min(low, float(colour.min())), max(high, float(colour.max()))
        inside = floats and low >= 0.0 and high <= 1.0
        self._range = None if inside else (low, high if high > low else low + 1.0)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _place(self, number: int) -> tuple[int, int]:
        return (self._places[0], number) if self._unlisted else (self._places[number], 0)

    def _noted_shape(self) -> tuple[int, ...]:
        """Leading axes as tifffile notes them, else the number of pages."""
        if self.title.startswith('{"shape":'):
            try:
                shape = [int(n) for n in json.loads(self.title)["shape"]]
            except (ValueError, TypeError, KeyError):
                shape = []
            for cut in (2, 3):
                if len(shape) > cut and int(np.prod(shape[:-cut])) == self._count:
                    return tuple(shape[:-cut])
        return (self._count,)


class ArrayStack:
    """The frames of a .npy file (t, h, w) or (t, h, w, c), mapped into memory."""

    def __init__(self, path: Path):
        self.path = path
        self._array = np.load(path, mmap_mode="r", allow_pickle=False)
        check_frames(self._array, str(path))
        self.shape, self.title = (len(self._array),), ""

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, number: int) -> np.ndarray:
        return np.array(self._array[number])

    def share_range(self, chosen: Sequence[int]) -> None:
        """Arrays state their range by their type."""

    def close(self) -> None:
        """Lets go of the file."""
        del self._array


def check_frames(frames: Any, name: str, last: bool = True) -> None:
    """Raises InputError unless frames is (t, h, w), or with channels (t, h, w, c) or (t, c, h, w).

    last: whether channels are the last axis.
    """
    shape = tuple(frames.shape)
    kind = "(t, h, w) or (t, h, w, c)" if last else "(t, h, w) or (t, c, h, w)"
    channels = shape[-1 if last else 1] if len(shape) == 4 else 1
    if len(shape) not in (3, 4) or channels not in (1, 2, 3, 4) or 0 in shape:
        raise InputError(f"{name} is {shape}; expected frames {kind}; join further axes in time")
    if last and len(shape) == 3 and shape[2] <= 4:
        raise InputError(
            f"{name} is {shape}, which looks like one picture with channels; expected frames "
            f"{kind}: add the axis of time, x[None]"
        )


def chosen_pages(text: str | Sequence[int] | slice | None, count: int) -> list[int]:
    """Numbers of the pages of "0:10", "::2", "3", "-1", a slice or numbers, of `count` pages.

    Raises InputError for a text that says none, pages that are not there, and no page at all.
    """
    if text is None:
        return list(range(count))
    if isinstance(text, slice):
        chosen = list(range(count))[text]
    elif isinstance(text, str):
        chosen = _spelled(text, count)
    else:
        chosen = [int(number) for number in text]
    chosen = [number + count if number < 0 else number for number in chosen]
    if not chosen or not all(0 <= number < count for number in chosen):
        raise InputError(
            f"pages {text}: the stack has {count}, from 0 to {count - 1}; expected such as 0:10, "
            "::2 or 3"
        )
    return chosen


def _spelled(text: str, count: int) -> list[int]:
    parts = text.split(":")
    try:
        numbers = [int(part) if part.strip() else None for part in parts]
        if len(parts) == 1 and numbers[0] is not None:
            return [numbers[0]]
        if 2 <= len(parts) <= 3:
            return list(range(count))[slice(*numbers)]
    except ValueError:
        pass
    raise InputError(f"pages {text!r}: expected such as 0:10, ::2 or 3, counted from 0")
