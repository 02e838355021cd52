"""The rows of a PNG: five filters and seven interlace passes (PNG specification, 7.3, 8, 9).

A filter stores each byte as its difference from a prediction by its left (a), upper (b) and
upper left (c) neighbours. Writing has all neighbours and is one array operation; reading
depends on decoded neighbours, so it runs along anti-diagonals, where all pixels are independent
(h + w steps instead of h w).
"""

from collections.abc import Iterator

import numpy as np

# x0, y0, step x, step y of the Adam7 passes.
ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip


def paeth(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Whichever of a, b, c is nearest to a + b - c; ties in this order. int16 in and out."""
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - c - c)
    return np.where((to_a <= to_b) & (to_a <= to_c), a, np.where(to_b <= to_c, b, c))


def unfilter(raw: np.ndarray, step: int) -> np.ndarray:
    """Rows with their filter byte (h, 1 + w step) uint8 -> decoded bytes (h, w step).

    step: bytes of a pixel. ValueError for a filter type above 4.
    """
    kinds, body = raw[:, 0], raw[:, 1:]
    if kinds.max(initial=0) > 4:
        raise ValueError(f"filter type {kinds.max()} does not exist")
    if not kinds.any():
        return body
    height, row = body.shape
    width = row // step
    padded = np.zeros((height + 1, row + step), np.uint8)  # zeros above and to the left
    padded[1:, step:] = body
    flat, stride = padded.reshape(-1), row + step
    for d in range(height + width - 1):
        top = max(0, d - width + 1)
        count = min(height - 1, d) - top + 1
        start = (top + 1) * stride + (d - top + 1) * step
        x = _diagonal(flat, start, count, stride, step)
        a = _diagonal(flat, start - step, count, stride, step).astype(np.int16)
        b = _diagonal(flat, start - stride, count, stride, step).astype(np.int16)
        c = _diagonal(flat, start - stride - step, count, stride, step).astype(np.int16)
        kind = kinds[top : top + count, None]
        guess = np.choose(kind, (np.int16(0), a, b, (a + b) >> 1, paeth(a, b, c)))
        x += guess.astype(np.uint8)
    return padded[1:, step:]


def _diagonal(flat: np.ndarray, start: int, count: int, stride: int, step: int) -> np.ndarray:
    """View (count, step): from `start`, each pixel one row lower and one to the left."""
    return np.lib.stride_tricks.as_strided(
        flat[start:], shape=(count, step), strides=(stride - step, 1)
    )


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


def encode(body: np.ndarray, step: int, filtered: bool) -> Iterator[bytes]:
    """Bytes (h, n) -> pieces of the filtered stream, a few megabytes at a time."""
    rows = max(1, 2**22 // body.shape[1])
    above = np.zeros(body.shape[1], np.uint8)
    for start in range(0, len(body), rows):
        piece = body[start : start + rows]
        if filtered:
            yield filter_rows(piece, above, step).tobytes()
            above = piece[-1]
        else:
            yield np.pad(piece, ((0, 0), (1, 0))).tobytes()
