"""Scores of CorrDiff's files: NetCDF with the groups truth and prediction, as generate.py writes.

    truth       NAME (time, y, x)
    prediction  NAME (ensemble, time, y, x)

MAE is of the mean of the members, CRPS that of the empirical distribution; both are means over the
points of a time, then over times.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError, require
from undrift.common.files import cache_folder
from undrift.common.metrics.ensembles import crps, spread_skill
from undrift.common.metrics.summary import summarise
from undrift.common.reproduce.paper import Measured, Task
from undrift.scientific.papers.corrdiff import COLUMNS, CORRDIFF, REGRESSION

Array = npt.NDArray[np.float64]


def tables(task: Task) -> Iterator[Measured]:
    """The tables that are at hand."""
    folder = cache_folder() / "papers" / "corrdiff" / "taiwan"
    for row, file in ((REGRESSION, "regression.nc"), (CORRDIFF, "corrdiff.nc")):
        task.say(f"corrdiff: {file}")
        for column, name in COLUMNS.items():
            truth, members = read_samples(folder / file, name)
            if "taiwan" in task.tables:
                found = mae(truth, members) if row == REGRESSION else biased_crps(truth, members)
                told = summarise(list(found))
                half = None if told.low is None or told.high is None else (told.high - told.low) / 2
                yield Measured("taiwan", row, column, told.mean, half)
            if "spread" in task.tables and row == CORRDIFF:
                yield Measured("spread", "CorrDiff", column, spread_skill(truth, members))


def read_samples(path: Path, name: str) -> tuple[Array, Array]:
    """(time, y, x) and (ensemble, time, y, x) of a variable. Raises InputError for other files."""
    xarray = require("xarray")
    if not path.is_file():
        raise InputError(f"{path} is missing; put what generate.py has written there")
    try:
        with (
            xarray.open_dataset(path, group="truth", engine="h5netcdf") as truth,
            xarray.open_dataset(path, group="prediction", engine="h5netcdf") as made,
        ):
            pair = truth[name], made[name].transpose("ensemble", "time", "y", "x")
            y, x = (part.values.astype(np.float64) for part in pair)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(
            f"{path}: no {name} (ensemble, time, y, x) in the groups truth and prediction ({error})"
        ) from error
    if x.shape[1:] != y.shape or not len(y):
        raise InputError(f"{path}: {name} of {x.shape} for a truth of {y.shape}; expected as many")
    return y, x


def mae(truth: Array, members: Array) -> Array:
    """(time,) of the mean of the members."""
    return abs(members.mean(0) - truth).mean((1, 2))


def biased_crps(truth: Array, members: Array) -> Array:
    """(time,) as xskillscore has it; that of a single member is its MAE."""
    if len(members) == 1:
        return mae(truth, members)
    return crps(truth, members, fair=False).mean((1, 2))
