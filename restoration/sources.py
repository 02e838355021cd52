"""Where training pictures come from: a bank on disc, a folder of pictures, a folder of pairs.

All answer `len`, `size(k)` and `crop(k, top, left, height, width)` -> float32 (3, height, width)
in unit range, grey pictures as three equal channels.  They are safe to send to worker processes:
banks stay memory-mapped, decoded pictures are cached per process up to a number of bytes.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError

if TYPE_CHECKING:
    from undrift.restoration.images import Picture

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
CACHE_BYTES = 2**30
TILES = "tiles-"  # how the file name of a bank of photographs begins


def picture_files(folder: Path) -> list[Path]:
    """All picture files below `folder`, sorted by relative path; InputError if there are none."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file()]
    found = [p for p in found if not p.name.startswith(".")]
    if not found:
        raise InputError(
            f"{folder} holds no pictures; expected files ending in {', '.join(sorted(SUFFIXES))}"
        )
    return sorted(found, key=lambda p: p.relative_to(folder).as_posix())


class Bank:
    """Pictures in one uint8 .npy array (count, h, w, 3): drawn, or tiles of photographs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pictures = self._open()
        if self._pictures.ndim != 4 or self._pictures.shape[-1] != 3 or not len(self):
            raise InputError(
                f"{path} holds an array of shape {self._pictures.shape}; expected "
                "(count, h, w, 3); make it with undrift.restoration.leaves.make_bank"
            )
        if self._pictures.dtype != np.uint8:
            raise InputError(f"{path} holds {self._pictures.dtype}; expected uint8, 0 to 255")

    def _open(self) -> np.ndarray:
        try:
            return np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{self.path} is not a readable .npy file: {error}") from error

    def __len__(self) -> int:
        return len(self._pictures)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}  # never the mapped bytes

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._pictures = self._open()

    def synthetic(self, k: int) -> bool:
        """Whether picture k was drawn, so that its colour channels may change places."""
        return not self.path.name.startswith(TILES)

    def name(self, k: int) -> str:
        """What to call picture k in a message."""
        return f"{self.path} [{k}]"

    def size(self, k: int) -> tuple[int, int]:
        """Height and width of picture k."""
        return self._pictures.shape[1], self._pictures.shape[2]

    def crop(self, k: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Float32 (3, height, width) piece of picture k."""
        piece = self._pictures[k, top : top + height, left : left + width]
        return piece.transpose(2, 0, 1).astype(np.float32, order="C") * np.float32(1 / 255)


class Folder:
    """Clean pictures (PNG, JPEG, TIFF, ...) below one folder, grey or colour."""

    def __init__(self, folder: Path, files: list[Path] | None = None) -> None:
        self.folder = folder
        self.files = picture_files(folder) if files is None else files
        self._cache: OrderedDict[int, np.ndarray] = OrderedDict()

    def __len__(self) -> int:
        return len(self.files)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": OrderedDict()}

    def synthetic(self, k: int) -> bool:
        """Never: see `Bank.synthetic`."""
        return False

    def name(self, k: int) -> str:
        """What to call picture k in a message."""
        return str(self.files[k])

    def read(self, k: int) -> "Picture":
        """Decode picture k."""
        from undrift.restoration.images import read_picture

        return read_picture(self.files[k])

    def decoded(self, k: int) -> np.ndarray:
        """Float32 (1 or 3, h, w) of picture k, decoded anew."""
        picture = self.read(k)
        if picture.value_range is not None:  # stretched per file: tones would not compare
            raise InputError(
                f"{self.files[k]} holds {picture.depth} values from {picture.value_range[0]:g} to "
                f"{picture.value_range[1]:g}; expected unsigned 8 or 16 bit, or floats in [0, 1]; "
                "convert the training pictures with one common range"
            )
        return picture.pixels

    def pixels(self, k: int) -> np.ndarray:
        """Float32 (1 or 3, h, w) of picture k, from the cache where it is there."""
        if k in self._cache:
            self._cache.move_to_end(k)
            return self._cache[k]
        pixels = self._cache[k] = self.decoded(k)
        while len(self._cache) > 1 and sum(p.nbytes for p in self._cache.values()) > CACHE_BYTES:
            self._cache.popitem(last=False)
        return pixels

    def size(self, k: int) -> tuple[int, int]:
        """Height and width of picture k."""
        height, width = self.pixels(k).shape[1:]
        return height, width

    def crop(self, k: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Float32 (3, height, width) piece of picture k."""
        piece = self.pixels(k)[:, top : top + height, left : left + width]
        return np.repeat(piece, 3, axis=0) if piece.shape[0] == 1 else piece.copy()


class Together:
    """Several sources as one: the pictures of the first, then those of the second, ..."""

    def __init__(self, parts: "Sequence[Bank | Folder]") -> None:
        self.parts = list(parts)
        self._ends = list(accumulate(len(part) for part in self.parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def _find(self, k: int) -> "tuple[Bank | Folder, int]":
        part = bisect_right(self._ends, k)
        return self.parts[part], k - (self._ends[part - 1] if part else 0)

    def synthetic(self, k: int) -> bool:
        """See `Bank.synthetic`."""
        part, own = self._find(k)
        return part.synthetic(own)

    def name(self, k: int) -> str:
        """What to call picture k in a message."""
        part, own = self._find(k)
        return part.name(own)

    def size(self, k: int) -> tuple[int, int]:
        """Height and width of picture k."""
        part, own = self._find(k)
        return part.size(own)

    def crop(self, k: int, top: int, left: int, height: int, width: int) -> np.ndarray:
        """Float32 (3, height, width) piece of picture k."""
        part, own = self._find(k)
        return part.crop(own, top, left, height, width)


def is_paired(folder: Path) -> bool:
    """Whether `folder` has the subfolders clean/ and degraded/."""
    return (folder / "clean").is_dir() and (folder / "degraded").is_dir()


class Pairs:
    """Pairs: `folder`/clean and `folder`/degraded hold files of equal relative names.

    Suffixes may differ (a PNG beside a JPEG).  The clean picture of a pair is s times as large as
    the degraded one, s = 1, 2, 3, ...  Raises InputError that lists the files without partner.
    """

    def __init__(self, folder: Path) -> None:
        sides = []
        for side in ("clean", "degraded"):
            named: dict[str, Path] = {}
            for file in picture_files(folder / side):
                key = file.relative_to(folder / side).with_suffix("").as_posix()
                if key in named:
                    raise InputError(f"{named[key]} and {file} share a name; keep one of them")
                named[key] = file
            sides.append(named)
        clean, degraded = sides
        lonely = [str(clean[k]) for k in sorted(clean.keys() - degraded.keys())]
        lonely += [str(degraded[k]) for k in sorted(degraded.keys() - clean.keys())]
        if lonely:
            listed = ", ".join(lonely[:8]) + (" ..." if len(lonely) > 8 else "")
            raise InputError(
                f"{len(lonely)} picture(s) without partner of the same name in clean/ or "
                f"degraded/: {listed}; add the partner or remove the file"
            )
        names = sorted(clean)
        self.clean = Folder(folder / "clean", [clean[k] for k in names])
        self.degraded = Folder(folder / "degraded", [degraded[k] for k in names])

    def __len__(self) -> int:
        return len(self.clean)

    def scale(self, k: int) -> int:
        """The factor s between the sizes of pair k; InputError, naming the files, if not whole."""
        large, small = self.clean.size(k), self.degraded.size(k)
        s = large[0] // small[0]
        if s < 1 or large != (s * small[0], s * small[1]):
            raise InputError(
                f"{self.clean.name(k)} is {large[0]} x {large[1]} but {self.degraded.name(k)} is "
                f"{small[0]} x {small[1]} (height x width); expected equal sizes or clean = "
                "s x degraded with a whole s; crop or resize one of them"
            )
        return s
