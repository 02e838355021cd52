"""Real anatomy that installed packages bring: nothing is downloaded, nothing ships with this one.

nibabel   `anatomical.nii` of its tests: one head, T1, 2 mm, 33 x 41 x 25
nilearn   the ICBM152 template (non-linear symmetric 2009a): the T1 mean of 152 heads, 1 mm; here
          averaged over 2 x 2 x 2 voxels. Rows that need it are left out where nilearn is missing.

What is measured of them is simulated as for phantoms.
"""

import functools
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, missing_package

Array = npt.NDArray[Any]
_TEMPLATE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
_SLAB = (36, 60)  # of 94 slices of 2 mm, through the ventricles
_SLICES = (32, 38, 44, 50, 56, 62)


def package_folder(name: str) -> Path:
    """Where a package is, without importing it. Raises MissingExtraError where it is not."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise missing_package(name)
    return Path(found.origin).parent


def _read(path: Path) -> tuple[Array, Array]:
    """Values from 0 on, (x, y, z), and the affine."""
    from nibabel.loadsave import load

    image: Any = load(path)
    return np.maximum(np.asarray(image.get_fdata(), np.float32), 0), np.asarray(image.affine)


@functools.cache
def anatomical() -> tuple[Array, Array]:
    """nibabel's real T1 volume (33, 41, 25), negative values as 0, and its affine."""
    return _read(package_folder("nibabel") / "tests" / "data" / "anatomical.nii")


@functools.cache
def icbm152() -> tuple[Array, Array]:
    """The template at 2 mm, (98, 116, 94), and its affine.

    Raises MissingExtraError without nilearn, InputError for one that has it no longer.
    """
    path = package_folder("nilearn") / "datasets" / "data" / _TEMPLATE
    if not path.is_file():
        raise InputError(f"this nilearn has no {_TEMPLATE}; versions up to 0.14.1 are known to")
    array, affine = _read(path)
    x, y, z = (n // 2 for n in array.shape)
    blocks = array[: 2 * x, : 2 * y, : 2 * z].reshape(x, 2, y, 2, z, 2)
    coarse = affine @ np.diag([2.0, 2.0, 2.0, 1.0])
    coarse[:3, 3] = (affine @ [0.5, 0.5, 0.5, 1.0])[:3]
    return blocks.mean((1, 3, 5)).astype(np.float32), coarse


def nibabel_slice(n: int) -> Array:
    """An axial slice (x, y) of nibabel's volume."""
    return anatomical()[0][:, :, 7 + n]


def icbm_slice(n: int) -> Array:
    """An axial slice (x, y) of the template."""
    return icbm152()[0][:, :, _SLICES[n]]


def icbm_slab() -> tuple[Array, Array]:
    """24 slices of the template and their affine."""
    array, affine = icbm152()
    moved = affine.copy()
    moved[:3, 3] = (affine @ [0, 0, _SLAB[0], 1])[:3]
    return array[:, :, slice(*_SLAB)], moved


# the words of a row -> its pictures; a package that the row needs -> what says it is missing
SLICES: Mapping[str, Callable[[int], Array]] = {"nibabel": nibabel_slice, "ICBM152": icbm_slice}
VOLUMES: Mapping[str, Callable[[], tuple[Array, Array]]] = {
    "nibabel": anatomical,
    "ICBM152": icbm_slab,
}
NEEDS: Mapping[str, Callable[[], object]] = {"ICBM152": icbm152}
