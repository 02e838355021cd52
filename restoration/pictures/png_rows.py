"""The rows of a PNG: five filters and seven interlace passes (PNG specification, 7.3, 8, 9).

A filter stores each byte as its difference from a prediction by its left (a), upper (b) and
upper left (c) neighbours. Writing has all neighbours and is one array operation; reading
depends on decoded neighbours, so rows go through the decoder of pillow as the rows of a small
8-bit PNG whose first row is the one above them. Bytes of a pixel are filtered each for itself, so
that the six or eight of 16-bit colour are two such PNGs.
"""

import struct
import zlib
from collections.abc import Generator, Iterable, Iterator
from io import BytesIO

import numpy as np

from undrift.restoration.pictures.png_chunks import SIGNATURE, chunk

# x0, y0, step x, step y of the Adam7 passes.
ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # bytes a pixel -> colour type with 8 bits
_PIECE = 2**22  # bytes of rows worked on at a time


def paeth(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Whichever of a, b, c is nearest to a + b - c; ties in this order. int16 in and out."""
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - c - c)
    return np.where((to_a <= to_b) & (to_a <= to_c), a, np.where(to_b <= to_c, b, c))


def unfilter(raw: np.ndarray, step: int, above: np.ndarray | None = None) -> np.ndarray:
    """Rows with their filter byte (h, 1 + w step) uint8 -> decoded bytes (h, w step).

    step: bytes of a pixel. above: the decoded row before the first, or zeros. ValueError for a
    filter type above 4.
    """
    kinds, body = raw[:, 0], raw[:, 1:]
    if kinds.max(initial=0) > 4:
        raise ValueError(f"filter type {kinds.max()} does not exist")
    if not kinds.any():
        return body
    out = np.empty_like(body)
    above = np.zeros(body.shape[1], np.uint8) if above is None else above
    for rows in _slices(len(raw), body.shape[1]):
        first = np.concatenate([np.zeros(1, np.uint8), above])  # filter 0: as it is
        whole = np.concatenate([first[None], raw[rows]])
        out[rows] = _through_pillow(whole, step)[1:]
        above = out[rows.stop - 1]
    return out


def _through_pillow(raw: np.ndarray, step: int) -> np.ndarray:
    """Decoded bytes (h, w step) of filtered rows (h, 1 + w step) whose first needs none above."""
    from PIL import Image

    group = step if step <= 4 else step // 2
    height, width = len(raw), (raw.shape[1] - 1) // step
    pixels = raw[:, 1:].reshape(height, width, step)
    out = np.empty_like(pixels)
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR[group], 0, 0, 0)
    for first in range(0, step, group):
        part = pixels[..., first : first + group].reshape(height, -1)
        data = np.concatenate([raw[:, :1], part], axis=1)
        body = chunk(b"IDAT", zlib.compress(data.tobytes(), 0))
        file = BytesIO(SIGNATURE + chunk(b"IHDR", head) + body + chunk(b"IEND", b""))
        with Image.open(file, formats=["PNG"]) as image:
            out[..., first : first + group] = np.asarray(image).reshape(height, width, group)
    return out.reshape(height, -1)


def _slices(height: int, row: int) -> Iterator[slice]:
    """Rows of so many bytes, some megabytes at a time."""
    count = max(1, _PIECE // max(1, row))
    for start in range(0, height, count):
        yield slice(start, min(start + count, height))


def filter_rows(body: np.ndarray, above: np.ndarray, step: int) -> np.ndarray:
    """Bytes (h, n) uint8 -> rows with filter byte (h, 1 + n), each with its cheapest filter.

    above: (n,) the row before the first. Cheapest: smallest sum of absolute signed bytes.
    """
    b = np.concatenate([above[None], body[:-1]]).astype(np.int16)
    x = body.astype(np.int16)
    a, c = np.zeros_like(x), np.zeros_like(x)
    a[:, step:], c[:, step:] = x[:, :-step], b[:, :-step]
    best = np.empty((len(body), 1 + body.shape[1]), np.uint8)
    least = np.full(len(body), np.iinfo(np.int64).max)
    for kind, guess in enumerate((0, a, b, (a + b) >> 1, paeth(a, b, c))):
        coded = (x - guess).astype(np.uint8)
        cost = np.abs(coded.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)
        better = cost < least
        least[better] = cost[better]
        best[better, 0] = kind
        best[better, 1:] = coded[better]
    return best


def decode(data: bytes, width: int, height: int, step: int, interlaced: bool) -> np.ndarray:
    """Inflated image data -> bytes (height, width, step). ValueError where data are missing."""
    out = np.empty((height, width, step), np.uint8)
    at = 0
    for x0, y0, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x0) // dx), -(-(height - y0) // dy)
        if columns <= 0 or rows <= 0:
            continue
        size = rows * (1 + columns * step)
        if at + size > len(data):
            raise ValueError(f"{len(data)} bytes of pixels, more expected")
        raw = np.frombuffer(data, np.uint8, size, at).reshape(rows, -1)
        out[y0::dy, x0::dx] = unfilter(raw, step).reshape(rows, columns, step)
        at += size
    return out


def encode(bodies: Iterable[np.ndarray], step: int, filtered: bool) -> Iterator[bytes]:
    """Bytes (h, n), one below the other -> pieces of the filtered stream, some megabytes each."""
    above = None
    for body in bodies:
        above = yield from _encoded(body, above, step, filtered)
        del body  # it is not held while the next is made


def _encoded(
    body: np.ndarray, above: np.ndarray | None, step: int, filtered: bool
) -> Generator[bytes, None, np.ndarray]:
    """The pieces of one band; returns its last row."""
    last = np.zeros(body.shape[1], np.uint8) if above is None else above
    for rows in _slices(len(body), body.shape[1]):
        piece = body[rows]
        coded = filter_rows(piece, last, step) if filtered else np.pad(piece, ((0, 0), (1, 0)))
        last = piece[-1].copy()
        yield coded.tobytes()
    return last
