"""Large TIFF pages a band of rows at a time: neither reading nor writing holds the picture."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from undrift.restoration.pictures import tiff
from undrift.restoration.pictures.picture import Picture
from undrift.restoration.pictures.tiff_tags import read_metadata
from undrift.restoration.pictures.tiff_write import TiffPages

STRIP = 16  # rows of a strip that is written


class TiffRows:
    """An open page of plain 8 or 16 bit grey or colour. `sheet`: the picture without its pixels.

    sheet is None for pages of another kind, which have to be read whole.
    """

    def __init__(self, path: Path):
        from tifffile import TiffFile

        with ExitStack() as undo:
            self._file = undo.enter_context(TiffFile(path))
            self.sheet = self._looked_at(path)
            undo.pop_all()

    def _looked_at(self, path: Path) -> Picture | None:
        places, frames = tiff.find_pages(self._file)
        self._page = self._file.pages[places[0]].aspage()
        if len(places) > 1 or frames > 1 or not self._is_plain():
            return None
        tiff.check_page(path, self._page)
        metadata, turn = read_metadata(path, self._page)
        if turn != 1:
            return None
        shape = (self._page.samplesperpixel, self._page.imagelength, self._page.imagewidth)
        blank = np.broadcast_to(np.float32(0), shape)  # takes no memory
        return Picture(blank, None, str(self._page.dtype), None, "TIFF", metadata, path)

    def _is_plain(self) -> bool:
        page = self._page
        colours = {1: 1, 2: 3}.get(int(page.photometric))
        full = page.dtype is not None and page.dtype.name in ("uint8", "uint16")
        whole = full and page.bitspersample == 8 * page.dtype.itemsize  # type: ignore[union-attr]
        return whole and page.samplesperpixel == colours and page.planarconfig == 1

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) as they are stored, (rows, w, c). ValueError where damaged."""
        page, handle = self._page, self._file.filehandle
        high, wide = page.chunks[0], page.chunks[1]
        across = -(-page.imagewidth // wide)
        shape = (stop - start, page.imagewidth, page.samplesperpixel)
        out = np.zeros(shape, page.dtype)
        for row in range(start // high, -(-stop // high)):
            for column in range(across):
                number = row * across + column
                handle.seek(page.dataoffsets[number])
                data = handle.read(page.databytecounts[number])
                part = page.decode(data, number)[0]
                if part is None:
                    continue
                part = part.reshape(-1, part.shape[-2], page.samplesperpixel)
                top, left = row * high, column * wide
                first, last = max(start, top), min(stop, top + len(part))
                right = min(page.imagewidth, left + part.shape[1])
                out[first - start : last - start, left:right] = part[
                    first - top : last - top, : right - left
                ]
        return out


def write_rows(
    path: Path, sheet: Picture, size: tuple[int, int], bands: Iterable[np.ndarray]
) -> None:
    """Writes bands (rows, w, c) one below the other; each but the last a multiple of `STRIP` high.

    sheet: what the file says besides its pixels; size: (h, w).
    """
    channels = sheet.channels
    blank = np.broadcast_to(np.float32(0), (channels, *size))
    shape = size if channels == 1 else (*size, channels)
    order = ">" if sheet.metadata.order == ">" else "<"
    dtype = np.dtype(sheet.depth).newbyteorder(order)

    def strips() -> Iterator[bytes]:
        for band in bands:
            for top in range(0, len(band), STRIP):
                data = band[top : top + STRIP].astype(dtype).tobytes()
                yield zlib.compress(data, 6) if sheet.metadata.compressed else data

    with TiffPages(path, 1) as pages:
        pages.add_stored(
            strips(), replace(sheet, pixels=blank), shape, np.dtype(sheet.depth), rowsperstrip=STRIP
        )
