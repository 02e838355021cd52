"""The picture under construction: painted front to back, so a pixel is written at most once."""

import numpy as np


class Canvas:
    """Square float32 canvas (n, n, 3) and the mask of its still empty pixels."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.image = np.zeros((n, n, 3), np.float32)
        self.empty = np.ones((n, n), bool)
        self.left = n * n

    def window(self, cy: float, cx: float, r: float) -> tuple[slice, slice] | None:
        """Slices of the box of half side `r` at (cy, cx), or None if nothing is empty in it."""
        rows = slice(max(0, int(cy - r) - 1), min(self.n, int(cy + r) + 2))
        columns = slice(max(0, int(cx - r) - 1), min(self.n, int(cx + r) + 2))
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return None
        return (rows, columns) if self.empty[rows, columns].any() else None

    def put(
        self,
        where: tuple[slice, slice],
        mask: np.ndarray,
        colour: np.ndarray,
        light: np.ndarray | None = None,
        tint: np.ndarray | None = None,
    ) -> None:
        """Paint where `mask` (h, w) meets empty pixels.

        `colour` is (3,) or (h, w, 3); with `light` (h, w) and `tint` (3,), light * tint is added.
        """
        empty = self.empty[where]
        mask = mask & empty
        paint = colour if colour.ndim == 1 else colour[mask]
        if light is not None and tint is not None:
            paint = paint + light[mask][:, None] * tint
        self.left -= int(np.count_nonzero(mask))
        self.image[where][mask] = paint
        empty[mask] = False

    def fill(self, colour: np.ndarray) -> None:
        """Paint everything that is still empty."""
        everywhere = (slice(0, self.n), slice(0, self.n))
        self.put(everywhere, self.empty.copy(), colour)
