"""Pictures inside MATLAB files: whole blocks (SIDD) and boxes cut from large pictures (DND).

A pattern `file.mat::name` means the variable `name` of the file.  MATLAB writes either its own
format (scipy reads it, axes as MATLAB shows them) or HDF5 (version 7.3), where all axes come in
reverse order.

blocks: the variable is an array (..., height, width, channel); every index of the leading axes is
    an item, "03-17" for index (3, 17), counted from 0; the group is the first index.
boxes: each file holds one picture (height, width, channel); `boxes` names an array of references
    to one table a picture, each row (top, left, bottom, right), counted from 1, ends included
    (Plötz and Roth 2017, arXiv:1707.01313).  Items are "0001_01", as the benchmark names results.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from undrift.common.card_views import View
from undrift.common.errors import InputError
from undrift.common.view_files import Entry
from undrift.restoration.sources import Folder


@dataclass(frozen=True)
class Piece:
    """A part of a variable of a .mat file: its leading index, or rows and columns of it."""

    path: Path
    variable: str
    index: tuple[int, ...] = ()
    box: tuple[int, int, int, int] | None = None  # top, left, bottom, right; from 0, ends excluded

    def read(self) -> np.ndarray:
        """Float32 (c, h, w) in unit range. InputError where the variable cannot serve."""
        if self.box is None:
            pixels = _variable(self.path, self.variable, _stamp(self.path))[self.index]
        else:
            top, left, bottom, right = self.box
            pixels = _cut(self.path, self.variable, (top, left, bottom, right))
        if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3):
            raise InputError(f"{self}: expected (height, width, 1 or 3), got {pixels.shape}")
        if pixels.dtype == np.uint8:
            scaled = pixels.astype(np.float32) / np.float32(255)
        elif pixels.dtype.kind == "f":
            scaled = pixels.astype(np.float32)
        else:
            raise InputError(f"{self}: expected uint8 or floats in [0, 1], got {pixels.dtype}")
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))

    def __str__(self) -> str:
        return f"{self.path}::{self.variable}{list(self.index or self.box or ())}"


class Pieces(Folder):
    """Pictures inside .mat files, with the methods of a folder of pictures."""

    def __init__(self, folder: Path, pieces: list[Piece]) -> None:
        super().__init__(folder, [piece.path for piece in pieces])
        self.pieces = pieces

    def name(self, k: int) -> str:
        """What to call picture k in a message."""
        return str(self.pieces[k])

    def decoded(self, k: int) -> np.ndarray:
        """Float32 (1 or 3, h, w) of picture k, read anew."""
        return self.pieces[k].read()


def pieces(view: View, root: Path, entries: list[Entry]) -> list[tuple[Entry, dict[str, Piece]]]:
    """The items inside the files of `entries`: (entry of the item, its piece by side).

    Raises InputError where a file cannot be read or the sides differ in number.
    """
    cut = _blocks if view.reader == "blocks" else _boxes
    return [item for entry in entries for item in cut(view, root, entry)]


def _blocks(view: View, root: Path, entry: Entry) -> list[tuple[Entry, dict[str, Piece]]]:
    names = {side: view.patterns[side].partition("::")[2] for side in entry.files}
    files = entry.files.items()
    leads = {s: _variable(path, names[s], _stamp(path)).shape[:-3] for s, path in files}
    if len(set(leads.values())) > 1:
        raise InputError(
            f"{root}: the sides hold different numbers of blocks, "
            + ", ".join(f"{path} {leads[side]}" for side, path in files)
            + "; get both from the same release"
        )
    found = []
    for index in np.ndindex(next(iter(leads.values()))):
        item = Entry("-".join(f"{n:02d}" for n in index), f"{index[0]:02d}", entry.files)
        found.append((item, {s: Piece(p, names[s], index) for s, p in files}))
    return found


def _boxes(view: View, root: Path, entry: Entry) -> list[tuple[Entry, dict[str, Piece]]]:
    names = {side: view.patterns[side].partition("::")[2] for side in entry.files}
    file, _, where = (view.boxes or "").partition("::")
    if not entry.name.isdigit():
        raise InputError(f"{root}: {entry.name} is no number; expected files such as 0001.mat")
    table = _tables(root / file, where, _stamp(root / file))
    number = int(entry.name)
    if not 1 <= number <= len(table):
        raise InputError(
            f"{root / file} has boxes for {len(table)} pictures, none for {entry.name}"
        )
    found = []
    for k, (top, left, bottom, right) in enumerate(table[number - 1]):
        box = (int(top) - 1, int(left) - 1, int(bottom), int(right))
        parts = {side: Piece(p, names[side], box=box) for side, p in entry.files.items()}
        found.append((Entry(f"{entry.name}_{k + 1:02d}", entry.name, entry.files), parts))
    return found


def _stamp(path: Path) -> tuple[int, int]:
    """Changes with the file, so that nothing old is kept of it."""
    if not path.is_file():
        return 0, 0
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _variable(path: Path, name: str, stamp: tuple[int, int]) -> np.ndarray:
    """The whole variable, axes as MATLAB shows them. Raises InputError naming file and variable."""
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=[name])
    except NotImplementedError:  # version 7.3
        return _cut(path, name, None)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no readable MATLAB file: {error}; get it again") from error
    if name not in found:
        raise InputError(f"{path} holds no variable {name}; is it another file of the data set?")
    return found[name]


def _cut(path: Path, name: str, box: tuple[int, int, int, int] | None) -> np.ndarray:
    """Rows and columns of a variable of a version 7.3 file, (h, w, c), or all of it."""
    import h5py

    try:
        with h5py.File(path) as file:
            data = file.get(name)
            if not isinstance(data, h5py.Dataset):
                raise InputError(f"{path} holds no variable {name}")
            if box is None:
                return np.asarray(data).T
            top, left, bottom, right = box
            height, width = data.shape[-1], data.shape[-2]
            if not (0 <= top < bottom <= height and 0 <= left < right <= width):
                raise InputError(
                    f"{path}: the box {box} does not fit its {height} x {width} pixels; "
                    "it belongs to another file"
                )
            return np.asarray(data[:, left:right, top:bottom]).T
    except OSError as error:
        raise InputError(f"{path} is no readable MATLAB file: {error}; get it again") from error


@lru_cache(maxsize=4)
def _tables(path: Path, where: str, stamp: tuple[int, int]) -> list[np.ndarray]:
    """The table of boxes of every picture, (count, 4) each, from a version 7.3 file."""
    import h5py

    try:
        with h5py.File(path) as file:
            if where not in file:
                raise InputError(f"{path} holds no {where}; is it the info.mat of the data set?")
            references = np.asarray(file[where]).ravel()
            return [np.asarray(file[reference]).T for reference in references]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}; it lies beside the pictures") from error
