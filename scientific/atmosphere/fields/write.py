"""Fields to files, whole or not at all, stored as the source stored them where that can hold them.

A packed variable (int16 with scale_factor and add_offset) is packed again if every value fits;
finer fields often reach further than coarse ones, and what does not fit would wrap round to
nonsense: such a variable is written as float32, and the history says so. NaN in a packed variable
without _FillValue gets one. Attributes, units of time and the calendar are the source's.
"""

import os
import shutil
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.common.files import temporary_beside, write_atomically
from undrift.scientific.atmosphere.fields.layout import Layout, restore

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned")
_TIME = ("units", "calendar")
NETCDF, ZARR = (".nc", ".nc4", ".netcdf", ".cdf"), (".zarr",)


def save_fields(path: Path | str, data: "Dataset", layout: Layout, history: str = "") -> None:
    """Writes a data set in the order inside as its user would have it; NetCDF 4, or Zarr.

    history: a line for the attribute `history` of CF, which goes before what is there. Raises
    InputError for another suffix; GRIB is read only.
    """
    save_raw(path, restore(data, layout), history)


def save_raw(path: Path | str, data: "Dataset", history: str = "") -> None:
    """Writes a data set as it is, by the encodings of its variables."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in NETCDF + ZARR:
        raise InputError(f"{path}: expected a name with .nc or .zarr; GRIB is only read")
    require("xarray")
    require("zarr" if suffix in ZARR else "h5netcdf")
    data = data.copy()  # whose encodings go, not the caller's
    encodings, unfit = encode(data)
    data.attrs["Conventions"] = data.attrs.get("Conventions", "CF-1.10")
    if unfit:
        history = f"{history}; beyond their packing, now float32: {', '.join(unfit)}".lstrip("; ")
    if history:
        data.attrs["history"] = with_history(data.attrs.get("history"), history)
    with warnings.catch_warnings():  # packed without a fill value, and without NaN: as it came
        warnings.filterwarnings("ignore", "saving variable .* without any _FillValue")
        if suffix in ZARR:
            with_folder(path, lambda part: data.to_zarr(
                part, mode="w", encoding=encodings, zarr_format=2, consolidated=False))  # fmt: skip
            return
        compressed = {n: _compressed(data[n], e) for n, e in encodings.items()}
        write_atomically(
            path, lambda part: data.to_netcdf(part, engine="h5netcdf", encoding=compressed)
        )


def with_history(before: Any, line: str) -> str:
    """The attribute `history` of CF with one more line, newest first, with the time in UTC."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return "\n".join(filter(None, [f"{now} {line}", str(before or "")]))


def encode(data: "Dataset") -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Encoding of each variable, stripped of what only fits its source, and whose packing fails."""
    found: dict[str, dict[str, Any]] = {}
    unfit = []
    for name in map(str, data.variables):
        one = data[name]
        kept = {key: one.encoding[key] for key in _PACKING if key in one.encoding}
        if one.dtype.kind in "OMm" or "calendar" in one.encoding:
            kept.update({key: one.encoding[key] for key in _TIME if key in one.encoding})
        elif one.dtype.kind == "f":
            kept, fits = _packing(one, kept)
            if not fits:
                unfit.append(name)
        one.encoding = {}
        found[name] = kept
        for key in kept.keys() & one.attrs.keys():  # xarray takes either, never both
            del one.attrs[key]
    return found, unfit


def _packing(one: "DataArray", kept: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    kind = np.dtype(kept.get("dtype", one.dtype))
    if kind.kind == "f":
        fill = kind.type(np.nan) if one.ndim and one.name not in one.dims else None
        return {"_FillValue": fill, **kept, "dtype": kind}, True
    scale, offset = kept.get("scale_factor", 1.0), kept.get("add_offset", 0.0)
    limits = np.iinfo(kind)
    if kept.get("_Unsigned") == "true":
        limits = np.iinfo(np.dtype(f"u{kind.itemsize}"))
    values = one.values
    missing = np.isnan(values)
    known = np.rint((values[~missing].astype(np.float64) - offset) / scale)
    fill = kept.get("_FillValue", kept.get("missing_value"))
    if missing.any() and fill is None:
        fill = kept["_FillValue"] = kind.type(limits.min)
    lies = known.size == 0 or (known.min() >= limits.min and known.max() <= limits.max)
    clear = fill is None or not (known == float(np.asarray(fill).flat[0])).any()
    if lies and clear:
        return kept, True
    return {"dtype": np.dtype(np.float32), "_FillValue": np.float32(np.nan)}, False


def _compressed(one: "DataArray", encoding: dict[str, Any]) -> dict[str, Any]:
    if one.dtype.kind != "f" or one.ndim < 2:
        return encoding
    return {**encoding, "zlib": True, "complevel": 4, "shuffle": True}


def with_folder(path: Path, write: Any) -> None:
    """As `write_atomically`, for what is a folder. Raises InputError where something is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_beside(path)
    try:
        write(part)
        old = None
        if path.exists():
            old = temporary_beside(path)
            os.replace(path, old)
        os.replace(part, path)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)
