"""Reading and writing any supported picture file: what it is, checks, whole or absent."""

import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.restoration.pictures import pillow_files, png, provenance, tiff, tiff_write
from undrift.restoration.pictures.picture import Picture

FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF",
    ".webp": "WEBP", ".bmp": "BMP",
}  # fmt: skip
SUFFIXES = tuple(FORMATS)
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_STRANGERS = {
    b"GIF8": "a GIF", b"%PDF": "a PDF", b"\x93NUMPY": "a NumPy array", b"\x89HDF": "an HDF5 file",
    b"8BPS": "a Photoshop file", b"\0\0\0\x0cjP  ": "a JPEG 2000 file",
    b"v/1\x01": "an OpenEXR file", b"PK\x03\x04": "a ZIP archive", b"\xff\x0a": "a JPEG XL file",
    b"qoif": "a QOI file",
}  # fmt: skip


def read_picture(path: str | Path) -> Picture:
    """Reads one picture; its format is found from its content, not from its name.

    Returns pixels (c, h, w) float32, turned upright, with everything that `write_picture` needs
    to give them back as they came. Raises InputError naming the file when it is missing, empty,
    truncated, damaged, not a picture, animated or paged, not finite or has unusual channels, and
    MissingExtraError for a TIFF compression that needs another package.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); copy or export it again")
    kind = sniff(start)
    if kind is None:
        raise InputError(
            f"{path}: {_stranger(start)}; expected a picture: {', '.join(sorted(SUFFIXES))}"
        )
    return _decode(path, kind)


def sniff(start: bytes) -> str | None:
    """The format that begins with these 16 bytes, or None."""
    if start.startswith(png.SIGNATURE):
        return "PNG"
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start[:4] in _TIFF:
        return "TIFF"
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    return "BMP" if start.startswith(b"BM") else None


def _stranger(start: bytes) -> str:
    for magic, name in _STRANGERS.items():
        if start.startswith(magic):
            return f"this is {name}, which is not supported"
    if start[4:8] == b"ftyp":
        return f"this is an {start[8:12].decode('latin-1').upper()} file, which is not supported"
    return f"this is no picture (it begins with {start!r})"


def _decode(path: Path, kind: str) -> Picture:
    with decoding(path, kind):
        if kind == "TIFF":
            return tiff.read_tiff(path)
        data = path.read_bytes()
        if kind == "PNG":
            return png.read_png(path, data)
        return pillow_files.read_with_pillow(path, data, kind)


@contextmanager
def decoding(path: Path, kind: str) -> Iterator[None]:
    """Turns what decoders raise on damaged files into InputError, and keeps them quiet."""
    from PIL.Image import DecompressionBombError
    from tifffile import TiffFileError

    broken = (
        OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, AttributeError,
        struct.error, zlib.error, TiffFileError, ZeroDivisionError, OverflowError,
    )  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes, and metadata that are kept as bytes
            yield
    except DecompressionBombError as error:
        raise InputError(f"{path}: {error}; save it as .tif, which has no such limit") from error
    except broken as error:
        raise InputError(
            f"{path}: cannot decode this {kind}: {error}; copy or export it again"
        ) from error


def write_picture(
    path: str | Path, picture: Picture, *, provenance: Mapping[str, Any] | None = None
) -> None:
    """Writes `picture` as the suffix of `path` says, whole or not at all.

    Depth, alpha, profile, EXIF, XMP, texts, resolution and TIFF tags go back as they came, as
    far as the format holds them; integers are clipped and rounded. `provenance` (what JSON can
    hold) is added to the picture's history. Raises InputError for an unknown suffix, for a depth
    or transparency that the format cannot hold, and when `path` is the picture's own source.
    """
    path = Path(path)
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            f"{path}: cannot write {path.suffix or 'a file without suffix'}; "
            f"use one of {', '.join(SUFFIXES)}"
        )
    real = path.resolve()  # also through folders that do not exist yet
    if picture.path is not None and real.exists() and real.samefile(picture.path.resolve()):
        raise InputError(f"{path}: this is the input itself; write to another name or folder")
    if provenance:
        picture = remember(picture, provenance)

    def write(part: Path) -> None:
        if kind == "PNG":
            png.write_png(part, picture, path)
        elif kind == "TIFF":
            tiff_write.write_tiff(part, picture)
        else:
            pillow_files.write_with_pillow(part, picture, kind, path)

    write_atomically(path, write)


def remember(picture: Picture, entry: Mapping[str, Any]) -> Picture:
    """The picture with one more entry in its history."""
    history = (*picture.metadata.history, provenance.line(entry))
    return replace(picture, metadata=replace(picture.metadata, history=history))
