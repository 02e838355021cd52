"""Validation during training: one network call on phantoms that are not trained on.

Subjects have the seeds from 100 000 on that are kept for this. A prior is asked to remove white
noise of given levels from the middle of a volume; a model of pairs gets y at t = 1 with the noise
of its path. Scores are PSNR in dB over the range of the numbers, 2 for [-1, 1], 1 for magnitudes.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.noise import Noise
from undrift.common.processes.process import start, time_of_angle
from undrift.medical.banks import (
    TRAINING_SEEDS,
    Bank,
    BrainSettings,
    ScanSettings,
    brain_bank,
    scan_bank,
)
from undrift.medical.data import Patches, open_source
from undrift.medical.signal import Signal

LAST_SEED = 100_999


class ValidationSettings(Strict):
    """count: subjects. first: the first seed. sigmas: of the noise a prior removes."""

    count: int = Field(3, gt=0)
    first: int = Field(TRAINING_SEEDS, ge=TRAINING_SEEDS, le=LAST_SEED)
    sigmas: list[float] = Field([0.02, 0.05, 0.1, 0.2], min_length=1)
    side: int = Field(64, ge=8)


@dataclass(frozen=True)
class Validation:
    """Call it with a denoiser and a folder (unused)."""

    settings: ValidationSettings
    what: str
    signal: Signal

    def __post_init__(self) -> None:
        last = self.settings.first + self.settings.count - 1
        if last > LAST_SEED:
            raise InputError(f"validation: seeds up to {last}; they end at {LAST_SEED}")

    def bank(self) -> Bank:
        """The subjects, made where they are not cached yet."""
        place = cache_folder() / "medical" / "validation"
        count, first = self.settings.count, self.settings.first
        if self.what in ("prior", "pair", "magnitudes"):
            return brain_bank(BrainSettings(count=count, first=first), place, training=False)
        return scan_bank(ScanSettings(count=count, first=first), place, training=False)

    def items(self) -> list[dict[str, Tensor]]:
        """Fixed patches (1, c, x, y, z), one a subject, without intensity jitter of their own."""
        bank = self.bank()
        long = min(self.settings.side, *bank[0].shape[1:])
        sides = tuple(min(self.settings.side, n) // 8 * 8 for n in bank[0].shape[1:])
        cube = self.what in ("prior", "magnitudes")
        shape = (long // 8 * 8,) * 3 if cube else (sides[0], sides[1], sides[2])
        found = []
        for k in range(len(bank)):
            more = {"flat_every": 0} if self.what == "prior" else {}
            one = Bank(bank.paths[k : k + 1])
            source = open_source(self.what, one, self.signal, shape, 1, **more)  # type: ignore[arg-type]
            item = Patches(source, 7919 + k)[0]
            found.append({name: value[None] for name, value in item.items()})
        return found

    def __call__(self, denoiser: Denoiser, folder: Path) -> dict[str, float]:
        """Mean PSNR: of each sigma for a prior, else before and after."""
        rows = []
        device = next(denoiser.network.parameters()).device
        for number, item in enumerate(self.items()):
            x0 = item["x0"].to(device)
            rows.append(
                self._pair(denoiser, x0, item["y"].to(device), item["noise"].to(device))
                if "y" in item
                else self._prior(denoiser, x0, number)
            )
        return {name: round(float(np.mean([row[name] for row in rows])), 3) for name in rows[0]}

    def _prior(self, denoiser: Denoiser, x0: Tensor, number: int) -> dict[str, float]:
        peak = 1.0 if self.signal.intensity.kind == "robust-maximum" else 2.0
        found = {}
        for sigma in self.settings.sigmas:
            psi = torch.tensor(math.atan(sigma / denoiser.scaling.sigma_d), dtype=torch.float64)
            time = time_of_angle(denoiser.process, psi, denoiser.scaling.sigma_d)
            noise = Noise(number, "validation")(x0.shape).to(x0)
            state = denoiser.process.a(time).float() * (x0 + sigma * noise)
            found[f"sigma{sigma:g}"] = psnr(denoiser(state, time).x0, x0, peak)
        return found

    def _pair(self, denoiser: Denoiser, x0: Tensor, y: Tensor, noise: Tensor) -> dict[str, float]:
        state = start(denoiser.process, y, noise)  # with its noise, as in training
        after = denoiser(state, 1.0, y).x0
        return {"before": psnr(y, x0, 2.0), "after": psnr(after, x0, 2.0)}


def psnr(a: Tensor, b: Tensor, peak: float) -> float:
    """Peak signal-to-noise ratio in dB of all values together."""
    error = float((a.detach().float() - b).square().mean())
    return -10 * math.log10(error / peak**2)
