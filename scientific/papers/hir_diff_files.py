"""Test cubes of HIR-Diff: MATLAB files with what was degraded, the truth and how, in one.

input   (rows, columns, bands) of what is given        gt     the same of the truth, in [0, 1]
sigma   of the noise        mask   1 where known        scale  .25 where pixels were merged
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """y, truth and mask: (bands, rows, columns); y has fewer pixels where there is a factor."""

    y: Array
    truth: Array
    mask: Array | None = None
    factor: int = 1


def read_problem(path: Path) -> Problem:
    """Raises InputError for what is no such file, or one whose arrays do not fit."""
    from scipy.io import loadmat

    try:
        found = loadmat(str(path))
    except Exception as error:  # scipy raises all kinds of them for damaged files
        raise InputError(f"{path}: cannot be read as a MATLAB file ({error})") from error
    missing = [name for name in ("input", "gt") if np.ndim(found.get(name, 0.0)) != 3]
    if missing:
        names = ", ".join(name for name in found if not name.startswith("__")) or "nothing"
        raise InputError(
            f"{path}: no array {' and '.join(missing)} with three axes; it has {names}"
        )
    mask = found.get("mask")
    factor = round(1 / float(np.ravel(found["scale"])[0])) if "scale" in found else 1
    problem = Problem(
        _bands_first(found["input"]),
        _bands_first(found["gt"]),
        None if mask is None else _bands_first(mask),
        factor,
    )
    fits = problem.truth.shape == (
        len(problem.y), *(factor * side for side in problem.y.shape[1:])
    )  # fmt: skip
    if not fits or (problem.mask is not None and problem.mask.shape != problem.y.shape):
        raise InputError(
            f"{path}: input {problem.y.shape} and gt {problem.truth.shape} (bands first) at a "
            f"factor of {factor}; expected as many bands, and pixels that go with the factor"
        )
    return problem


def _bands_first(array: npt.NDArray[np.generic]) -> Array:
    return np.ascontiguousarray(np.asarray(array, np.float64).transpose(2, 0, 1))
