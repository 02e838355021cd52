"""What `undrift info` shows of fields and cubes: NetCDF, GRIB, Zarr, MATLAB, and heads of ENVI."""

from pathlib import Path
from typing import Any

from undrift.common.errors import require

Facts = dict[str, Any]
_ENVI = (
    "description", "samples", "lines", "bands", "data type", "interleave", "byte order",
    "wavelength units", "data ignore value", "map info",
)  # fmt: skip


def netcdf(path: Path) -> Facts:
    """Dimensions, variables with their units, and coordinates from first to last."""
    return _dataset(path, "NetCDF", {})


def grib(path: Path) -> Facts:
    """As `netcdf`; no index file is left beside it."""
    require("cfgrib")
    return _dataset(path, "GRIB", {"engine": "cfgrib", "backend_kwargs": {"indexpath": ""}})


def zarr(path: Path) -> Facts:
    """As `netcdf`, of a store."""
    consolidated = (path / ".zmetadata").is_file()
    return _dataset(path, "Zarr", {"engine": "zarr", "consolidated": consolidated})


def matlab(path: Path) -> Facts:
    """Names, shapes and types; of version 7.3 axes are in the order of the file."""
    import h5py

    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            found = {
                name: f"{node.shape} {node.dtype}"
                for name, node in file.items()
                if isinstance(node, h5py.Dataset)
            }
        return {"kind": "MATLAB 7.3", "arrays": found}
    from scipy.io import whosmat

    arrays = {name: f"{shape} {kind}" for name, shape, kind in whosmat(path)}
    return {"kind": "MATLAB", "arrays": arrays}


def envi(path: Path) -> Facts:
    """What a head says of shape and type. Raises ValueError for one of another kind."""
    lines = path.read_text("utf-8", errors="replace").splitlines()
    if not lines or lines[0].lstrip("\ufeff").strip() != "ENVI":
        raise ValueError("expected 'ENVI' in the first line")
    pairs = (line.partition("=")[::2] for line in lines[1:] if "=" in line)
    said = {" ".join(key.lower().split()): value.strip(" {}\t") for key, value in pairs}
    return {"kind": "cube (ENVI)"} | {key: said[key] for key in _ENVI if said.get(key)}


def _dataset(path: Path, kind: str, options: dict[str, Any]) -> Facts:
    with require("xarray").open_dataset(path, **options) as found:
        return {
            "kind": f"fields ({kind})",
            "dimensions": dict(found.sizes),
            "variables": {str(name): _said(value) for name, value in found.data_vars.items()},
            "coordinates": {
                str(name): f"{value.values[0]} to {value.values[-1]}"
                for name, value in found.coords.items()
                if value.ndim == 1 and value.size
            },
        }


def _said(value: Any) -> str:
    units = value.attrs.get("units")
    axes = ", ".join(map(str, value.dims))
    return f"({axes}) {value.dtype}" + (f", {units}" if units else "")
