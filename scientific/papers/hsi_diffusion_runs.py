"""Scores of restored cubes against clean ones of the same names, in [0, 1]."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.reproduce.paper import Measured, Task
from undrift.scientific.hyperspectral.cubes.files import KINDS, open_cube
from undrift.scientific.hyperspectral.metrics import mpsnr, mssim, sam


def tables(task: Task) -> Iterator[Measured]:
    """The table of made-up faults, if both folders are at hand."""
    root = cache_folder() / "papers" / "hsi-diffusion"
    if "finch" not in task.tables:
        return
    rows = [scores(*pair) for pair in pairs(root / "truth", root / "restored")]
    for column in rows[0]:
        yield Measured("finch", "restored", column, float(np.mean([row[column] for row in rows])))


def pairs(truth: Path, restored: Path) -> list[tuple[npt.ArrayLike, npt.ArrayLike]]:
    """Cubes (bands, rows, columns) of equal names. Raises InputError where one is missing."""
    names = sorted(path.name for path in truth.iterdir() if path.suffix.lower() in KINDS)
    missing = [name for name in names if not (restored / name).is_file()]
    if missing or not names:
        what = ", ".join(missing[:3]) or "cubes"
        raise InputError(f"{restored} has no {what}; name results like the files in {truth}")
    return [(open_cube(truth / n).array, open_cube(restored / n).array) for n in names]


def scores(truth: npt.ArrayLike, made: npt.ArrayLike) -> dict[str, float]:
    """Of one cube; SAM in radians."""
    return {"MPSNR": mpsnr(truth, made), "MSSIM": mssim(truth, made), "SAM": sam(truth, made)}
