"""Downscaling of files: one time of coarse fields after the other, with what was observed then.

The result has the user's order, names, units and attributes, on a grid whose cells are parts of the
coarse ones, with a leading dimension of members; `chi` says for each source and time how well the
members explain it (1: to within its stated errors).
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.items import Item
from undrift.scientific.atmosphere.fields.channels_of import find, put, take
from undrift.scientific.atmosphere.fields.chunks import Series, joined, process, time_key
from undrift.scientific.atmosphere.fields.files import load, open_fields
from undrift.scientific.atmosphere.fields.finer import finer_coordinates
from undrift.scientific.atmosphere.fields.grid import Grid
from undrift.scientific.atmosphere.fields.observations import Asked
from undrift.scientific.atmosphere.fields.times import almanac, moment, nearest
from undrift.scientific.atmosphere.fields.write import ZARR, save_fields

if TYPE_CHECKING:
    from xarray import Dataset

PERIODIC = "periodic_axes"  # attribute of files: axes that go round, by blanks


@dataclass(frozen=True)
class Downscale:
    """A step, see `chunks.Step`. observations: looked up for each time. item: of the noise, with
    the time. Others as `downscale`."""

    model: Any
    factor: int = 4
    members: int = 8
    seed: int = 0
    observations: tuple[Asked, ...] = ()
    coarse_std: float | None = None
    method: str = "tweedie"
    steps: int | None = None
    options: tuple[tuple[str, Any], ...] = ()
    device: str = "auto"
    item: str = ""

    def __call__(self, data: "Dataset", key: str) -> "Dataset":
        """One time of coarse fields, in the order inside, as an ensemble of fine ones.

        Raises InputError for channels that are missing, and sources that do not fit.
        """
        import xarray as xr

        from undrift.scientific.atmosphere.tasks import AccuracyWarning, downscale

        known = _prior(self.model, self.device)
        place, coordinates, found = self._place(data, known)
        sources = self._sources(data)
        with warnings.catch_warnings(action="ignore", category=AccuracyWarning):  # chi is written
            made = downscale(
                take(data, found), [one for _, group in sources for one in group],
                factor=self.factor, members=self.members, seed=self.seed, model=known,
                coarse_std=self.coarse_std, method=self.method, steps=self.steps,
                item=f"{self.item}:{key}", place=place, options=dict(self.options),
                device=self.device,
            )  # fmt: skip
        fine = put(np.stack(made.samples, 1), data, found, coordinates)
        names = ["coarse", *(name for name, _ in sources)]
        chi = np.array([made.info["chi"].get(name, np.nan) for name in names], np.float32)
        timed = ("time",) if "time" in data.dims else ()
        meaning = {"long_name": "misfit of members over the stated errors", "units": "1"}
        fine["chi"] = (("source", *timed), chi.reshape(-1, *[1] * len(timed)), meaning)
        return fine.assign_coords(source=xr.DataArray(np.array(names), dims="source"))

    def _place(self, data: "Dataset", known: Any) -> tuple[Any, dict[str, Any], Any]:
        """The fine field's place, its coordinates, and where the channels lie in `data`."""
        import torch
        import xarray as xr

        from undrift.scientific.atmosphere.channels import CHANNELS
        from undrift.scientific.atmosphere.sources import Place

        found = find(data, known.names, CHANNELS)
        coordinates = finer_coordinates(data, self.factor)
        fine = xr.Dataset(coords=coordinates)
        regular = "latitude" in data.dims
        pair = ("latitude", "longitude") if regular else ("y", "x")
        shape = (data.sizes[pair[0]] * self.factor, data.sizes[pair[1]] * self.factor)
        grid = None
        try:
            grid = Grid.of(fine) if regular or len(coordinates) > 2 else None
        except InputError:
            if self.observations:
                raise
        around = str(data.attrs.get(PERIODIC, "")).split()
        periodic = (pair[0] in around, pair[1] in around or bool(grid and grid.around))
        latitudes = torch.from_numpy(coordinates["latitude"][1].astype(float)) if regular else None
        return Place(known.names, shape, periodic, grid, latitudes), coordinates, found

    def _sources(self, data: "Dataset") -> list[tuple[str, list[Any]]]:
        """Name -> sources near the time of `data`, of each of the observations."""
        time = None
        if self.observations and "time" in data.coords:
            time = almanac(data["time"], "the field")[0]
        return [(f"{one.kind}:{one.path.name}", one.sources(time)) for one in self.observations]


@cache
def _prior(model: Any, device: str) -> Any:
    from undrift.scientific.atmosphere.tasks import read_field_prior

    return read_field_prior(model, device)


@dataclass(frozen=True)
class FieldFile:
    """The work on one file or store. time: only that one. times, tiles: chunks of a Zarr result.

    scheduler: of the pieces of a Zarr result.
    """

    step: Downscale
    units: tuple[tuple[str, str], ...] = ()
    time: str | None = None
    times: int = 1
    tiles: int | None = None
    scheduler: str | None = None

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Works on one file. Raises InputError, which names it."""
        from dataclasses import replace

        from undrift.common.peak_memory import peak_mb

        step = replace(self.step, item=item.key)
        line = (
            f"undrift atmos downscale: factor {step.factor}, {step.members} members, "
            f"seed {step.seed}, {step.method}; made up below the coarse grid"
        )
        if target.suffix.lower() in ZARR and self.time is None:
            series = Series(item.source, step, self.times, self.tiles, dict(self.units), True, line)
            return {**process(series, target, self.scheduler), "peak_mb": peak_mb()}
        with open_fields(item.source, units=dict(self.units), convert=True) as fields:
            try:
                made = self._made(fields.data, step, item.source)
            except InputError as error:
                raise InputError(f"{item.source}: {error}") from error
            save_fields(target, made, fields.layout, line)
        chi = made["chi"].mean([d for d in made["chi"].dims if d != "source"])
        return {
            "chi": dict(zip(chi["source"].values.tolist(), chi.values.tolist(), strict=True)),
            "members": step.members, "scale": step.factor, "method": step.method,
            "peak_mb": peak_mb(),
        }  # fmt: skip

    def _made(self, data: "Dataset", step: Downscale, source: Path) -> "Dataset":
        if "time" not in data.dims:
            return step(load(data, source), "")
        wanted = range(data.sizes["time"])
        if self.time is not None:
            wanted = [nearest(data["time"], moment(self.time), "the file")]
        pieces = (load(data.isel(time=[k]), source) for k in wanted)
        return joined([step(one, time_key(one["time"])) for one in pieces])
