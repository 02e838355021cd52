"""Errors a user can repair, each with the exit code a script can act on.

0 done, 1 bug, 2 usage, 3 bad input or configuration, 4 some items failed, 5 a package or weights
are missing, 6 out of memory at the smallest tile, 130 interrupted. A message says what came, what
was expected and what to do.
"""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

# Import name of an optional package -> the extra of undrift that brings it.
EXTRAS = {
    "SimpleITK": "itk",
    "astra": "ct",
    "av": "audio",
    "bm3d": "baselines",
    "bm4d": "baselines",
    "cfgrib": "grib",
    "cftime": "fields",
    "dask": "fields",
    "distributed": "cluster",
    "finufft": "nufft",
    "h5netcdf": "fields",
    "matplotlib": "plot",
    "noisereduce": "baselines",
    "pesq": "pesq",
    "pydicom": "dicom",
    "pyrnnoise": "baselines",
    "rasterio": "geo",
    "xarray": "fields",
    "zarr": "fields",
}


class UndriftError(Exception):
    """Base of all errors that a user can repair; its message says how."""

    exit_code = 1


class UsageError(UndriftError):
    """The command or the call itself is wrong: an unknown name, flags that exclude each other."""

    exit_code = 2


class InputError(UndriftError):
    """An input file, array, card or configuration is missing or malformed."""

    exit_code = 3


class PartialFailure(UndriftError):
    """Some items failed; the others are written."""

    exit_code = 4


class MissingExtraError(UndriftError):
    """An optional package or a weight file is not here."""

    exit_code = 5


class OutOfMemoryError(UndriftError):
    """Even the smallest tile does not fit into memory."""

    exit_code = 6


def nearest(name: str, names: Iterable[str]) -> str:
    """The hint to append to an error about an unknown `name`, or "" when nothing is close.

    >>> nearest("denoize", ["sr", "denoise"])
    "; did you mean 'denoise'?"
    >>> nearest("xyz", ["sr", "denoise"])
    ''
    """
    known = {other.lower(): other for other in names}
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f"; did you mean '{known[close[0]]}'?" if close else ""


def require(module: str) -> ModuleType:
    """Imports the optional package `module`.

    Raises MissingExtraError with the pip line that brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing_package(error.name or module) from error


def missing_package(module: str) -> MissingExtraError:
    """The error that says how to get the package which `module` belongs to."""
    top = module.partition(".")[0]
    wanted = f"'undrift[{EXTRAS[top]}]'" if top in EXTRAS else top
    return MissingExtraError(f"the package '{top}' is not installed; run: pip install {wanted}")
