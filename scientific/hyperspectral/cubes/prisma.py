"""PRISMA level 2 (HDF-EOS 5 of ASI): two cubes in lines of bands, VNIR and SWIR, as one.

A value is low + number / 65535 (high - low), with the limits in attributes of the file. Slots of
bands whose wavelength is 0 hold nothing and are left out. The number 0 is a value, the lowest one.
"""

from pathlib import Path
from typing import Any

import numpy as np

from undrift.scientific.hyperspectral.cubes.axes import permuted
from undrift.scientific.hyperspectral.cubes.cube import Cube, Stored
from undrift.scientific.hyperspectral.cubes.hdf5_tree import HdfHead, Part
from undrift.scientific.hyperspectral.cubes.packing import decoded

_LEVELS = ("L2D", "L2C", "L2B")
_FULL = 65535.0


def is_one(file: Any) -> bool:
    """Whether a tree is of PRISMA, level 2."""
    return _level(file) is not None


def read(file: Any, path: Path) -> Cube:
    """Both cubes of an open file, VNIR first, bands in the file's order."""
    level = _level(file)
    parts, pieces, centres, widths, scales, offsets = [], [], [], [], [], []
    for name in ("Vnir", "Swir"):
        key = f"{_folder(level)}/{name.upper()}_Cube"
        nm = np.asarray(file.attrs[f"List_Cw_{name}"], np.float64)
        bands = np.flatnonzero(nm > 0)
        low, high = (float(file.attrs[f"L2Scale{name}{end}"]) for end in ("Min", "Max"))
        parts.append(Part(key, "hbw", bands))
        pieces.append(permuted(np.asarray(file[key][()]), "hbw", "bhw")[bands])
        centres.append(nm[bands])
        widths.append(np.asarray(file.attrs[f"List_Fwhm_{name}"], np.float64)[bands])
        scales.append(np.full(len(bands), (high - low) / _FULL))
        offsets.append(np.full(len(bands), low))
    numbers = np.concatenate(pieces)
    stored = Stored(
        kind="hdf5",
        dtype=numbers.dtype.name,
        scale=np.concatenate(scales),
        offset=np.concatenate(offsets),
        layout="bil",
        header=HdfHead(path.resolve(), tuple(parts)),
    )
    return Cube(
        decoded(numbers, stored), np.concatenate(centres), np.concatenate(widths), stored=stored
    )


def _folder(level: str | None) -> str:
    return f"HDFEOS/SWATHS/PRS_{level}_HCO/Data Fields"


def _level(file: Any) -> str | None:
    return next((level for level in _LEVELS if f"{_folder(level)}/VNIR_Cube" in file), None)
