"""What a GeoTIFF says beside its numbers.

Where the bands lie, the tags of a band say (`wavelength`, `fwhm`, `bbl`, as gdal_translate writes
them from ENVI, or CENTRAL_WAVELENGTH_UM and FWHM_UM of GDAL 3.10), else its description
("550.5 nm").
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.scientific.hyperspectral.cubes.cube import Axis, to_nanometres

Tags = dict[str, dict[str, str]]  # of a dataset or a band, by namespace; "" is the common one
_MADE = ("IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "RPC", "TIFF")  # by GDAL, not by a writer
_LENGTH = re.compile(r"(\d+(?:\.\d*)?)\s*\(?\s*(nanomet\w*|nm|micromet\w*|[uµμ]m)\b", re.IGNORECASE)


@dataclass(frozen=True)
class TiffHead:
    """All of a GeoTIFF but its numbers. profile: what rasterio creates such a file with. bands:
    tags of each band. ground: control points and their system. overviews: factors. masked: whether
    the file has a mask of its own. cog: whether it is cloud-optimised.
    """

    profile: dict[str, Any]
    tags: Tags
    bands: tuple[Tags, ...]
    descriptions: tuple[str | None, ...]
    units: tuple[str | None, ...]
    colours: tuple[Any, ...]
    ground: tuple[list[Any], Any]
    rational: Any
    overviews: list[int]
    masked: bool
    cog: bool


def read_head(file: Any) -> TiffHead:
    """The head of a file that rasterio has opened."""
    flags = {flag.name for flags in file.mask_flag_enums for flag in flags}
    profile = dict(file.profile)
    structure = file.tags(ns="IMAGE_STRUCTURE")
    if "PREDICTOR" in structure:
        profile["predictor"] = structure["PREDICTOR"]
    return TiffHead(
        profile=profile,
        tags=_tags(file, file.tag_namespaces()),
        bands=tuple(
            _tags(file, [*file.tag_namespaces(band), "IMAGERY"], band) for band in file.indexes
        ),
        descriptions=file.descriptions,
        units=file.units,
        colours=file.colorinterp,
        ground=file.gcps,
        rational=file.rpcs,
        overviews=file.overviews(1),
        masked="per_dataset" in flags and "nodata" not in flags,
        cog=structure.get("LAYOUT") == "COG",
    )


def _tags(file: Any, spaces: list[str], *band: int) -> Tags:
    """By namespace, without what GDAL makes itself and statistics of other values."""
    found = {space: file.tags(*band, ns=space or None) for space in {"", *spaces} - {*_MADE}}
    for tags in found.values():
        for name in [name for name in tags if name.startswith("STATISTICS_")]:
            del tags[name]
    return {space: tags for space, tags in sorted(found.items()) if tags}


def spectral(head: TiffHead) -> tuple[Axis | None, Axis | None, str | None]:
    """Centres and full widths in nm, None where a band does not tell, and a note on the unit."""
    centres = list(map(_centre, head.bands, head.descriptions))
    told = [centre for centre in centres if centre is not None]
    if not told or len(told) < len(centres) or len({unit for _, unit in told}) > 1:
        return None, None, None
    given = np.array([value for value, _ in told])
    nm, note = to_nanometres(given, told[0][1])
    widths = [_number(tags.get("", {}).get("fwhm")) for tags in head.bands]
    if all(width is None for width in widths):
        listed = _listed(head, "fwhm")
        fine = [_number(tags.get("IMAGERY", {}).get("FWHM_UM")) for tags in head.bands]
        if listed is not None:
            widths = list(listed)
        elif None not in fine:
            return nm, 1000 * np.array(fine, np.float64), note
    if None in widths:
        return nm, None, note
    return nm, np.array(widths, np.float64) * (nm[0] / given[0]), note


def marks(head: TiffHead) -> np.ndarray | None:
    """Which bands the file calls good, by the tag `bbl` of each or ENVI's list."""
    found: Any = [_number(tags.get("", {}).get("bbl")) for tags in head.bands]
    if None in found:
        found = _listed(head, "bbl")
    return None if found is None else np.array(found) != 0


def _centre(tags: Tags, text: str | None) -> tuple[float, str | None] | None:
    plain = {key.lower(): value for key, value in tags.get("", {}).items()}
    value = _number(plain.get("wavelength"))
    if value is not None:
        return value, plain.get("wavelength_units") or plain.get("wavelength_unit")
    value = _number(tags.get("IMAGERY", {}).get("CENTRAL_WAVELENGTH_UM"))
    if value is not None:
        return value, "Micrometers"
    match = _LENGTH.search(text or "")
    if match is None:
        return None
    return float(match[1]), "nm" if match[2].lower().startswith("n") else "um"


def _listed(head: TiffHead, key: str) -> list[float] | None:
    """A list of ENVI's header, which gdal_translate keeps in a namespace of its own."""
    parts = head.tags.get("ENVI", {}).get(key, "").strip("{} ").split(",")
    numbers = [_number(part) for part in parts]
    if len(numbers) != len(head.bands) or None in numbers:
        return None
    return [number for number in numbers if number is not None]


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
