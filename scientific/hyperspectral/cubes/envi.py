"""ENVI: a text header and a file of numbers, band by band (bsq), line (bil) or pixel (bip).

The header comes back word for word but for what changed. Masks go before scales: `data ignore
value` is compared with stored numbers, then `data gain values` and `data offset values`, or the
division by `reflectance scale factor`, make them real.
"""

from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import write_atomically, write_text
from undrift.scientific.hyperspectral.cubes.cube import (
    Cube,
    Stored,
    decoded,
    encoded,
    to_nanometres,
)
from undrift.scientific.hyperspectral.cubes.envi_header import EnviHeader

TYPES = {
    1: "uint8", 2: "int16", 3: "int32", 4: "float32", 5: "float64", 12: "uint16", 13: "uint32",
    14: "int64", 15: "uint64",
}  # fmt: skip
_AXES = {"bsq": "bhw", "bil": "hbw", "bip": "hwb"}
_DATA = ("", ".img", ".dat", ".raw", ".bsq", ".bil", ".bip", ".bin")


def read(path: Path, key: str | None = None, axes: str | None = None) -> Cube:
    """`read_envi` for `files.open_cube`. The header settles what key and axes would say."""
    if key is not None or axes is not None:
        raise InputError(f"{path}: the header of ENVI names its axes; leave out key and axes")
    return read_envi(path)


def write(path: Path, cube: Cube, history: str = "") -> int:
    """`write_envi` for `files.save_cube`; history goes to the key `undrift history`."""
    return write_envi(path, cube, history)


def read_envi(path: Path | str) -> Cube:
    """Reads the cube of a header; path: the .hdr file, or the data beside it.

    Raises InputError for a header or data that are missing, damaged or too short.
    """
    place, data = _pair(Path(path))
    try:
        header = EnviHeader.parse(place.read_text("utf-8", errors="surrogateescape"), str(place))
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error})") from error
    bands, notes = header.whole("bands", name=str(place)), []
    numbers = _numbers(header, data, place)
    wavelengths = header.numbers("wavelength", bands, str(place))
    nm = fwhm = None
    if wavelengths is not None:
        nm, note = to_nanometres(wavelengths, header.get("wavelength units"))
        notes += [note] if note else []
        widths = header.numbers("fwhm", bands, str(place))
        fwhm = None if widths is None else _widths(np.array(widths), np.array(wavelengths), nm)
    marks = header.numbers("bbl", bands, str(place))
    stored = _stored(header, numbers, bands, str(place))
    good = None if marks is None else np.array(marks) != 0
    return Cube(decoded(numbers, stored), nm, fwhm, good, stored, tuple(notes))


def write_envi(path: Path | str, cube: Cube, history: str = "") -> int:
    """Writes NAME.hdr and NAME.img; returns how many values were clipped.

    path: of the header, .hdr. The header is the source's where it was ENVI, with the type, layout
    and byte order that the source had. history: joins the key `undrift history`. Raises InputError
    for another suffix.
    """
    place = Path(path)
    if place.suffix.lower() != ".hdr":
        raise InputError(f"{place}: expected the header's name, NAME.hdr")
    header = cube.stored.header if cube.stored.kind == "envi" else _new_header(cube)
    numbers, clipped, fill = encoded(cube.array, cube.stored)
    layout = cube.stored.layout if cube.stored.kind == "envi" else "bsq"
    if fill is not None and cube.stored.fill is None:
        header = header.with_values(data_ignore_value=f"{fill:g}")
    if history:
        past = header.get("undrift history")
        text = f"{past}; {history}" if past else history
        header = header.with_values(undrift_history="{ " + text + " }")
    order = ">" if header.whole("byte order", 0) == 1 else "<"
    stored = _permuted(numbers, "bhw", _AXES[layout]).astype(numbers.dtype.newbyteorder(order))
    data = place.with_suffix(".img")
    offset = header.whole("header offset", 0)
    write_atomically(data, lambda part: part.write_bytes(bytes(offset) + stored.tobytes()))
    write_text(place, header.text())
    return clipped


def _pair(path: Path) -> tuple[Path, Path]:
    """The header and the data of either."""
    if path.suffix.lower() == ".hdr":
        base = path.with_suffix("")
        places = [base.with_name(base.name + suffix) for suffix in _DATA]
        found = [place for place in places if place.is_file() and place != path]
        if not found:
            raise InputError(f"{path}: no data beside it; looked for {', '.join(map(str, places))}")
        return path, found[0]
    for header in (path.with_name(path.name + ".hdr"), path.with_suffix(".hdr")):
        if header.is_file():
            return header, path
    raise InputError(f"{path}: no ENVI header beside it; expected {path.with_suffix('.hdr')}")


def _numbers(header: EnviHeader, data: Path, place: Path) -> np.ndarray:
    """Stored numbers as (bands, rows, columns)."""
    name = str(place)
    sizes = {
        axis: header.whole(key, name=name)
        for axis, key in zip("bhw", ("bands", "lines", "samples"), strict=True)
    }
    code = header.whole("data type", name=name)
    if code not in TYPES or min(sizes.values()) < 1:
        raise InputError(
            f"{place}: data type {code}, sizes {list(sizes.values())}; expected a type of "
            f"{sorted(TYPES)} and sizes from 1 (complex types are not read)"
        )
    layout = (header.get("interleave") or "bsq").lower()
    if layout not in _AXES:
        raise InputError(f"{place}: interleave '{layout}'; expected bsq, bil or bip")
    kind = np.dtype(TYPES[code]).newbyteorder(">" if header.whole("byte order", 0) == 1 else "<")
    offset, shape = header.whole("header offset", 0), [sizes[axis] for axis in _AXES[layout]]
    wanted, there = offset + int(np.prod(shape)) * kind.itemsize, data.stat().st_size
    if there < wanted:
        raise InputError(f"{data}: {there} bytes, {wanted} expected; the file is cut short")
    mapped = np.memmap(data, kind, "r", offset, tuple(shape))
    native = np.asarray(mapped).astype(kind.newbyteorder("="))
    return _permuted(native, _AXES[layout], "bhw")


def _stored(header: EnviHeader, numbers: np.ndarray, bands: int, name: str) -> Stored:
    gains = header.numbers("data gain values", bands, name)
    offsets = header.numbers("data offset values", bands, name)
    factor = header.get("reflectance scale factor")
    scale: Any = 1.0
    if gains is not None:
        scale = np.array(gains)
    elif factor is not None:
        scale = 1 / float(factor)
    fill = header.get("data ignore value")
    return Stored(
        kind="envi",
        dtype=numbers.dtype.name,
        scale=scale,
        offset=0.0 if offsets is None else np.array(offsets),
        fill=None if fill is None else float(fill),
        layout=(header.get("interleave") or "bsq").lower(),
        header=header,
    )


def _widths(widths: np.ndarray, wavelengths: np.ndarray, nm: np.ndarray) -> np.ndarray:
    """Full widths in nm by the unit of the wavelengths, which may be wavenumbers."""
    if np.allclose(nm * wavelengths, 1e7):
        return widths * nm / wavelengths
    return widths * float(nm[0] / wavelengths[0])


def _permuted(array: np.ndarray, given: str, wanted: str) -> np.ndarray:
    return np.ascontiguousarray(array.transpose([given.index(axis) for axis in wanted]))


def _new_header(cube: Cube) -> EnviHeader:
    bands, rows, columns = cube.array.shape
    codes = {name: code for code, name in TYPES.items()}
    entries = [
        ("description", "{ hyperspectral cube }"), ("samples", f"{columns}"), ("lines", f"{rows}"),
        ("bands", f"{bands}"), ("header offset", "0"), ("file type", "ENVI Standard"),
        ("data type", f"{codes[cube.stored.dtype]}"), ("interleave", "bsq"), ("byte order", "0"),
    ]  # fmt: skip
    if np.ndim(cube.stored.scale) == 0 and cube.stored.scale != 1:
        entries.append(("reflectance scale factor", f"{1 / float(cube.stored.scale):g}"))
    if cube.stored.fill is not None:
        entries.append(("data ignore value", f"{cube.stored.fill:g}"))
    for key, values in (("wavelength", cube.wavelengths), ("fwhm", cube.fwhm)):
        if values is not None:
            entries.append((key, "{ " + ", ".join(f"{value:.10g}" for value in values) + " }"))
    if cube.wavelengths is not None:
        entries.append(("wavelength units", "Nanometers"))
    if cube.good is not None:
        entries.append(("bbl", "{ " + ", ".join(str(int(mark)) for mark in cube.good) + " }"))
    return EnviHeader(tuple(entries))
