"""Series in xarray objects and NetCDF: all variables of floats along a dimension `time`."""

from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, require
from undrift.common.files import write_atomically
from undrift.scientific.atmosphere.series.steps import even_steps


def read_netcdf(path: Path) -> Any:
    """A Dataset, loaded. Raises InputError for what cannot be read."""
    xarray = require("xarray")
    try:
        with xarray.open_dataset(path) as data:
            return data.load()
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as NetCDF ({error})") from error


def save_netcdf(path: Path, result: Any, std: Any = None, history: str = "") -> None:
    """Writes a Dataset or DataArray, with the deviations as ancillary variables NAME_std."""
    data = result.to_dataset() if hasattr(result, "to_dataset") else result.copy()
    if std is not None:
        deviations = std.to_dataset() if hasattr(std, "to_dataset") else std
        for name in _chosen(data):
            data[f"{name}_std"] = deviations[name].assign_attrs(long_name=f"deviation of {name}")
            data[f"{name}_std"].encoding = {}
            data[name].attrs["ancillary_variables"] = f"{name}_std"
    if history:
        past = data.attrs.get("history")
        data.attrs["history"] = f"{history}\n{past}" if past else history
    write_atomically(path, lambda part: data.to_netcdf(part, engine="h5netcdf"))


def _chosen(data: Any) -> list[Any]:
    """Variables of a Dataset that are series of numbers."""
    return [
        name for name, variable in data.data_vars.items()
        if "time" in variable.dims and variable.dtype.kind == "f"
    ]  # fmt: skip


def values_of(source: Any, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """(length, sensors) float64 and names of the sensors. name: of the file, for errors.

    Raises InputError without series of numbers, and for times that are not evenly spaced.
    """
    arrays = [source[k] for k in _chosen(source)] if hasattr(source, "data_vars") else [source]
    if not arrays or "time" not in arrays[0].dims:
        raise InputError(f"{name}: no floating-point variable with a dimension 'time'")
    if "time" in source.coords:
        times = source.coords["time"].values
        seconds = times.astype("datetime64[ns]") if times.dtype.kind == "M" else times
        if times.dtype.kind in "iufM":
            even_steps((seconds - seconds[0]).astype(np.float64), name)
    parts = [
        array.transpose("time", ...).values.reshape(array.sizes["time"], -1) for array in arrays
    ]
    names = [
        f"{array.name}[{n}]" if part.shape[1] > 1 else str(array.name)
        for array, part in zip(arrays, parts, strict=True)
        for n in range(part.shape[1])
    ]
    return np.concatenate(parts, 1).astype(np.float64), tuple(names)


def xarray_with(source: Any, values: np.ndarray) -> Any:
    """The object with other values (length, sensors)."""
    if not hasattr(source, "data_vars"):
        return _array_with(source, values)
    out, at = source.copy(), 0
    for name in _chosen(source):
        count = source[name].size // source.sizes["time"]
        out[name] = _array_with(source[name], values[:, at : at + count])
        at += count
    return out


def _array_with(array: Any, values: np.ndarray) -> Any:
    turned = array.transpose("time", ...)
    filled = turned.copy(data=values.reshape(turned.shape).astype(array.dtype))
    out = filled.transpose(*array.dims)
    out.encoding = dict(array.encoding)
    return out
