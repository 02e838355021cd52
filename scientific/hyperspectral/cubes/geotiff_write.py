"""Cubes into GeoTIFF: the source's blocks, compression and tags with what has changed, or new."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.common.files import replacing, temporary_beside
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.geotiff_head import TiffHead, marks, spectral
from undrift.scientific.hyperspectral.cubes.packing import encoded, holding

TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_LOSSY = {"jpeg", "webp", "lerc", "jxl"}
_BLOCK = 256


def write_geotiff(path: Path, cube: Cube, history: str = "") -> int:
    """Writes a GeoTIFF; returns how many values were clipped. Raises MissingExtraError."""
    require("rasterio")
    known = cube.stored.kind == "geotiff"
    if not known:
        held = holding(cube.stored.dtype, TYPES)
        cube = replace(cube, stored=replace(cube.stored, dtype=held))
    head: TiffHead | None = cube.stored.header if known else None
    numbers, clipped, fill = encoded(cube.array, cube.stored)
    profile = _profile(cube, head, fill)
    with replacing(path) as part:
        if head is None or not head.cog:
            _create(part, profile, numbers, cube, head, history)
        else:
            _optimised(part, profile, numbers, cube, head, history)
    return clipped


def _profile(cube: Cube, head: TiffHead | None, fill: float | None) -> dict[str, Any]:
    bands, rows, columns = cube.array.shape
    profile: dict[str, Any] = {"compress": "deflate", "interleave": "band"}
    if head is not None:
        profile = dict(head.profile)
        if str(profile.get("compress", "")).lower() in _LOSSY:
            profile["compress"] = "deflate"
    elif min(rows, columns) >= _BLOCK:
        profile |= {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK}
    if cube.place is not None:
        profile |= {"crs": _system(cube.place.crs), "transform": cube.place.transform}
    if not profile.get("tiled", False):  # strips: as wide as the cube
        profile.pop("blockxsize", None)
    sizes = {"count": bands, "height": rows, "width": columns, "dtype": cube.stored.dtype}
    if fill is not None:
        sizes["nodata"] = fill
    return profile | sizes | {"driver": "GTiff", "BIGTIFF": "IF_SAFER"}


def _system(crs: str | None) -> Any:
    errors = require("rasterio.errors")
    try:
        return None if crs is None else require("rasterio.crs").CRS.from_user_input(crs)
    except errors.CRSError as error:
        raise InputError(
            f"coordinate system {crs!r} cannot be understood ({error}); give the cube's place a "
            f"whole WKT or 'EPSG:number'"
        ) from error


def _create(
    part: Path,
    profile: dict[str, Any],
    numbers: np.ndarray,
    cube: Cube,
    head: TiffHead | None,
    history: str,
) -> None:
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.transform import Affine

    if "transform" in profile:
        profile = profile | {"transform": Affine(*tuple(profile["transform"])[:6])}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(part, "w", **profile) as file:
        for _, window in file.block_windows(1):
            rows, columns = window.toslices()
            file.write(numbers[:, rows, columns], window=window)
        bands = cube.bands
        file.scales = np.broadcast_to(cube.stored.scale, bands).tolist()
        file.offsets = np.broadcast_to(cube.stored.offset, bands).tolist()
        if head is not None and len(head.bands) == bands:
            _again(file, head)
            if head.masked:
                file.write_mask(~cube.missing.all(0))
        _describe(file, cube, head, history)
        if head is not None and head.overviews:
            file.build_overviews(head.overviews, Resampling.average)


def _optimised(part: Path, profile: dict[str, Any], *rest: Any) -> None:
    """Cloud-optimised files are made of finished ones."""
    from rasterio.shutil import copy

    whole = temporary_beside(part)
    try:
        _create(whole, profile, *rest)
        size = profile.get("blockxsize", 512)
        copy(whole, part, driver="COG", compress=profile.get("compress", "none"), blocksize=size)
    finally:
        whole.unlink(missing_ok=True)


def _again(file: Any, head: TiffHead) -> None:
    """Writes what the source said and nobody changed."""
    file.descriptions, file.units, file.colorinterp = head.descriptions, head.units, head.colours
    for space, tags in head.tags.items():
        file.update_tags(ns=space or None, **tags)
    for band, spaces in enumerate(head.bands, 1):
        for space, tags in spaces.items():
            file.update_tags(band, ns=space or None, **tags)
    points, system = head.ground
    if points:
        file.gcps = points, system
    if head.rational is not None:
        file.rpcs = head.rational


def _describe(file: Any, cube: Cube, head: TiffHead | None, history: str) -> None:
    """Says where the bands lie, where the source does not say the same, and adds the history."""
    same = head is not None and len(head.bands) == cube.bands
    told = spectral(head)[0] if head is not None and same else None
    if cube.wavelengths is not None and not _alike(told, cube.wavelengths):
        for band, nm in enumerate(cube.wavelengths, 1):
            extra = {} if cube.fwhm is None else {"fwhm": f"{cube.fwhm[band - 1]:.10g}"}
            file.update_tags(band, wavelength=f"{nm:.10g}", wavelength_units="Nanometers", **extra)
            if not same:
                file.set_band_description(band, f"{nm:.10g} nm")
    good = marks(head) if head is not None and same else None
    if cube.good is not None and not _alike(good, cube.good):
        for band, mark in enumerate(cube.good, 1):
            file.update_tags(band, bbl=str(int(mark)))
    if history:
        past = file.tags().get("undrift_history")
        file.update_tags(undrift_history=f"{past}; {history}" if past else history)


def _alike(told: np.ndarray | None, wanted: np.ndarray) -> bool:
    return told is not None and np.array_equal(told, wanted)
