"""What a picture is: unit pixels, optional alpha, and all that must survive a restoration.

Pixels are float32 in [0, 1] whatever the file held; `depth` and `value_range` say how they go
back. Alpha is straight (colours are not multiplied by it). Metadata are kept as raw bytes
wherever the format allows, so that what this code does not understand survives too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError

DEPTHS = (
    "bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64",
)  # fmt: skip


@dataclass(frozen=True)
class Tag:
    """One TIFF tag: `count` items of TIFF type `kind`; `data` in little-endian order."""

    code: int
    kind: int
    count: int
    data: bytes


@dataclass(frozen=True)
class Metadata:
    """All that travels with the pixels.

    icc: colour profile. exif: a TIFF-structured block without the `Exif` prefix, orientation 1;
    for a TIFF it also holds description, software, date, artist, copyright. xmp: the packet.
    text: PNG texts. comment: JPEG comment. resolution: (x, y, "inch" | "cm" | "none").
    tags: other TIFF tags. chunks: colour chunks of a PNG (gAMA, cHRM, ...). tables: JPEG
    quantisation tables. miniswhite, compressed, order: how a TIFF stored its samples; "<" or ">".
    size: (width, height) of the source. history: one JSON line a restoration, oldest first.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    comment: bytes | None = None
    resolution: tuple[float, float, str] | None = None
    tags: tuple[Tag, ...] = ()
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    tables: Mapping[int, list[int]] | None = None
    miniswhite: bool = False
    compressed: bool = True
    order: str = "<"
    size: tuple[int, int] | None = None
    history: tuple[str, ...] = ()

    @property
    def dpi(self) -> tuple[float, float] | None:
        """Dots per inch (x, y), or None where the file does not say."""
        if self.resolution is None or self.resolution[2] == "none":
            return None
        factor = 2.54 if self.resolution[2] == "cm" else 1.0
        return self.resolution[0] * factor, self.resolution[1] * factor


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and how it was stored.

    pixels: (c, h, w) float32, c = 1 (grey) or 3 (RGB); [0, 1] for integer files.
    alpha: (h, w) float32 in [0, 1], straight, or None.
    depth: type of the stored numbers, one of `DEPTHS`.
    value_range: (low, high) stored values that became 0 and 1; None = the full range of an
        unsigned integer, or numbers kept as they are for floats.
    format: "PNG", "JPEG", "TIFF", "WEBP", "BMP", or "array".

    Raises InputError where shapes, types or depth do not fit together.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    depth: str = "uint8"
    value_range: tuple[float, float] | None = None
    format: str = "array"
    metadata: Metadata = field(default_factory=Metadata)
    path: Path | None = None

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.ndim != 3 or shape[0] not in (1, 3) or 0 in shape:
            raise InputError(
                f"expected pixels (c, h, w) with c = 1 (grey) or 3 (RGB) but got {shape}; "
                "alpha goes into `alpha`"
            )
        if self.pixels.dtype != np.float32:
            raise InputError(
                f"expected float32 pixels but got {self.pixels.dtype}; use .astype(numpy.float32)"
            )
        if self.alpha is not None and self.alpha.shape != shape[1:]:
            raise InputError(
                f"expected alpha {shape[1:]} (h, w) but got {self.alpha.shape}; "
                "resize it as the pixels were"
            )
        if self.depth not in DEPTHS:
            raise InputError(f"unknown depth {self.depth!r}; expected one of {', '.join(DEPTHS)}")

    @property
    def height(self) -> int:
        """Rows."""
        return self.pixels.shape[1]

    @property
    def width(self) -> int:
        """Columns."""
        return self.pixels.shape[2]

    @property
    def channels(self) -> int:
        """Colour channels without alpha: 1 or 3."""
        return self.pixels.shape[0]

    @property
    def mode(self) -> str:
        """ "L", "LA", "RGB" or "RGBA", as pillow names them."""
        return ("L" if self.channels == 1 else "RGB") + ("A" if self.alpha is not None else "")

    def with_pixels(self, pixels: np.ndarray, alpha: np.ndarray | None = None) -> "Picture":
        """The same picture with other pixels (c, h, w), floats of any precision.

        Alpha is kept where the size is; where it changes, give the resized `alpha` (h, w)
        in [0, 1]: without it InputError.
        """
        pixels = np.ascontiguousarray(pixels, dtype=np.float32)
        if alpha is not None:
            alpha = np.clip(np.asarray(alpha, dtype=np.float32), 0.0, 1.0)
        elif self.alpha is not None:
            if self.alpha.shape != pixels.shape[1:]:
                raise InputError(
                    f"the picture has alpha {self.alpha.shape} but the new pixels are "
                    f"{pixels.shape[1:]}; pass alpha resized to that size"
                )
            alpha = self.alpha
        return replace(self, pixels=pixels, alpha=alpha)
