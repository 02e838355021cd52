"""The smoke run of CorrDiff: both steps on a made-up atmosphere, stored as the data over Taiwan.

A surface flow on 32 x 32 points gives temperature and wind; the coarse side is block means of 4 x 4
points, drawn as a cubic. Seeds of training stand in 2020, seeds of validation in 2021.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import require
from undrift.common.grids import karras
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.noise import Noise
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.reproduce.paper import FALL, Measured, Task
from undrift.common.reproduce.small import train
from undrift.common.solvers import Heun
from undrift.common.solvers.loop import run_plan
from undrift.scientific.atmosphere.banks import FIRST_SEED, StateSettings, group_states
from undrift.scientific.atmosphere.channels import SURFACE_CHANNELS
from undrift.scientific.atmosphere.coarse import coarse_grain, interpolated
from undrift.scientific.atmosphere.cwa import Cwa, open_cwa
from undrift.scientific.atmosphere.mean import WithMaps
from undrift.scientific.papers.corrdiff_runs import biased_crps, mae, read_samples

_SIDE, _FACTOR, _MEMBERS, _TESTED = 32, 4, 8, 6
_TOP, _LEAST, _SPREAD, _STEPS = 800.0, 0.002, 0.5, 18
_NAMES = ("temperature_2m", "eastward_wind_10m", "northward_wind_10m")
_SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")
_SHAPE = {"unshuffle": 2, "widths": (24, 48), "depths": (1, 1), "periodic": True}
_BANK = StateSettings(n=_SIDE, states=8, spin_up=12.0)
Pairs = tuple[np.ndarray, np.ndarray]  # fine and coarse, (times, c, rows, columns)


def smoke(task: Task) -> Iterator[Measured]:
    """The scores of a fixed pair, both trainings, and members of the test."""
    yield from _fixed(task.folder / "fixed.nc")
    task.say("corrdiff: a made-up atmosphere")
    store = write_store(task.folder / "cwa.zarr")
    channels = range(len(_NAMES))
    pairs, test = (_whole(open_cwa(store, s, channels, channels, _SIDE)) for s in _SPLITS)
    torch.manual_seed(0)
    task.say("corrdiff: 200 training steps of a regression")
    regression = LocalNAFNet(6, 3, **_SHAPE).to(task.device)
    trained = train(regression, lambda b: (mean_of(regression, b["y"]) - b["x0"]).square().mean(),
                    lambda k: _batch(pairs, k, task.device))  # fmt: skip
    yield from trained.measured("smoke")
    task.say("corrdiff: 200 training steps of the residual's diffusion")
    network = LocalNAFNet(9, 3, **_SHAPE).to(task.device)
    process = VarianceExploding(high=_TOP, law="linear")
    edm = Denoiser(network, process, "balanced", Scaling(_SPREAD, centre=0.0))

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        """EDM's: its weight is that of the bare output."""
        mean = mean_of(regression, batch["y"]).detach()
        shown = edm.with_network(WithMaps(network, torch.cat([mean, batch["y"]], 1)))
        r, t = batch["x0"] - mean, batch["t"]
        x = r + _TOP * t[:, None, None, None] * batch["noise"]
        target = edm.target(r, t, None, batch["noise"])
        return (shown.output(x, t, None, None) - target).square().mean()

    second = train(network, loss_of, lambda k: _batch(pairs, k, task.device))
    yield Measured("smoke", "residual", FALL[1], second.fall)
    ratio = _ratio(test, regression, edm, task.device)
    yield Measured("smoke", "sampled", "CRPS over MAE of the regression", ratio)


def mean_of(regression: nn.Module, y: Tensor) -> Tensor:
    """The regression of zeros and coarse fields y (b, c, rows, columns)."""
    return regression(torch.cat([torch.zeros_like(y), y], 1), y.new_zeros(len(y)))


def drawn(edm: Denoiser, mean: Tensor, y: Tensor, item: str) -> Tensor:
    """(members, c, rows, columns): the mean and residuals by 18 steps of Heun from 800 to .002."""
    maps = torch.cat([mean, y], 1).expand(_MEMBERS, -1, -1, -1)
    shown = edm.with_network(WithMaps(edm.network, maps))
    start = torch.cat([Noise(0, item, k)(tuple(mean.shape)) for k in range(_MEMBERS)]).to(mean)
    times = karras(edm.process, _STEPS, _SPREAD, 1.0, low=_LEAST / _SPREAD)
    plan = Heun().plan(edm.process, list(times))

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        return shown(x, t)

    return mean + run_plan(denoise, _TOP * start, plan, draw=lambda k: torch.zeros_like(start))


@torch.no_grad()
def _ratio(test: Pairs, regression: nn.Module, edm: Denoiser, device: str) -> float:
    crps, alone = [], []
    for k in range(_TESTED):
        place = k * len(test[0]) // _TESTED
        y = torch.from_numpy(test[1][place])[None].to(device)
        mean = mean_of(regression, y)
        made = drawn(edm, mean, y, f"smoke {place}").double().cpu().numpy()
        truth = test[0][place].astype(np.float64)
        crps.append(biased_crps(truth, made).mean())
        alone.append(mae(truth, mean.double().cpu().numpy()).mean())
    return float(np.mean(crps) / np.mean(alone))


def _fixed(path: Path) -> Iterator[Measured]:
    """Members -1 and 1, and the truth 0 at one time of two, 1/2 at the other; written and read."""
    xarray = require("xarray")
    truth = np.zeros((2, 4, 4), np.float32)
    truth[1] = 0.5
    made = np.ones((2, 2, 4, 4), np.float32) * np.array([-1, 1], np.float32)[:, None, None, None]
    name, axes = "temperature_2m", ("time", "y", "x")
    xarray.Dataset().to_netcdf(path, engine="h5netcdf")
    for group, dims, array in (("truth", axes, truth), ("prediction", ("ensemble", *axes), made)):
        xarray.Dataset({name: (dims, array)}).to_netcdf(
            path, mode="a", group=group, engine="h5netcdf"
        )
    y, x = read_samples(path, name)
    yield Measured("smoke", "fixed pair", "CRPS", float(biased_crps(y, x).mean()))
    yield Measured("smoke", "fixed pair", "MAE", float(mae(y, x).mean()))


def write_store(path: Path) -> Path:
    """The made-up atmosphere as the store over Taiwan: 64 times in 2020 and 64 in 2021."""
    xarray = require("xarray")
    own = _BANK.model_copy(update={"channels": SURFACE_CHANNELS})
    seeds = (FIRST_SEED["train"] // 8, FIRST_SEED["validation"] // 8)
    fine = np.concatenate([group_states(number, own) for number in seeds]).astype(np.float32)
    blocks = coarse_grain((3, _SIDE, _SIDE), _FACTOR)(torch.from_numpy(fine))
    coarse = interpolated(blocks, _FACTOR).numpy()
    first = np.datetime64("2020-01-01T00", "ns"), np.datetime64("2021-01-01T00", "ns")
    half = len(fine) // 2
    hours = np.concatenate([start + np.arange(half) * np.timedelta64(42, "h") for start in first])
    place = np.arange(_SIDE, dtype=np.float32)
    grid, named = ("south_north", "west_east"), np.array(_NAMES)
    arrays = {"XLAT": (grid, 23 + 0.02 * place[:, None] + 0 * place),
              "XLONG": (grid, 120 + 0 * place[:, None] + 0.02 * place)}  # fmt: skip
    for kind, values in (("cwb", fine), ("era5", coarse)):
        axis = f"{kind}_channel"
        valid = np.ones(len(values) if kind == "cwb" else (len(values), 3), bool)
        arrays |= {
            kind: (("time", axis, *grid), values), f"{kind}_variable": ((axis,), named),
            f"{kind}_center": ((axis,), values[:half].mean((0, 2, 3))),
            f"{kind}_scale": ((axis,), values[:half].std((0, 2, 3))),
            f"{kind}_pressure": ((axis,), np.full(3, math.nan)),
            f"{kind}_valid": (("time", axis)[: valid.ndim], valid),
        }  # fmt: skip
    xarray.Dataset(arrays, {"time": hours}).to_zarr(path, zarr_format=2, consolidated=True)
    return path


def _whole(pairs: Cwa) -> Pairs:
    fine, coarse = zip(*(pairs[k] for k in range(len(pairs))), strict=True)
    return np.stack(fine), np.stack(coarse)


def _batch(pairs: Pairs, number: int, device: str) -> dict[str, Tensor]:
    """Eight pairs, rolled; noise, and times of EDM's law. The number -1: of the last times."""
    rng = np.random.default_rng([number + 2, 55])
    count = len(pairs[0])
    chosen = np.arange(count - 8, count) if number < 0 else rng.integers(count - 8, size=8)
    turn = tuple(int(v) for v in rng.integers(_SIDE // _FACTOR, size=2) * _FACTOR)
    x0, y = (np.roll(side[chosen], turn, (2, 3)) for side in pairs)
    noise = rng.standard_normal(x0.shape, np.float32)
    t = np.exp(1.2 * rng.standard_normal(8)).astype(np.float32) / _TOP
    parts = {"x0": x0, "y": y, "noise": noise, "t": t}
    return {name: torch.from_numpy(value).to(device) for name, value in parts.items()}
