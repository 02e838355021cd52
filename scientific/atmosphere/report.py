"""The page about a run of `undrift atmos downscale`: maps, sensors, deviation, spectra.

North is up. The left picture is the coarse field, the right one the mean of the members, in one
stretch; sensors are crosses. The spectrum of a member says whether the field is as rough as it
should be; that of the mean falls off where nothing is known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import UndriftError
from undrift.common.manifest import Record
from undrift.common.run_options import RunOptions
from undrift.common.run_report import page_writer
from undrift.scientific.atmosphere.fields.files import open_fields
from undrift.scientific.atmosphere.fields.grid import Grid
from undrift.scientific.atmosphere.fields.observations import parse
from undrift.scientific.atmosphere.fields.times import almanac
from undrift.scientific.atmosphere.verification.spectra import plane_spectrum

Array = npt.NDArray[np.float64]
_COLOURS = {"coarse": (120, 120, 120), "member": (178, 24, 43), "mean": (33, 94, 168)}
_CROSS = 2  # pixels from its centre to its end


@dataclass(frozen=True, eq=False)
class Maps:
    """One variable at one time, north up: coarse (rows, columns), members (m, rows, columns).

    sensors: (n, 2) rows and columns of the fine field. unit: of the values.
    """

    name: str
    unit: str
    coarse: Array
    members: Array
    sensors: Array


def report_writer(options: RunOptions) -> Callable[[Sequence[Record]], None] | None:
    """A function that writes the HTML report of a run, or None if none is asked for."""

    def page(records: Sequence[Record], done: Sequence[Record], settings: Any) -> Any:
        from undrift.common.report import PICTURED, Report

        rows = [row for record in done[:PICTURED] for row in _rows(record, options)]
        return Report("undrift atmos downscale", settings, rows[:PICTURED],
                      labels=("coarse", "mean of the members"))  # fmt: skip

    return page_writer(options, page)


def _rows(record: Record, options: RunOptions) -> list[Any]:
    try:
        shown = maps(Path(record["input"]), Path(record["output"]), options.extras.get("obs") or ())
    except UndriftError:  # the run has said already what is wrong with a file
        return []
    chi = record.get("chi")
    return [row(f"{Path(record['output']).name}: {one.name}", one, {"chi": chi}) for one in shown]


def maps(coarse: Path, fine: Path, observations: Sequence[str] = ()) -> list[Maps]:
    """The variables that both files have, at the first time of the fine one and its first level.

    Raises InputError as `open_fields`.
    """
    with open_fields(coarse) as given, open_fields(fine) as made:
        first, second = given.data, made.data
        if "time" in second.dims:
            second = second.isel(time=[0])
            first = first.sel(time=second["time"]) if "time" in first.dims else first
        sensors = _sensors(second, observations)
        found = []
        for name in map(str, second.data_vars):
            if name not in first.data_vars or "member" not in second[name].dims:
                continue
            one, other = first[name], second[name]
            if "level" in other.dims:
                other = other.isel(level=0)
                one = one.sel(level=other["level"].values)
            low = one.squeeze().values.astype(np.float64)
            high = other.transpose("member", ...).values.astype(np.float64)
            high = high.reshape(len(high), *high.shape[-2:])
            unit = str(other.attrs.get("units", ""))
            places = sensors * [-1, 1] + [high.shape[1] - 1, 0]
            found.append(Maps(name, unit, low[::-1], high[:, ::-1], places))
        return found


def _sensors(data: Any, observations: Sequence[str]) -> Array:
    """(n, 2) rows and columns of all sensors at the time of `data`, from the south."""
    found: list[Array] = [np.zeros((0, 2))]
    time = almanac(data["time"], "the field")[0] if "time" in data.coords else None
    for text in observations:
        for source in parse(text).sources(time):
            indices: Any = getattr(source, "indices", None)
            if indices is None:
                degrees = [(s.latitude, s.longitude) for s in getattr(source, "soundings", ())]
                if not degrees:
                    table: Any = source
                    degrees = list(zip(table.latitudes, table.longitudes, strict=True))
                indices = Grid.of(data).indices(*np.array(degrees).T)
            found.append(np.asarray(indices, np.float64))
    every = np.concatenate(found)
    return every[np.isfinite(every).all(1)]


def row(name: str, shown: Maps, facts: dict[str, Any]) -> Any:
    """A row of the page."""
    from undrift.common.report import Row

    mean, std = shown.members.mean(0), shown.members.std(0, ddof=min(1, len(shown.members) - 1))
    low, high = np.nanpercentile(shown.members, [1, 99])
    reach = max(float(high - low), 1e-12)

    def grey(values: Array) -> Array:
        return np.nan_to_num(((values - low) / reach).clip(0, 1), nan=0.5)

    further = {
        f"a member, {low:.4g} to {high:.4g} {shown.unit}": grey(shown.members[0]),
        f"{len(shown.sensors)} sensors on the mean": crosses(grey(mean), shown.sensors),
        "spectra": spectra(shown),
    }
    deviation = np.nan_to_num(std / reach) if len(shown.members) > 1 else None
    return Row(name, grey(shown.coarse), grey(mean), std=deviation, scores=facts, further=further)


def crosses(picture: Array, places: Array) -> Array:
    """(3, rows, columns): the picture with a red cross at each of the places (n, 2)."""
    out = np.repeat(picture[None], 3, 0)
    rows, columns = picture.shape
    for y, x in np.rint(places).astype(int):
        for k in range(-_CROSS, _CROSS + 1):
            for i, j in ((y + k, x), (y, x + k)):
                if 0 <= i < rows and 0 <= j < columns:
                    out[:, i, j] = (0.9, 0.1, 0.1)
    return out


def spectra(shown: Maps) -> Any:
    """(3, height, width) uint8: variance over waves across the shorter side."""
    from undrift.scientific.hyperspectral.pictures import Line, lines

    fields = {"coarse": shown.coarse, "member": shown.members[0], "mean": shown.members.mean(0)}
    found = {name: plane_spectrum(np.nan_to_num(field)) for name, field in fields.items()}
    x = found["mean"][0]
    curves = []
    for name, (_, power) in found.items():
        y = np.full(len(x), np.nan)
        y[: len(power)] = np.maximum(power, 1e-12 * found["member"][1].max())
        curves.append(Line(name, y, _COLOURS[name]))
    return lines(
        f"variance of {shown.name} ({shown.unit}) by waves across the field", x, curves, "waves",
        logarithmic=True,
    )  # fmt: skip
