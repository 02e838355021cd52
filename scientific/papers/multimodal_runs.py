"""Scores of members that somebody drew: against ERA5, and against ascents that were held back."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.reproduce.paper import Measured, Task
from undrift.scientific.atmosphere.datasets import AtmosphereData
from undrift.scientific.atmosphere.fields.files import Fields, open_fields
from undrift.scientific.atmosphere.fields.grid import Grid
from undrift.scientific.atmosphere.fields.times import almanac
from undrift.scientific.atmosphere.observing import Place, at_points
from undrift.scientific.atmosphere.soundings import Sounding
from undrift.scientific.atmosphere.verification.files import evaluate

Array = npt.NDArray[np.float64]
COLUMNS = {"rmse": "RMSE", "crps": "CRPS", "ssr": "spread over skill", "spectrum": "spectrum, dB"}
_QUANTITIES = {"t": "temperature", "u": "eastward_wind", "v": "northward_wind"}


def tables(task: Task) -> Iterator[Measured]:
    """The tables that are at hand."""
    root = cache_folder() / "papers"
    members = root / "multimodal-sr" / "members"
    if "era5" in task.tables:
        task.say("multimodal-sr: members against ERA5")
        yield from against_fields(members, root / "era5")
    if "igra" in task.tables:
        task.say("multimodal-sr: members against ascents")
        yield from against_ascents(members, root / "igra")


def against_fields(members: Path, truth: Path) -> Iterator[Measured]:
    """The mean over files of the scores of each variable. Raises InputError where one fails."""
    found, _ = evaluate(members, truth, metrics=tuple(COLUMNS))
    rows: dict[str, list[dict[str, float]]] = {}
    for entry in found.scores:
        if entry.error is not None:
            raise InputError(f"{entry.item}: {entry.error}")
        rows.setdefault(entry.setting, []).append(dict(entry.scores))
    if not rows:
        raise InputError(f"{members} and {truth}: no file in common; name members like the truth")
    for variable, scores in rows.items():
        for metric, column in COLUMNS.items():
            value = float(np.mean([each[metric] for each in scores]))
            yield Measured("era5", variable, column, value)


def against_ascents(members: Path, stations: Path) -> Iterator[Measured]:
    """RMSE of the mean of the members at the places, levels and hours of ascents."""
    view = "zipped" if any(stations.glob("*-data.txt.zip")) else "text"
    data = AtmosphereData("igra", stations, view=view)
    soundings = [sounding for item in data for sounding in item.soundings()]
    errors: dict[str, list[float]] = {}
    for path in sorted(members.glob("*.nc")):
        with open_fields(path) as fields:
            for name, left in _left(fields, soundings, str(path)).items():
                errors.setdefault(name, []).extend(left)
    known = {name: left for name, left in errors.items() if left}
    if not known:
        raise InputError(f"{members}: no time and level of a member has an ascent in {stations}")
    for name, left in known.items():
        yield Measured("igra", name, "RMSE", float(np.sqrt(np.mean(np.square(left)))))


def _left(fields: Fields, soundings: list[Sounding], source: str) -> dict[str, list[float]]:
    """Variable -> what ascents say less the mean of the members, at times that both have."""
    data = fields.data
    found: dict[str, list[float]] = {}
    times = almanac(data["time"], source)
    for name in (str(v) for v in data.data_vars if str(v) in _QUANTITIES and "level" in data.dims):
        for k, time in enumerate(times):
            own = [s for s in soundings if s.time == time]
            for level in data["level"].values if own else ():
                field = data[name].isel(time=k).sel(level=level)
                mean = (field.mean("member") if "member" in field.dims else field).values
                found.setdefault(name, []).extend(
                    _beyond(mean, Grid.of(data), own, _QUANTITIES[name], 100 * float(level))
                )
    return found


def _beyond(
    mean: Array, grid: Grid, soundings: list[Sounding], quantity: str, pressure: float
) -> list[float]:
    values = np.array([float(s.at([pressure], quantity)[0]) for s in soundings])
    where = grid.indices([s.latitude for s in soundings], [s.longitude for s in soundings])
    if not (np.isfinite(values) & np.isfinite(where).all(1)).any():
        return []
    place = Place(("x",), (mean.shape[0], mean.shape[1]), (False, grid.around), grid)
    try:
        seen = at_points("ascents", place, where, values[None], np.ones((1, len(values))))
    except InputError:  # none of them on this grid
        return []
    import torch

    told = seen.operator(torch.from_numpy(np.asarray(mean, np.float64))[None, None])
    return (seen.values - told[0]).tolist()
