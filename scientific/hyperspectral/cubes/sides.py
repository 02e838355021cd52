"""Files of many arrays: which one is the cube, and which tell where its bands lie."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.cube import Axis, to_nanometres

_CENTRES = re.compile(
    r"(wave_?lengths?|wl|wvl|lambdas?|cent(er|re)_?wave_?lengths?|band_?cent(er|re)s?|bands?)"
    r"_?(nm|um|nanometers?|micrometers?)?",
    re.IGNORECASE,
)
_WIDTHS = re.compile(r"(fwhm|full_?width\w*|band_?widths?)(_?(nm|um))?", re.IGNORECASE)
_GOOD = re.compile(r"bbl|good_?bands?|good_?wavelengths?", re.IGNORECASE)


@dataclass(frozen=True)
class Vector:
    """values: (count,) numbers. unit: what the file says of them."""

    values: np.ndarray
    unit: str | None = None


@dataclass(frozen=True)
class Spectral:
    """Centres and full widths in nm, marks of good bands, each None where not told, and notes."""

    centres: Axis | None = None
    widths: Axis | None = None
    good: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def only_one(found: Mapping[str, tuple[int, ...]], key: str | None, name: str, there: str) -> str:
    """The key of the cube: the one that is asked for, or the only one.

    found: shapes of the arrays with three axes, by key. there: all the file holds, for the error.
    Raises InputError for none, several, or a key that is none of them.
    """
    listed = ", ".join(f"{k} {shape}" for k, shape in found.items())
    if key is not None:
        if key in found:
            return key
        raise InputError(f"{name}: no array '{key}' of three axes; there are: {listed or there}")
    if len(found) == 1:
        return next(iter(found))
    if found:
        raise InputError(f"{name}: several arrays could be the cube: {listed}; say which with key=")
    raise InputError(f"{name}: no array of numbers with three axes; the file holds {there}")


def band_axis(vectors: Mapping[str, Vector], shape: tuple[int, ...]) -> int | None:
    """The axis that a list of wavelengths fits, None where that is not exactly one."""
    fits = {
        axis
        for name, vector in vectors.items()
        for axis, size in enumerate(shape)
        if _fits(_CENTRES, name, vector, size)
    }
    return fits.pop() if len(fits) == 1 else None


def spectral_sides(vectors: Mapping[str, Vector], bands: int, unit: str | None = None) -> Spectral:
    """Wavelengths and what belongs to them, by the names of vectors of one number a band.

    unit: of the wavelengths, where another variable tells it.
    """
    centres = _named(_CENTRES, vectors, bands)
    widths, good = _named(_WIDTHS, vectors, bands), _named(_GOOD, vectors, bands)
    marks = None if good is None else good[1].values != 0
    if centres is None:
        return Spectral(good=marks)
    name, vector = centres
    told = vector.unit or unit or _unit_in(name)
    nm, note = to_nanometres(vector.values, told)
    full = None
    if widths is not None:
        given = np.asarray(widths[1].values, np.float64)
        own = widths[1].unit or _unit_in(widths[0])
        factor = nm / np.asarray(vector.values, np.float64)
        full = given * (1 if (own or "").lower() in ("nm", "nanometers") else factor)
    return Spectral(nm, full, marks, (note,) if note else ())


def _named(
    pattern: re.Pattern[str], vectors: Mapping[str, Vector], size: int
) -> tuple[str, Vector] | None:
    """The one with the shortest path, which is nearest to the top of the file."""
    fit = [(name, v) for name, v in vectors.items() if _fits(pattern, name, v, size)]
    return min(fit, key=lambda pair: (pair[0].count("/"), len(pair[0])), default=None)


def _fits(pattern: re.Pattern[str], name: str, vector: Vector, size: int) -> bool:
    plain = name.rsplit("/", 1)[-1].replace(" ", "_")
    if vector.values.size != size or not pattern.fullmatch(plain):
        return False
    if plain.lower().startswith("band") and pattern is _CENTRES:  # may be the numbers of bands
        return vector.unit is not None or vector.values.max() > size
    return True


def _unit_in(name: str) -> str | None:
    """The unit at the end of a name such as wavelength_nm."""
    found = re.search(r"_(nm|um|nanometers?|micrometers?)$", name, re.IGNORECASE)
    return found[1] if found else None
