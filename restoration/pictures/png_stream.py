"""PNG files a band of rows at a time: inflated and unfiltered as they are asked for.

Bands overlap; rows that the last one had are kept, and an earlier band begins the file anew. A band
is not copied where it need not be: rows of wide pictures take many megabytes.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from undrift.restoration.pictures import png, png_rows
from undrift.restoration.pictures.picture import Picture
from undrift.restoration.pictures.png_chunks import Chunk, pieces, walk
from undrift.restoration.pictures.rows import Rows, sheet_of

_BAND = 2**22  # bytes of rows that are inflated at a time
_MODES = {0: "L", 2: "RGB", 4: "LA", 6: "RGBA"}


class PngRows(Rows):
    """8 and 16 bit, grey or colour, with alpha or a transparent colour; upright, one frame.

    sheet is None for palettes, fewer bits, interlaced files and those that stand on their side.
    """

    kind = "PNG"

    def __init__(self, path: Path):
        self.path, self.sheet = path, None
        self._file = path.open("rb")
        try:
            self._look()
        except BaseException:
            self._file.close()
            raise

    def _look(self) -> None:
        chunks: list[Chunk] = []
        self._places: list[tuple[int, int]] = []
        for name, start, length in walk(self._file, self.path.stat().st_size):
            if name == b"IDAT":
                self._places.append((start, length))
            else:
                chunks.append((name, b"".join(pieces(self._file, start, length))))
        parts = dict(reversed(chunks))
        width, height, bits, colour, _, _, laced = struct.unpack(">IIBBBBB", parts[b"IHDR"])
        if laced or bits < 8 or colour not in _MODES or b"acTL" in parts or not width or not height:
            return
        metadata, turn = png.metadata_of(chunks, (width, height))
        if turn != 1:
            return
        self._channels = png.CHANNELS[colour]
        self._type = np.dtype(f">u{bits // 8}")
        self._step = self._channels * bits // 8
        self._check_size(height * width * self._step)
        self._key = png.transparent_key(parts, colour, 1)
        mode = _MODES[colour] + ("A" if self._key is not None else "")
        depth = f"uint{bits}"
        self.sheet = sheet_of(self.path, self.kind, (height, width), mode, depth, metadata)
        self._begin(self.sheet)

    def _check_size(self, size: int) -> None:
        packed = sum(length for _, length in self._places)
        if size > 1100 * packed:  # deflate shrinks to 1/1032 at best
            raise ValueError(f"the file is damaged: {packed} bytes for {size} bytes of pixels")

    def _begin(self, sheet: Picture) -> None:
        self._row = sheet.width * self._step
        self._worker, self._packed = zlib.decompressobj(), self._bytes()
        self._done = 0  # rows decoded so far, the last of which are kept
        self._kept = np.empty((0, self._row), np.uint8)
        self._above = np.zeros(self._row, np.uint8)

    def _bytes(self) -> Iterator[bytes]:
        for start, length in self._places:
            yield from pieces(self._file, start, length)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def stored(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) as they are stored, (rows, w, c). ValueError where damaged."""
        if start < self._done - len(self._kept):
            self._begin(self.known)
        self._keep(start, stop)
        while self._done < stop:
            count = min(stop - self._done, max(1, _BAND // self._row))
            rows, first = self._decoded(count), self._done - start
            self._kept[max(0, first) : max(0, first + count)] = rows[max(0, -first) :]
            self._done += count
        band = self._kept[: stop - start].view(self._type)
        band = band.reshape(stop - start, self.known.width, self._channels)
        return self._with_alpha(band.astype(self._type.newbyteorder("="), copy=False))

    def _keep(self, start: int, stop: int) -> None:
        """Makes room for rows from `start`; those that are there stay, the others are let go of."""
        there = self._kept[max(0, start - self._done + len(self._kept)) :]
        rows = max(len(there), stop - start)
        kept = np.empty((rows, self._row), np.uint8)
        kept[: len(there)] = there
        self._kept = kept

    def _with_alpha(self, band: np.ndarray) -> np.ndarray:
        if self._key is None:
            return band
        clear = (band == self._key).all(axis=-1, keepdims=True)
        opaque = np.where(clear, 0, np.iinfo(band.dtype).max).astype(band.dtype)
        return np.concatenate([band, opaque], axis=-1)

    def _decoded(self, count: int) -> np.ndarray:
        """The next rows, as bytes."""
        raw = np.frombuffer(self._inflated(count * (1 + self._row)), np.uint8)
        rows = png_rows.unfilter(raw.reshape(count, -1), self._step, self._above)
        self._above = rows[-1]
        return rows

    def _inflated(self, size: int) -> bytearray:
        out = bytearray()
        while len(out) < size:
            packed = self._worker.unconsumed_tail or next(self._packed, b"")
            found = self._worker.decompress(packed, size - len(out))
            if not packed and not found:
                raise ValueError("the file is damaged: it holds fewer pixels than its size says")
            out += found
        return out
