"""JPEG, WebP and BMP, whose decoder knows no bands: whole, but as the 8-bit numbers they hold.

That is a byte a pixel for grey and four for colour, where unit pixels would take four and twelve.
"""

from pathlib import Path

import numpy as np

from undrift.restoration.pictures import pillow_files
from undrift.restoration.pictures.orientation import turned
from undrift.restoration.pictures.rows import Rows, sheet_of


class PillowRows(Rows):
    """Plain grey and colour, turned upright; sheet is None for alpha, printing colours, frames."""

    def __init__(self, path: Path, kind: str):
        from PIL import Image

        self.path, self.kind, self.sheet = path, kind, None
        formats = ["JPEG", "MPO"] if kind == "JPEG" else [kind]
        self._image = Image.open(path, formats=formats)
        frames = getattr(self._image, "n_frames", 1)
        several = frames > 1 and kind != "JPEG"
        if several or self._image.mode not in ("L", "RGB") or "transparency" in self._image.info:
            return
        icc = self._image.info.get("icc_profile")
        metadata, self._turn = pillow_files.metadata_of(self._image, icc, kind)
        width, height = turned(self._image.size, self._turn)
        self.sheet = sheet_of(path, kind, (height, width), self._image.mode, "uint8", metadata)

    def settle(self) -> bool:
        """Decodes it, which makes it upright."""
        self._image.load()
        turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(self._turn)
        if turn is not None:
            self._image = self._image.transpose(turn)  # type: ignore[arg-type]
        return True

    def stored(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) as they are stored, (rows, w, c)."""
        band = np.asarray(self._image.crop((0, start, self._image.width, stop)))
        return band.reshape(stop - start, self._image.width, -1)

    def close(self) -> None:
        """Closes the file."""
        self._image.close()
