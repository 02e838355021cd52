"""Fields from files: NetCDF 3 and 4, GRIB 1 and 2, and Zarr, told by their first bytes.

    fields = open_fields("era5.nc")
    fields.data  # xarray.Dataset in the order inside (see `layout`), read when it is needed
    save_fields("out.nc", fields.data, fields.layout)  # in the order of era5.nc

NetCDF 4 needs h5netcdf and GRIB cfgrib (extra `grib`); NetCDF 3, in which older ERA5 came, is read
by scipy. Files are closed when `fields` is, or at the end of a `with`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undrift.common.errors import InputError, MissingExtraError, require
from undrift.scientific.atmosphere.fields.layout import Layout, normalise
from undrift.scientific.atmosphere.fields.units import changes

if TYPE_CHECKING:
    from xarray import Dataset

SUFFIXES = (".nc", ".nc4", ".netcdf", ".cdf", ".grib", ".grib1", ".grib2", ".grb", ".grb2", ".zarr")


@dataclass(frozen=True, eq=False)
class Fields:
    """data: in the order inside. layout: how it comes back. source: the file."""

    data: "Dataset"
    layout: Layout
    source: Path

    def __enter__(self) -> "Fields":
        return self

    def __exit__(self, *_: object) -> None:
        self.data.close()


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group."""
    return path.is_dir() and any((path / n).is_file() for n in (".zgroup", "zarr.json"))


def open_fields(
    path: Path | str, *, units: Mapping[str, str] | None = None, convert: bool = False
) -> Fields:
    """The fields of a file or a Zarr store.

    convert: known quantities in the units of `names.QUANTITIES` inside, and the user's outside;
    units: of variables whose file says none. Raises InputError, which names the file, for what is
    missing, cut off or no fields at all; MissingExtraError without the package.
    """
    path = Path(path)
    raw = open_raw(path)
    try:
        data, layout = normalise(raw, changes(raw, units) if convert else None)
    except InputError as error:
        raw.close()
        raise InputError(f"{path}: {error}") from error
    data.set_close(raw.close)
    return Fields(data, layout, path)


def open_raw(path: Path) -> "Dataset":
    """The data set as xarray has it. Raises as `open_fields`."""
    xarray = require("xarray")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    engine, settings = _engine(path)
    try:
        if engine == "cfgrib":
            return _grib(path)
        return xarray.open_dataset(path, engine=engine, decode_timedelta=False, **settings)
    except MissingExtraError:
        raise
    except Exception as error:  # every library has its own errors for a broken file
        text = " ".join(str(error).split()) or type(error).__name__
        hint = " (a calendar CF does not know?)" if "calendar" in text else ""
        raise InputError(f"{path}: cannot be read: {text[:300]}{hint}") from error


def load(data: "Dataset", source: Path) -> "Dataset":
    """The data set with its values in memory. Raises InputError where the file gives none."""
    try:
        return data.load()
    except Exception as error:  # as above: a chunk that is cut off tells only now
        text = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{source}: cannot be read: {text}") from error


def _engine(path: Path) -> tuple[str, dict[str, Any]]:
    if is_zarr(path):
        require("zarr")
        return "zarr", {"consolidated": False, "chunks": None}
    if path.is_dir():
        raise InputError(f"{path}: a folder that is no Zarr store; expected a file, or a store")
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"\x89HDF"):
        require("h5netcdf")
        return "h5netcdf", {}
    if head.startswith(b"CDF"):
        return "scipy", {}
    if head.startswith(b"GRIB"):
        return "cfgrib", {}
    raise InputError(
        f"{path}: neither NetCDF, GRIB nor Zarr (it begins with {head!r}); "
        "a download that failed often leaves a page of text"
    )


def _grib(path: Path) -> "Dataset":
    """All messages as one data set: heights of single levels, such as 2 m, go to attributes."""
    library, xarray = require("cfgrib"), require("xarray")
    _check_messages(path)
    parts = library.open_datasets(str(path), backend_kwargs={"indexpath": ""})
    grids = {tuple(sorted((str(d), n) for d, n in one.sizes.items() if d in ("latitude",
             "longitude", "x", "y"))) for one in parts}  # fmt: skip
    if len(grids) != 1:
        raise InputError(f"{path}: messages on {len(grids)} grids; expected one; split the file")
    if len(parts) == 1:
        return parts[0]
    clean = []
    for one in parts:
        kind = next((v.attrs.get("GRIB_typeOfLevel") for v in one.data_vars.values()), None)
        if kind in one.coords and one[kind].ndim == 0:
            one = one.drop_vars(kind)
        clean.append(one)
    return xarray.merge(clean, compat="override", join="outer", combine_attrs="override")


def _check_messages(path: Path) -> None:
    """Raises InputError where the last message is cut off; readers skip it without a word."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at < size:
            file.seek(at)
            head = file.read(16)
            if not head.startswith(b"GRIB"):
                return  # padding between messages is the reader's business
            long = head[7:8] == b"\x02"
            length = int.from_bytes(head[8:16] if long else head[4:7], "big")
            file.seek(at + length - 4)
            if length < 16 or file.read(4) != b"7777":
                raise InputError(f"{path}: cut off in the message at byte {at}; get it again")
            at += length
