"""Reading and writing any supported picture a band of rows at a time, where its format allows."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import write_atomically
from undrift.restoration.pictures import pillow_files, png, tiff_rows
from undrift.restoration.pictures.files import FORMATS, decoding, remember, sniff
from undrift.restoration.pictures.picture import Picture
from undrift.restoration.pictures.pillow_rows import PillowRows
from undrift.restoration.pictures.png_stream import PngRows
from undrift.restoration.pictures.rows import Rows
from undrift.restoration.pictures.tiff_rows import TiffRows


def open_rows(path: Path) -> Rows | None:
    """The open file; None for pictures that have to be read whole, and files that are none.

    Raises InputError where it is damaged.
    """
    try:
        with path.open("rb") as file:
            kind = sniff(file.read(16))
    except OSError:
        return None
    if kind is None:
        return None
    with decoding(path, kind):
        if kind == "TIFF":
            rows: Rows = TiffRows(path)
        else:
            rows = PngRows(path) if kind == "PNG" else PillowRows(path, kind)
    if rows.sheet is None:
        rows.close()
        return None
    return rows


def write_rows(
    target: Path,
    sheet: Picture,
    bands: Iterable[np.ndarray],
    note: Mapping[str, Any] | None = None,
) -> None:
    """Writes stored numbers (rows, w[, c]) as the suffix of `target` says, whole or not at all.

    sheet: what the file says besides its pixels, with their shape. note: added to its history.
    Raises InputError, before it takes a band, for what the format cannot hold.
    """
    kind = FORMATS[target.suffix.lower()]
    sheet = remember(sheet, note) if note else sheet

    def write(part: Path) -> None:
        if kind == "TIFF":
            tiff_rows.write_rows(part, sheet, bands)
        elif kind == "PNG":
            png.check_depth(sheet, target)
            png.write_bands(part, sheet, sheet.depth, bands)
        else:
            pillow_files.write_bands(part, sheet, kind, target, bands)

    write_atomically(target, write)
