"""Measurements and results of `undrift solve` as files: arrays, and pictures without their extras.

.npy and .npz hold (c, *space) as it is, real or complex. Pictures become (c, h, w) in [0, 1]: 8 and
16 bit divided by 255 and 65535, alpha refused; a result in a picture's format is clipped to [0, 1]
and rounded to 8 bits, to 16 in TIFF if asked for by the measurement, or kept as floats in TIFF.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import write_atomically

ARRAYS = (".npy", ".npz")
PICTURES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp")
SUFFIXES = (*ARRAYS, *PICTURES)


@dataclass(frozen=True, eq=False)
class Signal:
    """values: (c, *space) float or complex; depth: the type of the numbers in the file."""

    values: np.ndarray
    depth: str


def read_signal(path: Path) -> Signal:
    """Reads a file. Raises InputError for other suffixes, several arrays, alpha, broken files."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected one of {' '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        values = _array(path) if suffix in ARRAYS else _picture(path)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    depth = values.dtype.name
    if values.dtype.kind in "bui":
        if suffix in ARRAYS or depth not in ("uint8", "uint16"):
            raise InputError(
                f"{path}: holds {depth}; expected floats in units of the signal, such as "
                "(x / 255).astype('float32')"
            )
        values = values.astype(np.float32) / np.float32(np.iinfo(depth).max)
    return Signal(values, depth)


def _array(path: Path) -> np.ndarray:
    content = np.load(path, allow_pickle=False)
    if path.suffix.lower() == ".npy":
        return content
    with content:
        names = content.files
        if len(names) != 1:
            raise InputError(f"{path}: expected one array, got {', '.join(names)}")
        return content[names[0]]


def _picture(path: Path) -> np.ndarray:
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        values = tifffile.imread(path)
    else:
        from PIL import Image

        with Image.open(path) as picture:
            plain = picture.convert("RGB") if picture.mode == "P" else picture
            values = np.asarray(plain)
    if values.ndim == 2:
        return values[None]
    if values.ndim == 3 and values.shape[-1] in (1, 3):
        return np.ascontiguousarray(np.moveaxis(values, -1, 0))
    raise InputError(
        f"{path}: holds {values.shape}; expected grey or three colours without alpha; remove alpha "
        "first, or pass an array"
    )


def write_signal(path: Path, values: Any, info: Mapping[str, Any], depth: str = "") -> None:
    """Writes (c, *space), whole or not at all, with its provenance where the format has a place.

    depth: "uint16" for 16 bits in PNG (grey) and TIFF, "float32" for floats in TIFF, else 8 bits.
    Raises InputError for an unknown suffix and for shapes that are no picture.
    """
    array = np.asarray(values.cpu() if hasattr(values, "cpu") else values)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected one of {' '.join(SUFFIXES)}")
    data = _npy(array, suffix) if suffix in ARRAYS else _encoded(path, array, info, depth)
    write_atomically(path, lambda part: part.write_bytes(data))


def _npy(array: np.ndarray, suffix: str) -> bytes:
    buffer = io.BytesIO()
    if suffix == ".npy":
        np.save(buffer, array)
    else:
        np.savez(buffer, data=array)
    return buffer.getvalue()


def _encoded(path: Path, array: np.ndarray, info: Mapping[str, Any], depth: str) -> bytes:
    if array.ndim != 3 or array.shape[0] not in (1, 3) or np.iscomplexobj(array):
        raise InputError(
            f"{path}: a {array.dtype} result of shape {array.shape} is no picture; write .npy"
        )
    planes = array[0] if len(array) == 1 else np.moveaxis(array, 0, -1)
    text, buffer = json.dumps(dict(info), default=str), io.BytesIO()
    if path.suffix.lower() in (".tif", ".tiff"):
        import tifffile

        kept = planes.astype(np.float32) if depth.startswith("float") else _rounded(planes, depth)
        tifffile.imwrite(buffer, kept, description=text.encode("ascii", "replace"), metadata=None)
        return buffer.getvalue()
    from PIL import Image, PngImagePlugin

    picture = Image.fromarray(_rounded(planes, depth if planes.ndim == 2 else ""))
    extra = PngImagePlugin.PngInfo()
    extra.add_text("undrift", text)
    formats = {".jpg": "JPEG", ".jpeg": "JPEG"}
    kind = formats.get(path.suffix.lower(), path.suffix[1:].upper())
    picture.save(buffer, kind, **({"pnginfo": extra} if kind == "PNG" else {}))
    return buffer.getvalue()


def _rounded(planes: np.ndarray, depth: str) -> np.ndarray:
    top, kind = (65535, np.uint16) if depth == "uint16" else (255, np.uint8)
    return np.rint(np.clip(planes, 0, 1) * top).astype(kind)
