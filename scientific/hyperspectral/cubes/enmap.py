"""The folder of an EnMAP scene: a GeoTIFF of all bands, and wavelengths in its METADATA.XML."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes import geotiff
from undrift.scientific.hyperspectral.cubes.cube import Cube


def read(path: Path, key: str | None = None, axes: str | None = None) -> Cube:
    """The cube of a folder, for `files.open_cube`. Raises InputError where it is none of EnMAP."""
    image, text = (_one(path, end) for end in ("SPECTRAL_IMAGE.TIF", "METADATA.XML"))
    cube = geotiff.read(image, key, axes)
    try:
        bands = list(ElementTree.parse(text).getroot().iter("bandID"))
        found = [
            [float(band.findtext(name) or "nan") for band in bands]
            for name in ("wavelengthCenterOfBand", "FWHMOfBand")
        ]
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{text}: cannot be read as metadata of EnMAP ({error})") from error
    nm, fwhm = (np.array(values) for values in found)
    if len(nm) != cube.bands or not np.isfinite(nm).all():
        raise InputError(f"{text}: tells {np.isfinite(nm).sum()} bands, the image has {cube.bands}")
    return replace(cube, wavelengths=nm, fwhm=fwhm if np.isfinite(fwhm).all() else None)


def write(path: Path, cube: Cube, history: str = "") -> int:
    """Refused: a scene's folder is made by its agency only."""
    raise InputError(f"{path}: is a folder; give a file, such as {path.name}.tif")


def _one(folder: Path, end: str) -> Path:
    found = sorted(p for p in folder.iterdir() if p.name.upper().endswith(end))
    if len(found) != 1:
        raise InputError(
            f"{folder}: expected one file *{end}, as in a scene of EnMAP, found {len(found)}"
        )
    return found[0]
