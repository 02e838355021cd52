"""PNG files of 1 to 16 bits, with or without colour, palette and alpha.

pillow decodes up to 8 bits; it cuts 16-bit colour to 8, so those rows are decoded here. All
files are written here, which keeps every metadata chunk in one place.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError
from undrift.restoration.pictures import exif, png_rows, provenance, values
from undrift.restoration.pictures.orientation import reset_xmp, turned, upright
from undrift.restoration.pictures.picture import Metadata, Picture
from undrift.restoration.pictures.png_chunks import (
    SIGNATURE,
    Chunk,
    chunk,
    inflate,
    profile_chunk,
    read_chunks,
    read_profile,
    read_texts,
    text_chunk,
    xmp_chunk,
)

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples a pixel
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI"}
_METRE = 0.0254  # an inch
_ROWS = 64  # turned into bytes at a time


def read_png(path: Path, data: bytes) -> Picture:
    """Picture from the bytes of a PNG; ValueError where they are damaged or animated."""
    chunks = read_chunks(data)
    parts = dict(reversed(chunks))
    width, height, bits, colour, _, _, interlace = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    if b"acTL" in parts:
        raise ValueError("an animated PNG is not supported yet; save its frames as single files")
    if colour not in CHANNELS or not width or not height:
        raise ValueError(f"colour type {colour} with {width} x {height} pixels does not exist")
    if bits == 16:
        planes = _wide(chunks, width, height, CHANNELS[colour], bool(interlace))
        alpha_key = transparent_key(parts, colour, 1)
    else:
        planes = _narrow(data, colour, b"tRNS" in parts)
        alpha_key = transparent_key(parts, colour, 255 // (2**bits - 1) if bits > 1 else 1)
    colours, alpha = planes[: 1 if len(planes) < 3 else 3], None
    if len(planes) in (2, 4):
        alpha, _ = values.to_unit(planes[-1])
    elif alpha_key is not None:
        alpha = (colours != alpha_key[:, None, None]).any(axis=0).astype(np.float32)
    pixels, _ = values.to_unit(colours)
    metadata, turn = metadata_of(chunks, (width, height))
    return Picture(
        upright(pixels, turn),
        None if alpha is None else upright(alpha, turn),
        planes.dtype.name,
        format="PNG",
        metadata=metadata,
        path=path,
    )


def _narrow(data: bytes, colour: int, transparent: bool) -> np.ndarray:
    """(c, h, w) bool or uint8 through pillow; a palette becomes RGB or RGBA."""
    from PIL import Image

    with Image.open(BytesIO(data), formats=["PNG"]) as image:
        if colour == 3:
            array = np.asarray(image.convert("RGBA" if transparent else "RGB"))
        else:
            array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _wide(
    chunks: list[Chunk], width: int, height: int, channels: int, interlaced: bool
) -> np.ndarray:
    """(c, h, w) uint16."""
    step = 2 * channels
    most = height * (width * step + 8) + 64 * 1024
    packed = b"".join(body for name, body in chunks if name == b"IDAT")
    if height * width * step > 1100 * len(packed):  # deflate shrinks to 1/1032 at best
        raise ValueError(f"the file is damaged: {len(packed)} bytes for {width} x {height} pixels")
    body = png_rows.decode(inflate(packed, most), width, height, step, interlaced)
    return np.ascontiguousarray(body.view(">u2").transpose(2, 0, 1)).astype(np.uint16)


def transparent_key(parts: dict[bytes, bytes], colour: int, factor: int) -> np.ndarray | None:
    """The colour that means transparent, (c,), in the numbers of the decoded planes."""
    if colour not in (0, 2) or b"tRNS" not in parts:
        return None
    count = CHANNELS[colour]
    return np.array(struct.unpack_from(f">{count}H", parts[b"tRNS"])) * factor


def metadata_of(chunks: list[Chunk], size: tuple[int, int]) -> tuple[Metadata, int]:
    """All that the chunks say besides pixels, turned upright, and the orientation of the pixels."""
    parts = dict(reversed(chunks))
    texts, xmp = read_texts(chunks)
    block = parts.get(b"eXIf")
    if block is not None:
        block = block.removeprefix(b"Exif\0\0")
    turn = exif.get_orientation(block)
    resolution = None
    if len(parts.get(b"pHYs", b"")) == 9:
        x, y, unit = struct.unpack(">IIB", parts[b"pHYs"])
        x, y = turned((x, y), turn)
        resolution = (x * _METRE, y * _METRE, "inch") if unit == 1 else (x, y, "none")
    history = tuple(row for key, text in texts if key == provenance.KEY for row in text.split("\n"))
    return Metadata(
        icc=read_profile(parts[b"iCCP"]) if b"iCCP" in parts else None,
        exif=exif.without_orientation(block),
        xmp=reset_xmp(xmp) if turn != 1 else xmp,
        text=tuple(pair for pair in texts if pair[0] != provenance.KEY),
        resolution=resolution,
        chunks=tuple(pair for pair in chunks if pair[0] in _COLOUR),
        size=turned(size, turn),
        history=history,
    ), turn


def write_png(path: Path, picture: Picture, name: Path | None = None) -> None:
    """Writes bool, uint8 or uint16 pictures; InputError for any other depth."""
    depth = "uint8" if picture.depth == "bool" and picture.mode != "L" else picture.depth
    check_depth(picture, name or path)
    array = values.stored(picture.pixels, picture.alpha, depth, picture.value_range)
    write_bands(path, picture, depth, [array])


def check_depth(picture: Picture, name: Path) -> None:
    """InputError for numbers that a PNG cannot hold."""
    if picture.depth not in values.FULL:
        raise InputError(
            f"{name}: PNG holds 1, 8 or 16 bit, not {picture.depth}; write a .tif instead"
        )


def write_bands(path: Path, sheet: Picture, depth: str, bands: Iterable[np.ndarray]) -> None:
    """Writes rows of stored numbers (rows, w[, c]), bands one below the other.

    sheet: what the file says besides its pixels, with their shape.
    """
    bits = {"bool": 1, "uint8": 8, "uint16": 16}[depth]
    colour = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[sheet.mode]
    step = max(1, bits * CHANNELS[colour] // 8)
    head = struct.pack(">IIBBBBB", sheet.width, sheet.height, bits, colour, 0, 0, 0)
    with path.open("wb") as file:
        file.write(SIGNATURE)
        file.write(chunk(b"IHDR", head))
        for part in _ancillary(sheet):
            file.write(part)
        packer = zlib.compressobj(6)
        for piece in png_rows.encode(_bodies(bands), step, depth != "bool"):
            if packed := packer.compress(piece):
                file.write(chunk(b"IDAT", packed))
        file.write(chunk(b"IDAT", packer.flush()))
        file.write(chunk(b"IEND", b""))


def _bodies(bands: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Some rows at a time, as bytes; no band is held while the next is made."""
    for band in bands:
        for top in range(0, len(band), _ROWS):
            yield _bytes(band[top : top + _ROWS])
        del band


def _bytes(array: np.ndarray) -> np.ndarray:
    """Stored numbers (h, w[, c]) as the bytes (h, n) of rows."""
    if array.dtype == bool:
        return np.packbits(array, axis=1)
    wide = array.astype(array.dtype.newbyteorder(">"), order="C", copy=False)
    return wide.reshape(len(array), -1).view(np.uint8)


def _ancillary(picture: Picture) -> list[bytes]:
    metadata, parts = picture.metadata, []
    if metadata.icc:
        parts.append(profile_chunk(metadata.icc))
    dropped = {b"sRGB", b"cICP"} if metadata.icc else set()
    parts += [chunk(name, body) for name, body in metadata.chunks if name not in dropped]
    if metadata.resolution:
        x, y, unit = metadata.resolution
        scale = {"inch": 1 / _METRE, "cm": 100.0, "none": 1.0}[unit]
        body = struct.pack(">IIB", round(x * scale), round(y * scale), unit != "none")
        parts.append(chunk(b"pHYs", body))
    if metadata.exif:
        block = exif.with_size(metadata.exif, picture.width, picture.height)
        parts.append(chunk(b"eXIf", block))
    if metadata.xmp:
        parts.append(xmp_chunk(metadata.xmp))
    parts += [text_chunk(key, text) for key, text in metadata.text]
    if metadata.comment:
        parts.append(text_chunk("Comment", metadata.comment.decode("utf-8", "replace")))
    if metadata.history:
        parts.append(text_chunk(provenance.KEY, "\n".join(metadata.history)))
    return parts
