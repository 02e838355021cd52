"""Validation of models of fields, on states with seeds that are kept for it.

A prior takes white noise of given deviations off; beside it stands the best linear denoiser of such
states, S (S + sigma^2)^-1 wave by wave with the spectra S of the training states: a prior that is
not ahead of it cannot beat optimal interpolation. A regression is asked for the mean of pairs, a
residual for the residual's at given noise. All errors are root mean squares in deviations.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser
from undrift.common.processes.process import start, time_of_angle
from undrift.scientific.atmosphere.banks import FIRST_SEED, GROUP, StateSettings, state_bank
from undrift.scientific.atmosphere.mean import Mean, WithMaps
from undrift.scientific.atmosphere.samples import States
from undrift.scientific.atmosphere.signal import Signal
from undrift.scientific.atmosphere.spectral import Spectral


class ValidationSettings(Strict):
    """items: states. sigmas: of the noise, in deviations of a channel."""

    items: int = Field(default=32, gt=0)
    sigmas: list[float] = Field(default=[0.05, 0.1, 0.2, 0.5, 1.0, 2.0], min_length=1)


@dataclass(frozen=True)
class Validation:
    """Call it with a denoiser and a folder (unused)."""

    settings: ValidationSettings
    bank: StateSettings
    signal: Signal
    task: str
    sensors: int | None = None
    mean: Mean | None = None

    def items(self) -> dict[str, Tensor]:
        """Fixed items of states for validation, stacked."""
        own = {"count": GROUP, "first": FIRST_SEED["validation"], "channels": self.signal.channels}
        states = state_bank(self.bank.model_copy(update=own), "validation").whole()
        made = States(
            states, self.signal, self.task != "atmos-prior", self.sensors, self.mean, seed=7919
        )
        found = [made[n] for n in range(self.settings.items)]
        return {name: torch.stack([item[name] for item in found]) for name in found[0]}

    def __call__(self, denoiser: Denoiser, folder: Path) -> dict[str, float]:
        """Root mean squared errors: by sigma of the prior and of the linear denoiser; of a
        regression by factor, before and after; of a residual by its noise."""
        items = self.items()
        if self.task == "atmos-mean":
            return self._mean(denoiser, items)
        found = self._noise(denoiser, items)
        if self.task == "atmos-prior":
            found.update(self._linear(items))
        return {name: round(value, 5) for name, value in found.items()}

    def _noise(self, denoiser: Denoiser, items: dict[str, Tensor]) -> dict[str, float]:
        x0, y, level, found = items["x0"], items.get("y"), items.get("level"), {}
        sigma_d = denoiser.scaling.sigma_d
        for sigma in self.settings.sigmas:
            psi = torch.tensor(math.atan(sigma / sigma_d), dtype=torch.float64)
            time = time_of_angle(denoiser.process, psi, sigma_d)
            state = denoiser.process.a(time).float() * (x0 + sigma * items["noise"])
            found[f"sigma{sigma:g}"] = _rms(denoiser(state, float(time), y, level).x0 - x0)
        return found

    def _linear(self, items: dict[str, Tensor]) -> dict[str, float]:
        own = self.bank.model_copy(update={"channels": self.signal.channels})
        bank, scale = state_bank(own), self.signal.scale
        spectra = Spectral.of(
            scale.forward(torch.from_numpy(bank[g].astype("float32"))) for g in range(len(bank))
        )
        found = {}
        for sigma in self.settings.sigmas:
            keep = spectra.function(lambda v, s=sigma: v / (v + s**2))
            estimate = keep.times(items["x0"] + sigma * items["noise"])
            found[f"linear{sigma:g}"] = _rms(estimate - items["x0"])
        return found

    def _mean(self, denoiser: Denoiser, items: dict[str, Tensor]) -> dict[str, float]:
        if "maps" in items:
            denoiser = denoiser.with_network(WithMaps(denoiser.network, items["maps"]))
        y, level = items["y"], items["level"]
        state = start(denoiser.process, y, torch.zeros_like(y))
        after = denoiser(state, 1.0, y, level).x0
        found = {}
        for factor, low in ((4, True), (8, False)):
            mine = (level[:, 0] < 0) == low
            found[f"before{factor}"] = _rms((y - items["x0"])[mine])
            found[f"after{factor}"] = _rms((after - items["x0"])[mine])
        return {name: round(value, 5) for name, value in found.items()}


def _rms(error: Tensor) -> float:
    return float(error.square().mean().sqrt())
