"""Writing stacks frame by frame: TIFF files of several pages and .npy files.

Nothing but the frame being written is in memory. What the first page says of the stack (OME-XML,
ImageJ, the shape that tifffile notes) is kept true when sizes change or pages were chosen.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.restoration.pictures import descriptions, exif, ifd, values
from undrift.restoration.pictures.files import remember
from undrift.restoration.pictures.objects import to_pixels
from undrift.restoration.pictures.picture import Picture, Tag
from undrift.restoration.pictures.tiff_write import TiffPages, description

SUFFIXES = (".tif", ".tiff", ".npy")


def check_target(path: Path, count: int) -> None:
    """Raises InputError unless a file of this suffix can hold `count` frames."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path}: {count} pages do not fit into {path.suffix or 'a file without suffix'}; "
            "write a .tif or .npy, or choose one page and write it as a .tif"
        )


class StackWriter:
    """Writes frames one by one to `path`, a TIFF or a .npy by the suffix of `name`.

    count: frames that will come. shape: leading axes to note in a TIFF, where all pages of the
    source come; title: what the source says of the stack, where only some of them do.
    """

    def __init__(
        self,
        path: Path,
        name: Path,
        count: int,
        shape: tuple[int, ...] = (),
        title: str | None = None,
    ):
        self.path, self.count, self.shape, self.title = path, count, shape, title
        self.number = 0
        self._pages = TiffPages(path, count) if name.suffix.lower() != ".npy" else None
        self._array: Any = None

    def __enter__(self) -> "StackWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pages is not None:
            self._pages.__exit__(*error)
        if self._array is not None:
            self._array.flush()
            self._array = None

    def add(self, frame: Any, entry: Mapping[str, Any] | None = None) -> None:
        """A Picture with its history, or an array (h, w[, c])."""
        if self._pages is None:
            self._add_array(_numbers(frame))
        else:
            picture = to_pixels(frame)[0]
            picture = remember(picture, entry) if entry else picture
            self._pages.add(self._titled(picture) if self.number == 0 else picture)
        self.number += 1

    def _add_array(self, frame: np.ndarray) -> None:
        if self._array is None:
            self._array = np.lib.format.open_memmap(
                self.path, "w+", frame.dtype, (self.count, *frame.shape)
            )
        self._array[self.number] = frame

    def _titled(self, picture: Picture) -> Picture:
        """The first page with a description that holds for the pages written."""
        text = description(picture)
        if self.title is not None:
            stated = self.title if descriptions.is_calibrated(self.title) else text
            text = descriptions.reduced_to(stated, self.count)
        elif len(self.shape) > 1 and (not text or text.startswith("{")):
            colours = [] if picture.mode == "L" else [len(picture.mode)]
            shape = [*self.shape, picture.height, picture.width, *colours]
            text = json.dumps({"shape": shape, **(json.loads(text) if text else {})})
        if text == description(picture):
            return picture
        about, parts = exif.directories(picture.metadata.exif)
        others = [tag for tag in about if tag.code != 270]
        data = text.encode("utf-8", "surrogateescape") + b"\0"
        titled = [*others, Tag(270, 2, len(data), data)] if text else others
        block = exif.assemble(titled, parts, ifd.Layout(), 8, b"II*\0\x08\0\0\0")
        return replace(picture, metadata=replace(picture.metadata, exif=block))


def _numbers(frame: Any) -> np.ndarray:
    if not isinstance(frame, Picture):
        return np.asarray(frame)
    return values.stored(frame.pixels, frame.alpha, frame.depth, frame.value_range)
