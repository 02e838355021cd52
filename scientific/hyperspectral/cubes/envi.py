"""ENVI: a text header and a file of numbers, band by band (bsq), line (bil) or pixel (bip).

The header comes back word for word but for what changed. Masks go before scales: `data ignore
value` is compared with stored numbers, then `data gain values` and `data offset values`, or the
division by `reflectance scale factor`, make them real.
"""

from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.axes import permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored, to_nanometres
from undrift.scientific.hyperspectral.cubes.envi_header import EnviHeader
from undrift.scientific.hyperspectral.cubes.envi_write import AXES, DATA, TYPES, beside, write_envi
from undrift.scientific.hyperspectral.cubes.packing import decoded, fill_of
from undrift.scientific.hyperspectral.cubes.place import from_map_info

__all__ = ["read", "read_envi", "write", "write_envi"]


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
    file, data = _pair(Path(path))
    try:
        header = EnviHeader.parse(file.read_text("utf-8", errors="surrogateescape"), str(file))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    bands, notes = header.whole("bands", name=str(file)), []
    numbers = _numbers(header, data, file)
    wavelengths = header.numbers("wavelength", bands, str(file))
    nm = fwhm = None
    if wavelengths is not None:
        nm, note = to_nanometres(wavelengths, header.get("wavelength units"))
        notes += [note] if note else []
        widths = header.numbers("fwhm", bands, str(file))
        fwhm = None if widths is None else _widths(np.array(widths), np.array(wavelengths), nm)
    marks = header.numbers("bbl", bands, str(file))
    stored = _stored(header, numbers, bands, str(file))
    good = None if marks is None else np.array(marks) != 0
    if header.get("byte order") is None and numbers.dtype.itemsize > 1:
        notes.append("no byte order in the header, taken for little-endian (0)")
    parts = header.items("map info")
    wkt = header.get("coordinate system string")
    place = None if parts is None else from_map_info(parts, wkt, str(file))
    return Cube(decoded(numbers, stored), nm, fwhm, good, stored, tuple(notes), place)


def _pair(path: Path) -> tuple[Path, Path]:
    """The header and the data of either."""
    if path.suffix.lower() == ".hdr":
        found = beside(path)
        if not found:
            raise InputError(
                f"{path}: no data beside it; looked for {path.stem}, {path.stem}"
                f"{f', {path.stem}'.join(DATA[1:])}"
            )
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
    if layout not in AXES:
        raise InputError(f"{place}: interleave '{layout}'; expected bsq, bil or bip")
    kind = np.dtype(TYPES[code]).newbyteorder(">" if header.whole("byte order", 0) == 1 else "<")
    offset, shape = header.whole("header offset", 0), [sizes[axis] for axis in AXES[layout]]
    wanted, there = offset + int(np.prod(shape)) * kind.itemsize, data.stat().st_size
    if there < wanted:
        raise InputError(f"{data}: {there} bytes, {wanted} expected; the file is cut short")
    mapped = np.memmap(data, kind, "r", offset, tuple(shape))
    native = np.asarray(mapped).astype(kind.newbyteorder("="))
    return permuted(native, AXES[layout], "bhw")


def _stored(header: EnviHeader, numbers: np.ndarray, bands: int, name: str) -> Stored:
    gains = header.numbers("data gain values", bands, name)
    offsets = header.numbers("data offset values", bands, name)
    factor = header.get("reflectance scale factor")
    scale: Any = 1.0
    if gains is not None:
        scale = np.array(gains)
    elif factor is not None:
        scale = 1 / _number(factor, "reflectance scale factor", name)
    fill = header.get("data ignore value")
    return Stored(
        kind="envi",
        dtype=numbers.dtype.name,
        scale=scale,
        offset=0.0 if offsets is None else np.array(offsets),
        fill=fill_of(fill),
        layout=(header.get("interleave") or "bsq").lower(),
        header=header,
    )


def _number(text: str, key: str, name: str) -> float:
    try:
        if (value := float(text)) != 0:
            return value
    except ValueError:
        pass
    raise InputError(f"{name}: '{key}' is {text!r}; expected a number other than 0")


def _widths(widths: np.ndarray, wavelengths: np.ndarray, nm: np.ndarray) -> np.ndarray:
    """Full widths in nm by the unit of the wavelengths, which may be wavenumbers."""
    if np.allclose(nm * wavelengths, 1e7):
        return widths * nm / wavelengths
    return widths * float(nm[0] / wavelengths[0])
