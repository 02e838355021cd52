"""Pages of TIFF files: any depth, grey or colour, alpha, strips, tiles, planes, BigTIFF.

tifffile decodes; pillow helps with 8-bit pages in a compression for which tifffile would need
imagecodecs, and with printing colours (CMYK, YCbCr, Lab). Every tag that does not describe the
storage itself is carried along.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undrift.common.errors import InputError, MissingExtraError
from undrift.restoration.pictures import pillow_files, values
from undrift.restoration.pictures.ifd import Layout
from undrift.restoration.pictures.orientation import upright
from undrift.restoration.pictures.picture import DEPTHS, Metadata, Picture
from undrift.restoration.pictures.tiff_tags import read_metadata

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

_BLACK, _WHITE, _RGB, _PALETTE = 1, 0, 2, 3
_EXPANSION = {1: 1, 8: 1100, 32946: 1100}  # pixels a stored byte can hold: none, deflate
_PRINT = {5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab"}


def read_tiff(path: Path) -> Picture:
    """Picture from a TIFF file of one page.

    Raises InputError for several pages, unusual channels, NaN; MissingExtraError for a
    compression that needs another package; ValueError and the like where the file is damaged.
    """
    from tifffile import TiffFile

    with TiffFile(path) as file:
        places, frames = find_pages(file)
        count = max(len(places), frames)
        if count > 1:
            raise InputError(
                f"{path}: {count} pages where one picture is expected; undrift.stack and the "
                "commands denoise, sr, deblur and inpaint restore them all"
            )
        return read_page(path, file, places[0])


def find_pages(file: "TiffFile") -> tuple[list[int], int]:
    """Places of the pages in the file, previews and masks left out; and frames of a lone page.

    ImageJ lists the first page only of stacks beyond 4 GiB; the others follow it in the file.
    """
    _check_chain(file)
    flags = [file.pages[place].aspage().subfiletype for place in range(len(file.pages))]
    kept = [place for place, flag in enumerate(flags) if not flag & 0b101]  # no preview, no mask
    kept = kept or [0]
    page = file.pages[kept[0]].aspage()
    frames = page.imagedepth
    if len(kept) == 1 and frames == 1 and file.series:
        frames = file.series[0].size // max(page.size, 1)
    return kept, max(1, frames)


def _check_chain(file: "TiffFile") -> None:
    """ValueError where the list of pages goes on beyond the end of the file."""
    last = file.pages[len(file.pages) - 1].aspage()
    layout, handle = Layout(file.byteorder, file.is_bigtiff), file.filehandle
    handle.seek(last.offset)
    count = layout.unpack(layout.counter, handle.read(8), 0)[0]
    handle.seek(last.offset + (8 if layout.big else 2) + count * layout.entry)
    after = layout.unpack("O", handle.read(layout.word), 0)[0]
    if after >= handle.size:
        raise ValueError(f"the file is truncated: it has {handle.size} bytes but a page at {after}")


def read_page(
    path: Path,
    file: "TiffFile",
    place: int,
    value_range: tuple[float, float] | None = None,
    frame: int = 0,
) -> Picture:
    """Picture from one page of an open file; errors as for `read_tiff`.

    value_range: stated for the whole stack. frame: of a lone page that others follow unlisted.
    """
    page = file.pages[place].aspage()
    check_page(path, page)
    metadata, turn = read_metadata(path, page)
    if frame:
        metadata = replace(metadata, exif=None, tags=(), history=())
    try:
        colour, alpha, premultiplied = samples_of(path, page, frame)
    except ValueError as error:
        if "imagecodecs" not in str(error) and page.photometric not in _PRINT:
            raise
        return _through_pillow(path, page, metadata, place)
    bits = None if page.photometric == _PALETTE else page.bitspersample
    values.check_finite(colour, str(path))
    planes = colour.transpose(2, 0, 1)
    if colour.dtype.name in values.FULL:
        value_range = None
    pixels, value_range = values.to_unit(planes, value_range, bits=bits)
    if metadata.miniswhite:
        pixels = 1.0 - pixels
    if alpha is not None:
        alpha = _alpha(alpha, path)
        if premultiplied:
            pixels = np.where(alpha > 0, pixels / np.maximum(alpha, 1e-6), 0.0)
            pixels = np.clip(pixels, 0.0, 1.0).astype(np.float32)
        alpha = upright(alpha, turn)
    depth = colour.dtype.name
    return Picture(upright(pixels, turn), alpha, depth, value_range, "TIFF", metadata, path)


def check_page(path: Path, page: "TiffPage") -> None:
    """Raises InputError for samples that cannot be read, ValueError where the file is damaged."""
    if page.imagedepth > 1:
        raise InputError(f"{path}: a page of {page.imagedepth} layers; save them as single pages")
    if page.dtype is None or page.dtype.name not in DEPTHS:
        raise InputError(
            f"{path}: samples of type {page.dtype or page.sampleformat} are not supported; "
            "save them as uint8, uint16, float32 or float64"
        )
    _check_storage(page, path.stat().st_size)


def _check_storage(page: "TiffPage", end: int) -> None:
    """ValueError where strips or tiles are missing or lie beyond the `end` of the file."""
    parts, found = math.prod(page.chunked), len(page.dataoffsets)
    if parts != found:
        raise ValueError(f"the file is damaged: {found} of {parts} strips or tiles are listed")
    most = _EXPANSION.get(int(page.compression))
    if most and page.size * page.bitspersample > 8 * most * sum(page.databytecounts):
        raise ValueError("the file is damaged: it lists fewer bytes than its size needs")
    for start, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        if start + size > end:
            raise ValueError(
                f"the file is truncated: it has {end} bytes but pixels up to {start + size}"
            )


def samples_of(
    path: Path, page: "TiffPage", frame: int = 0
) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """(colour (h, w, c), alpha (h, w) or None, whether colours are multiplied by alpha)."""
    if page.photometric in _PRINT:
        raise ValueError("printing colours")
    samples, extra = page.samplesperpixel, tuple(page.extrasamples)
    base = {_BLACK: 1, _WHITE: 1, _PALETTE: 1, _RGB: 3}.get(int(page.photometric), 0)
    if base == 0 or samples - base > 1 or (samples - base == 1 and extra not in ((1,), (2,))):
        raise InputError(
            f"{path}: {samples} channels of kind {_name(page.photometric)}"
            f"{' (the last is not marked as alpha)' if samples - base == 1 else ''}; expected "
            "grey (1), grey with alpha (2), RGB (3) or RGB with alpha (4): save the channels as "
            "single files, or mark the alpha channel (tag ExtraSamples = 2)"
        )
    array = _following(page, frame) if frame else page.asarray()
    if samples == 1:
        array = array.reshape(page.imagelength, page.imagewidth, 1)
    elif page.planarconfig == 2:
        array = np.moveaxis(array, 0, -1)
    if page.photometric == _PALETTE and page.colormap is not None:
        table = (page.colormap >> 8).astype(np.uint8)  # (3, n) uint16
        return np.moveaxis(table[:, array[..., 0]], 0, -1), None, False
    return array[..., :base], array[..., base] if samples > base else None, extra == (1,)


def _following(page: "TiffPage", frame: int) -> np.ndarray:
    """The numbers of an unlisted frame: as many bytes as the page has, later in the file."""
    handle = page.parent.filehandle
    size = sum(page.databytecounts)
    handle.seek(page.dataoffsets[0] + frame * size)
    data = handle.read(size)
    if page.compression != 1 or len(data) != size or page.dtype is None:
        raise ValueError(f"the file is truncated: frame {frame} is not all there")
    return np.frombuffer(data, page.dtype.newbyteorder(page.parent.byteorder)).reshape(page.shape)


def _alpha(alpha: np.ndarray, path: Path) -> np.ndarray:
    values.check_finite(alpha, str(path))
    if alpha.dtype.kind != "f" and alpha.dtype.name not in values.FULL:
        return (alpha / np.iinfo(alpha.dtype).max).clip(0.0, 1.0).astype(np.float32)
    unit = alpha.astype(np.float32) if alpha.dtype.kind == "f" else values.to_unit(alpha)[0]
    if unit.min() < 0.0 or unit.max() > 1.0:
        raise InputError(
            f"{path}: alpha runs from {unit.min():g} to {unit.max():g}; expected 0 to 1 for floats"
        )
    return unit


def _through_pillow(path: Path, page: "TiffPage", metadata: Metadata, place: int) -> Picture:
    """Pillow turns a TIFF upright and MINISWHITE to black zero by itself."""
    from PIL import Image

    bits, photometric = page.bitspersample, int(page.photometric)
    if bits > 8 and photometric in _PRINT:
        raise InputError(
            f"{path}: {_PRINT[photometric]} with {bits} bits is not supported; convert it to RGB "
            "with its colour profile first"
        )
    plain = (bits, page.samplesperpixel, page.sampleformat, photometric) == (16, 1, 1, _BLACK)
    if bits > 8 and not plain:
        raise MissingExtraError(
            f"{path}: {bits}-bit {_name(page.compression)} TIFF needs another package; run: "
            "pip install imagecodecs (or save the file uncompressed or with deflate)"
        )
    with Image.open(path, formats=["TIFF"]) as image:
        image.seek(place)
        image.load()
        icc = metadata.icc
        image.info = {"icc_profile": icc} if icc else {}
        found = pillow_files.from_pillow(image, "TIFF", path)
    metadata = replace(metadata, icc=found.metadata.icc, miniswhite=False)
    return replace(found, metadata=metadata)


def _name(code: int) -> str:
    """Name of a photometric interpretation or a compression."""
    return getattr(code, "name", str(code)).lower()
