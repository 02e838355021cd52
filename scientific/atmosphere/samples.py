"""Training samples of models of fields, each a function of (seed, n) alone.

prior        a state, rolled by any distance, and by chance mirrored north to south: a flow stays
             what it is under y -> -y with T and v (and psi) of the other sign. The surface flow,
             which knows no north, is turned by quarters as well
regression   x0 the state, y its coarse field drawn as a cubic (`coarse.interpolated`), level the
             factor; with `sensors`, maps of what up to so many of them say beyond y
residual     as regression, with y the mean of a finished regression network (CorrDiff, Mardani et
             al. 2023): the diffusion then is one of x0 - y
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.training.drawn import Drawn
from undrift.scientific.atmosphere.banks import Half
from undrift.scientific.atmosphere.channels import CHANNELS, SURFACE_CHANNELS
from undrift.scientific.atmosphere.coarse import FACTORS, coarse_grain, interpolated
from undrift.scientific.atmosphere.mean import Mean, factor_level
from undrift.scientific.atmosphere.signal import Signal
from undrift.scientific.atmosphere.stations import Network, point_operator, rasterised

COARSE_ERROR = 0.02  # of coarse values, in deviations of a channel
_MIRRORED = ("air_temperature", "northward_wind", "geopotential_height",
             "atmosphere_relative_vorticity")  # fmt: skip


def mirrored(x: Tensor, names: tuple[str, ...]) -> Tensor:
    """A state (..., c, rows, columns) under y -> -y, in physical units or scaled with mean 0."""
    sign = [-1.0 if CHANNELS[name].name in _MIRRORED else 1.0 for name in names]
    return x.flip(-2) * x.new_tensor(sign)[:, None, None]


def turned(x: Tensor) -> Tensor:
    """A state (T, u, v) a quarter turn further, x -> y: rows are y, columns are x."""
    t, u, v = x.transpose(-2, -1).flip(-1).unbind(-3)
    return torch.stack([t, -v, u], -3)


@dataclass
class States(Drawn):
    """Items of the module's kinds. states: (n, c, rows, columns) in K and m/s.

    pairs: whether there is a y. sensors: the most of them, None for no maps. mean: a finished
    regression. Items: x0, noise and y (c, rows, columns), maps (2 c, ...), u (), level (1,).
    """

    states: Half
    signal: Signal
    pairs: bool = False
    sensors: int | None = None
    mean: Mean | None = None
    seed: int = 0
    length: int = 2**31 - 1
    network: Network = field(default_factory=Network)

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        x0 = self._state(rng)
        noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
        item = {"x0": x0, "noise": noise, "u": torch.tensor(rng.random(dtype=np.float32))}
        if self.pairs:
            item.update(self._given(x0, rng))
        return item

    def _state(self, rng: np.random.Generator) -> Tensor:
        x = torch.from_numpy(self.states[int(rng.integers(len(self.states)))].astype(np.float32))
        rows, columns = (int(rng.integers(side)) for side in x.shape[1:])
        x = x.roll((rows, columns), (1, 2))
        if rng.random() < 0.5:
            x = mirrored(x, self.signal.channels)
        for _ in range(int(rng.integers(4)) if self.signal.channels == SURFACE_CHANNELS else 0):
            x = turned(x)
        return self.signal.scale.forward(x)

    def _given(self, x0: Tensor, rng: np.random.Generator) -> dict[str, Tensor]:
        factor = FACTORS[int(rng.integers(len(FACTORS)))]
        shape = (x0.shape[0], x0.shape[1], x0.shape[2])
        coarse = coarse_grain(shape, factor)(x0)
        error = rng.standard_normal(coarse.shape, dtype=np.float32)
        y = interpolated((coarse + COARSE_ERROR * torch.from_numpy(error))[None], factor)[0]
        found = {"y": y, "level": factor_level(factor)}
        if self.sensors is not None:
            found["maps"] = self._maps(x0, y, rng)
        if self.mean is not None:
            found["y"] = self.mean(y[None], factor)[0]
        return found

    def _maps(self, x0: Tensor, y: Tensor, rng: np.random.Generator) -> Tensor:
        most = self.sensors or 0
        count = int(math.expm1(rng.random() * math.log1p(most)) + 0.5)
        if count == 0:
            return torch.zeros(2 * len(x0), *x0.shape[1:])
        places = rng.random((count, 2)) * np.array(x0.shape[1:])
        sigma = self.network.std(self.signal.channels) / np.array(self.signal.std)
        error = rng.standard_normal((len(x0), count)) * sigma[:, None]
        beyond = point_operator(places, tuple(x0.shape))(x0 - y) + torch.from_numpy(error).float()
        return sensor_maps(beyond, places, (x0.shape[1], x0.shape[2]))


def sensor_maps(beyond: Tensor, places: Any, shape: tuple[int, int]) -> Tensor:
    """(2 c, rows, columns) for a network: what sensors (c, n) say beyond y, and whether there are
    any, 0 or 1."""
    raster = rasterised(beyond, places, shape)
    values, count = raster.chunk(2)
    return torch.cat([values, count.clamp(max=1)])
