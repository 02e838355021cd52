"""Large TIFF pages a band of rows at a time: neither reading nor writing holds the picture."""

import math
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from undrift.restoration.pictures import tiff, values
from undrift.restoration.pictures.picture import DEPTHS, Picture
from undrift.restoration.pictures.rows import Rows, sheet_of
from undrift.restoration.pictures.tiff_tags import read_metadata
from undrift.restoration.pictures.tiff_write import TiffPages

STRIP = 16  # rows of a strip that is written
_LOOK = 64  # rows looked at together for the range of floats
_STRAIGHT = 2  # ExtraSamples: alpha that colours are not multiplied by


class TiffRows(Rows):
    """An open page of grey or colour numbers, straight alpha or none, whole bytes a number.

    sheet is None for pages of another kind, which have to be read whole.
    """

    kind = "TIFF"

    def __init__(self, path: Path):
        from tifffile import TiffFile

        self.path = path
        self._decoded: tuple[int, dict[int, np.ndarray | None]] = (-1, {})
        with ExitStack() as undo:
            self._file = undo.enter_context(TiffFile(path))
            self.sheet = self._looked_at(path)
            undo.pop_all()

    def _looked_at(self, path: Path) -> Picture | None:
        places, frames = tiff.find_pages(self._file)
        self._page = page = self._file.pages[places[0]].aspage()
        if len(places) > 1 or frames > 1 or not self._is_plain():
            return None
        tiff.check_page(path, page)
        metadata, turn = read_metadata(path, page)
        if turn != 1 or not self._is_decoded_here():
            return None
        mode = ("L" if page.photometric == 1 else "RGB") + "A" * len(page.extrasamples)
        size = (page.imagelength, page.imagewidth)
        return sheet_of(path, self.kind, size, mode, str(page.dtype), metadata)

    def _is_plain(self) -> bool:
        page = self._page
        depth = "" if page.dtype is None else page.dtype.name
        extra = tuple(page.extrasamples)
        straight = extra == (_STRAIGHT,) and (depth in values.FULL or depth.startswith("float"))
        colours = {1: 1, 2: 3}.get(int(page.photometric), 0)
        whole = depth in DEPTHS and page.bitspersample == 8 * np.dtype(depth).itemsize
        fits = colours > 0 and page.samplesperpixel == colours + len(extra)
        return whole and depth != "bool" and fits and (not extra or straight) and self._is_woven()

    def _is_woven(self) -> bool:
        return self._page.planarconfig == 1 or self._page.samplesperpixel == 1

    def _is_decoded_here(self) -> bool:
        """Whether tifffile knows the compression without another package."""
        try:
            self.stored(0, 1)
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            return False
        return True

    def settle(self) -> bool:
        """Finds the range of numbers that are no full 8 or 16 bit; False where one is no number."""
        if self.known.depth in values.FULL:
            return True
        low, high, height = math.inf, -math.inf, self.known.height
        for top in range(0, height, _LOOK):
            band = self.read(top, min(top + _LOOK, height))
            if band.dtype.kind == "f" and not np.isfinite(band).all():
                return False
            colour, alpha = np.split(band, [self.known.channels], axis=-1)
            if alpha.size and (alpha.min() < 0 or alpha.max() > 1):
                return False
            low, high = min(low, float(colour.min())), max(high, float(colour.max()))
        _, found = values.to_unit(np.array([low, high]).astype(self.known.depth))
        self.sheet = replace(self.known, value_range=found)
        return True

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def stored(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) as they are stored, (rows, w, c). ValueError where damaged."""
        page = self._page
        high, wide = page.chunks[0], page.chunks[1]
        across = -(-page.imagewidth // wide)
        shape = (stop - start, page.imagewidth, page.samplesperpixel)
        out = np.zeros(shape, page.dtype)
        for row in range(start // high, -(-stop // high)):
            for column in range(across):
                top, left = row * high, column * wide
                first, last = max(start, top), min(stop, top + high)
                part = self._part(row, row * across + column, first - top, last - top)
                if part is None:
                    continue
                right = min(page.imagewidth, left + part.shape[1])
                part = part[: last - first, : right - left]
                out[first - start : first - start + len(part), left:right] = part
        return out

    def _part(self, row: int, number: int, first: int, last: int) -> np.ndarray | None:
        """Rows [first, last) of a strip or tile, and maybe more; None where the file has none."""
        if self._is_raw():
            return self._read_raw(number, first, last)
        if self._decoded[0] != row:  # rows are asked for a few at a time
            self._decoded = (row, {})
        parts = self._decoded[1]
        if number not in parts:
            page, handle = self._page, self._file.filehandle
            handle.seek(page.dataoffsets[number])
            data = handle.read(page.databytecounts[number])
            parts[number] = page.decode(data, number)[0]
        part = parts[number]
        return None if part is None else part.reshape(-1, *part.shape[-2:])[first:]

    def _is_raw(self) -> bool:
        page = self._page
        straight = page.predictor == 1 and page.fillorder == 1
        return page.compression == 1 and straight and not page.is_tiled

    def _read_raw(self, number: int, first: int, last: int) -> np.ndarray | None:
        """Rows of a strip that is not compressed; a single strip may be the whole picture."""
        page, handle = self._page, self._file.filehandle
        kind = np.dtype(page.dtype).newbyteorder(self._file.byteorder)
        shape = (last - first, page.imagewidth, page.samplesperpixel)
        line = shape[1] * shape[2] * kind.itemsize
        there = page.databytecounts[number]
        if not there:
            return None
        if last * line > there:
            raise ValueError(f"the file is damaged: strip {number} holds {there} bytes")
        handle.seek(page.dataoffsets[number] + first * line)
        return np.frombuffer(handle.read(shape[0] * line), kind).reshape(shape)


def write_rows(path: Path, sheet: Picture, bands: Iterable[np.ndarray]) -> None:
    """Writes stored numbers (rows, w[, c]), bands one below the other.

    sheet: what the file says besides its pixels, with their shape.
    """
    size = (sheet.height, sheet.width)
    shape = size if sheet.mode == "L" else (*size, len(sheet.mode))
    order = ">" if sheet.metadata.order == ">" else "<"
    dtype = np.dtype(sheet.depth).newbyteorder(order)

    def strips() -> Iterator[bytes]:
        for strip in _cut(bands):
            data = strip.astype(dtype).tobytes()
            yield zlib.compress(data, 6) if sheet.metadata.compressed else data

    with TiffPages(path, 1) as pages:
        pages.add_stored(strips(), sheet, shape, np.dtype(sheet.depth), rowsperstrip=STRIP)


def _cut(bands: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same rows, `STRIP` at a time; no band is held while the next is made."""
    left: np.ndarray | None = None
    for band in bands:
        first = 0
        if left is not None and len(left):
            first = min(STRIP - len(left), len(band))
            left = np.concatenate([left, band[:first]])
            if len(left) == STRIP:
                yield left
                left = None
        last = first + (len(band) - first) // STRIP * STRIP
        for top in range(first, last, STRIP):
            yield band[top : top + STRIP]
        if last < len(band):
            left = band[last:].copy()
        del band
    if left is not None and len(left):
        yield left
