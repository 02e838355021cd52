"""The smoke run of multimodal super-resolution: a prior of made-up fields, told coarse and ascents.

States of a surface flow are written as ERA5 comes (a request's NetCDF, latitudes from the north)
and ascents as IGRA's files of stations; both are read by the loaders of their cards.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import require
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.small import train
from undrift.common.solvers.loop import Denoise
from undrift.scientific.atmosphere.banks import FIRST_SEED, StateSettings, group_states
from undrift.scientific.atmosphere.channels import SURFACE_CHANNELS
from undrift.scientific.atmosphere.coarse import coarse_grain
from undrift.scientific.atmosphere.datasets import AtmosphereData
from undrift.scientific.atmosphere.fields.grid import Grid
from undrift.scientific.atmosphere.likelihood import Likelihood
from undrift.scientific.atmosphere.members import Drawing
from undrift.scientific.atmosphere.sources import Coarse, Place, Radiosondes, Source, Stations
from undrift.scientific.atmosphere.stations import Network
from undrift.scientific.atmosphere.transforms import Scale

_SIDE, _FACTOR, _ASCENTS, _TESTED, _LEVEL = 32, 8, 40, 2, 850
_TOP, _KELVIN = 80.0, 280.0
_BANK = StateSettings(n=_SIDE, states=8, spin_up=12.0)
_FIRST = np.datetime64("2020-01-01T00", "ns")
_VARIABLES = {"t": "air_temperature", "u": "eastward_wind", "v": "northward_wind"}


def smoke(task: Task) -> Iterator[Measured]:
    """Two closed forms, the training, and members with and without ascents."""
    yield from _one_cell()
    task.say("multimodal-sr: a made-up atmosphere")
    states, grid = _read(_write(task.folder / "era5", FIRST_SEED["train"]))
    mean, std = states.mean((0, 2, 3)), states.std((0, 2, 3))
    z = (states - mean[:, None, None]) / std[:, None, None]
    torch.manual_seed(0)
    network = LocalNAFNet(3, 3, 2, (24, 48), (1, 1)).to(task.device)
    process = VarianceExploding(high=_TOP, law="linear")
    denoiser = Denoiser(network, process, "balanced", Scaling(1.0, centre=0.0))
    task.say("multimodal-sr: 200 training steps of a small prior")

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        x = batch["x0"] + _TOP * batch["t"][:, None, None, None] * batch["noise"]
        target = denoiser.target(batch["x0"], batch["t"], None, batch["noise"])
        return (denoiser.output(x, batch["t"], None, None) - target).square().mean()

    trained = train(network, loss_of, lambda k: _batch(z, k, task.device))
    yield from trained.measured("smoke")
    held, _ = _read(_write(task.folder / "held", FIRST_SEED["validation"]))
    scale = Scale(SURFACE_CHANNELS, torch.from_numpy(mean), torch.from_numpy(std))
    errors = np.zeros(2)
    for k in range(_TESTED):
        fine = held[k * len(held) // _TESTED]
        sources = _sources(fine, grid, task.folder / f"igra-{k}", k)
        for at, given in enumerate((sources[:1], sources)):
            made = _members(denoiser, given, scale, grid, f"smoke {k}", task.device)
            errors[at] += ((made.mean(0) - fine) ** 2 / std[:, None, None] ** 2).mean()
    ratio = float(np.sqrt(errors[1] / errors[0]))
    yield Measured("smoke", "sampled", "RMSE with ascents over without", ratio)


def _one_cell() -> Iterator[Measured]:
    """N(0, 1) at sigma 80 in the state 0: the same value told once, and by two sources."""
    process = VarianceExploding(high=_TOP, law="linear")

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        return Estimate(x / (1 + (_TOP * t) ** 2))

    place = Place(("t850",), (2, 2))
    scale = Scale(("t850",), torch.zeros(1), torch.ones(1))
    given = [Stations([[1.0]], 0.5, [[0, 1]], name=name) for name in ("first", "second")]
    for count, column in ((1, "told by one source"), (2, "told by two sources")):
        told = Likelihood(given[:count], place, scale)
        ask = told.conditional(denoise, process, 1.0, "tweedie", torch.float64)
        found = ask(torch.zeros(1, 1, 2, 2, dtype=torch.float64), 1.0, None, None)
        yield Measured("smoke", "one cell", column, float(found.x0[0, 0, 0, 1]))


def _members(
    denoiser: Denoiser, given: Sequence[Source], scale: Scale, grid: Grid, item: str, device: str
) -> np.ndarray:
    """(members, c, rows, columns) in K and m/s, by the rule of SDA."""
    place = Place(SURFACE_CHANNELS, (_SIDE, _SIDE), grid=grid)
    told = Likelihood(given, place, scale)

    def prepare() -> Denoise:
        return told.conditional(denoiser, denoiser.process, 1.0, "sda")

    drawing = Drawing(members=4, steps=15, solver="ddim", item=item)
    made = drawing.draw(prepare, denoiser.process, place.full, 1.0)
    return scale.back(made.double()).cpu().numpy()


def _sources(fine: np.ndarray, grid: Grid, folder: Path, seed: int) -> Sequence[Source]:
    """Block means, and ascents out of files; errors as they were drawn."""
    rng = np.random.default_rng([seed, 9])
    coarse = coarse_grain((3, _SIDE, _SIDE), _FACTOR)(torch.from_numpy(fine)).numpy()
    network = Network()
    sigma = network.std(SURFACE_CHANNELS)
    coarse = coarse + 0.05 * sigma[:, None, None] * rng.standard_normal(coarse.shape)
    places = rng.random((_ASCENTS, 2)) * (_SIDE - 1)
    values = network.observe(torch.from_numpy(fine), places, SURFACE_CHANNELS, seed)
    write_ascents(folder, values, _degrees(grid, places))
    soundings = [
        s for item in AtmosphereData("igra", folder, view="text") for s in item.soundings()
    ]
    std: dict[str, float] = dict(zip(map(str, SURFACE_CHANNELS), sigma.tolist(), strict=True))
    blocks = {name: 0.05 * value for name, value in std.items()}
    return [Coarse(coarse, blocks), Radiosondes(soundings, std)]


def _degrees(grid: Grid, places: np.ndarray) -> np.ndarray:
    """(n, 2) latitudes and longitudes of rows and columns with fractions."""
    line = np.arange(_SIDE)
    rows = np.interp(places[:, 0], line, grid.latitudes)
    return np.stack([rows, np.interp(places[:, 1], line, grid.longitudes)], 1)


def _write(root: Path, seed: int) -> Path:
    """64 states as a request of the Climate Data Store is unpacked."""
    xarray = require("xarray")
    own = _BANK.model_copy(update={"channels": SURFACE_CHANNELS})
    states = group_states(seed // 8, own).astype(np.float32)
    states[:, 0] += np.float32(_KELVIN)
    axes = ("valid_time", "pressure_level", "latitude", "longitude")
    units = {"t": "K", "u": "m s**-1", "v": "m s**-1"}
    arrays = {
        name: (axes, states[:, k : k + 1, ::-1],
               {"units": units[name], "standard_name": _VARIABLES[name]})
        for k, name in enumerate(_VARIABLES)
    }  # fmt: skip
    line = np.arange(_SIDE)
    coordinates = {
        "valid_time": _FIRST + np.arange(len(states)) * np.timedelta64(6, "h"),
        "pressure_level": ("pressure_level", [float(_LEVEL)], {"units": "hPa"}),
        "latitude": ("latitude", 50 - 0.25 * line, {"units": "degrees_north"}),
        "longitude": ("longitude", 0.25 * line, {"units": "degrees_east"}),
    }
    path = root / "request" / "data_stream-oper_stepType-instant.nc"
    path.parent.mkdir(parents=True)
    xarray.Dataset(arrays, coordinates).to_netcdf(path, engine="h5netcdf")
    return root


def _read(root: Path) -> tuple[np.ndarray, Grid]:
    """(times, 3, rows, columns) and where they lie."""
    (item,) = AtmosphereData("era5", root)
    with item.open() as fields:
        level = fields.data.isel(level=0)
        order = ("time", "latitude", "longitude")
        found = [level[name].transpose(*order).values for name in _VARIABLES]
        return np.stack(found, 1).astype(np.float64), Grid.of(fields.data)


def write_ascents(folder: Path, values: np.ndarray, degrees: np.ndarray) -> None:
    """A file of IGRA a station, one ascent each: T, u and v (3, n) at one level, in its columns."""
    folder.mkdir(parents=True, exist_ok=True)
    time = datetime(2020, 1, 1)
    for k, (t, u, v) in enumerate(values.T):
        station = f"SIM{k:08d}"
        lat, lon = (round(1e4 * float(angle)) for angle in degrees[k])
        turn = round(float(np.rad2deg(np.arctan2(-u, -v))) % 360) or 360
        head = f"#{station} {time:%Y %m %d %H} 9999    1 {'':8} {'':8} {lat:7d} {lon:8d}"
        level = (
            f"10 {-9999:5d} {100 * _LEVEL:6d} {-9999:5d} {round(10 * (t - 273.15)):5d} "
            f"{-9999:5d} {-9999:5d} {turn:5d} {round(10 * float(np.hypot(u, v))):5d} "
        )
        (folder / f"{station}-data.txt").write_text(f"{head}\n{level}\n", "ascii")


def _batch(z: np.ndarray, number: int, device: str) -> dict[str, Tensor]:
    """Eight states; noise, and times of EDM's law. The number -1: of the last states."""
    rng = np.random.default_rng([number + 2, 56])
    kept = len(z) - 8
    chosen = np.arange(kept, len(z)) if number < 0 else rng.integers(kept, size=8)
    x0 = z[chosen].astype(np.float32)
    noise = rng.standard_normal(x0.shape, np.float32)
    t = np.exp(-1.2 + 1.2 * rng.standard_normal(8)).astype(np.float32) / np.float32(_TOP)
    parts = {"x0": x0, "noise": noise, "t": t}
    return {name: torch.from_numpy(value).to(device) for name, value in parts.items()}
