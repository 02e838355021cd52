"""Real photographs for evaluation, found in installed packages: nothing is downloaded.

Two data cards list them with their hashes: `skimage-photos`, the test set, and `wheel-photos`, a
disjoint validation set on which settings may be chosen.  No model of this library was trained on
either.  One protocol for all: pixels / 255, alpha dropped, grey stays one channel, and a picture
with a side above 512 pixels is cut to the central 512 along that side (never resized).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from undrift.common.card_files import difference, locate
from undrift.common.card_schema import File
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import InputError, nearest

LARGEST = 512  # pixels a side


def load_photos(
    card_id: str, items: Sequence[str] | None = None
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (name, picture) in the card's order: float32 (c, h, w) in [0, 1], c = 1 or 3.

    `items` picks some by name. Each file is checked against the card's sha256 when it is read.

    Raises:
        InputError: an unknown card or item, or a file that is missing or not the card's.
        MissingExtraError: a package is not installed; says which `pip install` brings it.
    """
    card = find_card(card_id)
    chosen = pick(card, items)
    places = [(file, locate(file)) for file in chosen]
    return ((file.item, _read(card, file, path)) for file, path in places)


def pick(card: DataCard, items: Sequence[str] | None = None) -> list[File]:
    """Returns the card's packaged files, or those named in `items`, in the card's order."""
    files = {file.item: file for file in card.front.undrift.files if file.package}
    if not files:
        raise InputError(f"{card.id} has no pictures in installed packages; see its card")
    for name in items or ():
        if name not in files:
            known = ", ".join(files)
            raise InputError(f"{card.id} has no item {name!r}{nearest(name, files)} ({known})")
    return [file for name, file in files.items() if items is None or name in items]


def centre_crop(picture: np.ndarray, largest: int = LARGEST) -> np.ndarray:
    """Cuts (c, h, w) to the central `largest` pixels along each side that is longer."""
    for axis in (-2, -1):
        extra = picture.shape[axis] - largest
        if extra > 0:
            picture = np.take(picture, np.arange(extra // 2, extra // 2 + largest), axis)
    return picture


def _read(card: DataCard, file: File, path: Path) -> np.ndarray:
    problem = difference(file, path)
    if problem:
        raise InputError(
            f"{path} {problem}. {card.id} is measured on exactly these files; "
            f"install the version of {file.package} named in its card (`undrift data show`)"
        )
    pixels = _pixels(path)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise InputError(f"{path}: expected 8-bit pixels, got {pixels.dtype} {pixels.shape}")
    stacked = pixels[None] if pixels.ndim == 2 else pixels[..., :3].transpose(2, 0, 1)
    return np.ascontiguousarray(centre_crop(stacked), dtype=np.float32) / np.float32(255)


def _pixels(path: Path) -> np.ndarray:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["data"]
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture)
