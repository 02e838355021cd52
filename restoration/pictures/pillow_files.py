"""JPEG, WebP and BMP, which pillow reads and writes.

JPEG is written with the source's own quantisation tables where these are finer than quality 95,
else at quality 95, always without chroma subsampling. WebP is written lossless.
"""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError
from undrift.restoration.pictures import exif, provenance, values
from undrift.restoration.pictures.colour import to_rgb
from undrift.restoration.pictures.orientation import reset_xmp, turned, upright
from undrift.restoration.pictures.picture import Metadata, Picture

if TYPE_CHECKING:
    from PIL.Image import Image

_FINE = 369  # sum of the luminance table of quality 95 in the IJG scale
_LIMITS = {"JPEG": 65500, "WEBP": 16383, "BMP": 2**31 - 1}
_DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
_PREFIX = b"Exif\0\0"


def read_with_pillow(path: Path | None, data: bytes, kind: str) -> Picture:
    """Picture from the bytes of a JPEG, WEBP or BMP; ValueError or OSError where damaged."""
    from PIL import Image

    # Telephones append a preview or a gain map to a JPEG (MPO): the first picture is the one.
    formats = ["JPEG", "MPO"] if kind == "JPEG" else [kind]
    with Image.open(BytesIO(data), formats=formats) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and kind != "JPEG":
            raise ValueError(f"{frames} frames: animations are not supported yet; save the frames")
        image.load()
        return from_pillow(image, kind, path)


def from_pillow(image: "Image", kind: str, path: Path | None = None) -> Picture:
    """Picture from a loaded pillow picture, its orientation applied; no 32-bit modes."""
    icc = image.info.get("icc_profile")
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        image, icc = to_rgb(image, icc)
    elif image.mode not in ("1", "L", "LA", "RGB", "RGBA", *_DEEP):
        clear = "transparency" in image.info or image.mode in ("PA", "RGBa", "La")
        image = image.convert("RGBA" if clear else "RGB")
    elif "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image = image.convert("RGBA" if image.mode == "RGB" else "LA")
    array = np.asarray(image)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    planes = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    unit, _ = values.to_unit(planes)
    metadata, turn = metadata_of(image, icc, kind)
    unit = upright(unit, turn)
    split = 1 if len(unit) < 3 else 3
    return Picture(
        np.ascontiguousarray(unit[:split]),
        unit[split] if len(unit) > split else None,
        planes.dtype.name,
        format=kind,
        metadata=metadata,
        path=path,
    )


def metadata_of(image: "Image", icc: bytes | None, kind: str) -> tuple[Metadata, int]:
    """All that a picture says besides its pixels, upright, and the orientation of these."""
    info = image.info
    block = info.get("exif")
    block = block.removeprefix(_PREFIX) if block else None
    turn = exif.get_orientation(block)
    block, history = exif.split_history(exif.without_orientation(block))
    dpi = info.get("dpi") if kind != "JPEG" or info.get("jfif_unit") in (1, 2) else None
    resolution = None
    if dpi and dpi[0] > 0 and dpi[1] > 0:
        resolution = (*turned((float(dpi[0]), float(dpi[1])), turn), "inch")
    xmp = info.get("xmp")
    return Metadata(
        icc=icc or None,
        exif=block,
        xmp=reset_xmp(xmp) if turn != 1 else xmp,
        comment=info.get("comment"),
        resolution=resolution,
        tables=getattr(image, "quantization", None) or None,
        size=turned(image.size, turn),
        history=history,
    ), turn


def write_with_pillow(path: Path, picture: Picture, kind: str, name: Path) -> None:
    """Writes `picture` as `kind` to `path`; errors speak of `name`."""
    check(picture, kind, name)
    _save(path, to_image(picture), picture, kind, name)


def write_bands(
    path: Path, sheet: Picture, kind: str, name: Path, bands: Iterable[np.ndarray]
) -> None:
    """Writes rows of 8-bit numbers (rows, w[, c]), collected as such; otherwise as above.

    sheet: what the file says besides its pixels, with their shape.
    """
    from PIL import Image

    check(sheet, kind, name)
    image, top = Image.new(sheet.mode, (sheet.width, sheet.height)), 0
    for band in bands:
        image.paste(Image.fromarray(band), (0, top))
        top += len(band)
    _save(path, image, sheet, kind, name)


def _save(path: Path, image: "Image", picture: Picture, kind: str, name: Path) -> None:
    from PIL.Image import Dither

    metadata = picture.metadata
    options: dict[str, Any] = {}
    if metadata.dpi:
        options["dpi"] = metadata.dpi
    if kind != "BMP":
        options |= {"icc_profile": metadata.icc or b"", "xmp": metadata.xmp or b""}
        block = _exif(picture)
        if block:
            options["exif"] = _PREFIX + block
    if kind == "JPEG":
        options |= {"subsampling": "4:4:4", "optimize": True}
        tables = metadata.tables
        if tables and sum(tables[min(tables)]) <= _FINE:  # a quality would scale them
            options["qtables"] = {key: list(tables[key]) for key in sorted(tables)}
        else:
            options["quality"] = 95
        if comment := _comment(metadata):
            options["comment"] = comment
    elif kind == "WEBP":
        options |= {"lossless": True, "exact": True, "method": 2}
    elif picture.depth == "bool" and picture.mode == "L":
        image = image.convert("1", dither=Dither.NONE)
    try:
        image.save(path, format=kind, **options)
    except ValueError as error:  # a block too long for its marker
        raise InputError(f"{name}: {error} for {kind}; write a .png or .tif instead") from error


def to_image(picture: Picture) -> "Image":
    """An 8-bit pillow picture: L, LA, RGB or RGBA."""
    from PIL import Image

    array = values.stored(picture.pixels, picture.alpha, "uint8", picture.value_range)
    return Image.fromarray(array)


def check(picture: Picture, kind: str, name: Path) -> None:
    """InputError for what a file of this kind cannot hold."""
    if picture.depth not in ("bool", "uint8"):
        other = ".png or .tif" if picture.depth == "uint16" else ".tif"
        raise InputError(f"{name}: {kind} holds 8 bits, not {picture.depth}; write a {other}")
    if picture.alpha is not None and kind != "WEBP":
        raise InputError(f"{name}: {kind} holds no transparency; write a .png, .webp or .tif")
    if kind == "BMP" and picture.metadata.icc:
        raise InputError(f"{name}: BMP holds no colour profile; write a .png or .tif")
    if max(picture.width, picture.height) > _LIMITS[kind]:
        raise InputError(
            f"{name}: {kind} holds at most {_LIMITS[kind]} pixels a side, not "
            f"{picture.width} x {picture.height}; write a .png or .tif"
        )


def _exif(picture: Picture) -> bytes | None:
    block = picture.metadata.exif
    if block:
        block = exif.with_size(block, picture.width, picture.height)
    if picture.metadata.history:
        text = provenance.join(exif.get_comment(block), picture.metadata.history)
        block = exif.with_comment(block, text)
    return block


def _comment(metadata: Metadata) -> bytes | None:
    """The JPEG comment, or the texts of a PNG that can have no other place."""
    if metadata.comment or not metadata.text:
        return metadata.comment
    return "\n".join(f"{key}: {text}" for key, text in metadata.text).encode("utf-8")
