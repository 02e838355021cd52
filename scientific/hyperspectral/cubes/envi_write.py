"""Cubes into ENVI files: the source's header with what has changed, or a new one."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.scientific.hyperspectral.cubes.axes import permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, to_nanometres
from undrift.scientific.hyperspectral.cubes.envi_header import EnviHeader
from undrift.scientific.hyperspectral.cubes.packing import encoded, holding
from undrift.scientific.hyperspectral.cubes.place import to_map_info

TYPES = {
    1: "uint8", 2: "int16", 3: "int32", 4: "float32", 5: "float64", 12: "uint16", 13: "uint32",
    14: "int64", 15: "uint64",
}  # fmt: skip
DATA = ("", ".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin")
AXES = {"bsq": "bhw", "bil": "hbw", "bip": "hwb"}


def write_envi(path: Path | str, cube: Cube, history: str = "") -> int:
    """Writes NAME.hdr and NAME.img; returns how many values were clipped.

    path: of the header, .hdr. The header is the source's where it was ENVI, with the type, layout
    and byte order that the source had. history: joins the key `undrift history`. Raises InputError
    for another suffix.
    """
    place = Path(path)
    if place.suffix.lower() != ".hdr":
        raise InputError(f"{place}: expected the header's name, NAME.hdr")
    data = place.with_suffix(".img")
    others = [other for other in beside(place) if other != data]
    if others:
        raise InputError(
            f"{others[0]}: would be taken for the data of {place}; choose another name"
        )
    known = cube.stored.kind == "envi"
    if not known:
        held = holding(cube.stored.dtype, tuple(TYPES.values()))
        cube = replace(cube, stored=replace(cube.stored, dtype=held, layout="bsq"))
    header = _kept_header(cube) if known else _new_header(cube)
    numbers, clipped, fill = encoded(cube.array, cube.stored)
    if fill is not None and fill != cube.stored.fill:
        header = header.with_values(data_ignore_value=_text(fill))
    if history:
        past = header.get("undrift history")
        text = f"{past}; {history}" if past else history
        header = header.with_values(undrift_history="{ " + text + " }")
    order = ">" if header.whole("byte order", 0) == 1 else "<"
    stored = permuted(numbers, "bhw", AXES[cube.stored.layout])
    stored = stored.astype(numbers.dtype.newbyteorder(order))
    offset = header.whole("header offset", 0)
    write_atomically(data, lambda part: part.write_bytes(bytes(offset) + stored.tobytes()))
    text = header.text().encode("utf-8", "surrogateescape")  # what was Latin-1 stays so
    write_atomically(place, lambda part: part.write_bytes(text))
    return clipped


def beside(header: Path) -> list[Path]:
    """The files that readers take for the data of a header, the first one first."""
    base = header.with_suffix("")
    places = [base.with_name(base.name + suffix) for suffix in DATA]
    return [place for place in places if place.is_file() and place != header]


def _kept_header(cube: Cube) -> EnviHeader:
    """The source's header, with other sizes, wavelengths or marks where the cube has others."""
    header: EnviHeader = cube.stored.header
    changes = {
        key: f"{size}"
        for key, size in zip(("bands", "lines", "samples"), cube.array.shape, strict=True)
        if header.whole(key) != size
    }
    told = header.items("wavelength")
    if cube.wavelengths is not None and not (
        told is not None
        and len(told) == cube.bands
        and np.array_equal(
            to_nanometres([float(part) for part in told], header.get("wavelength units"))[0],
            cube.wavelengths,
        )
    ):
        changes |= {"wavelength": _list(cube.wavelengths), "wavelength_units": "Nanometers"}
        if cube.fwhm is not None:
            changes["fwhm"] = _list(cube.fwhm)
    marks = header.items("bbl")
    if cube.good is not None and (
        marks is None or [float(mark) != 0 for mark in marks if mark] != cube.good.tolist()
    ):
        changes["bbl"] = _list(cube.good.astype(float))
    return header.with_values(**changes) if changes else header


def _new_header(cube: Cube) -> EnviHeader:
    bands, rows, columns = cube.array.shape
    codes = {name: code for code, name in TYPES.items()}
    entries = [
        ("description", "{ hyperspectral cube }"), ("samples", f"{columns}"), ("lines", f"{rows}"),
        ("bands", f"{bands}"), ("header offset", "0"), ("file type", "ENVI Standard"),
        ("data type", f"{codes[cube.stored.dtype]}"), ("interleave", "bsq"), ("byte order", "0"),
        *_scale(cube),
    ]  # fmt: skip
    if cube.stored.fill is not None:
        entries.append(("data ignore value", _text(cube.stored.fill)))
    for key, values in (("wavelength", cube.wavelengths), ("fwhm", cube.fwhm)):
        if values is not None:
            entries.append((key, _list(values)))
    if cube.wavelengths is not None:
        entries.append(("wavelength units", "Nanometers"))
    if cube.good is not None:
        entries.append(("bbl", _list(cube.good.astype(float))))
    info = None if cube.place is None else to_map_info(cube.place)
    if cube.place is not None and info is not None:
        entries.append(("map info", "{ " + info + " }"))
        if (cube.place.crs or "").strip().endswith("]"):  # WKT; a number of EPSG is in the info
            entries.append(("coordinate system string", "{" + str(cube.place.crs) + "}"))
    return EnviHeader(tuple(entries))


def _scale(cube: Cube) -> list[tuple[str, str]]:
    """Factor and offset: one division where that is all, else lists for all bands."""
    scale, offset = np.asarray(cube.stored.scale), np.asarray(cube.stored.offset)
    if scale.ndim == 0 and not offset.any():
        factor = 1 / float(scale)
        return [] if factor == 1 else [("reflectance scale factor", _text(factor))]
    lists = {"data gain values": scale, "data offset values": offset}
    return [(key, _list(np.broadcast_to(x, cube.bands))) for key, x in lists.items()]


def _list(values: np.ndarray) -> str:
    return "{ " + ", ".join(_text(value) for value in values) + " }"


def _text(value: float) -> str:
    """The shortest text that is read as the same number."""
    value = float(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    short = f"{value:.12g}"
    return short if float(short) == value else repr(value)
