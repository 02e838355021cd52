"""Validation during training: one call of the network on pairs of scenes that are not trained on.

The scores are mean squared errors in units of the noise (1 before, about), in dB, over channels
that hold something: of pairs before and after.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.processes.process import start
from undrift.scientific.hyperspectral.banks import (
    LAST_SEED,
    TRAINING_SEEDS,
    PairSettings,
    open_bank,
)
from undrift.scientific.hyperspectral.samples import scales
from undrift.scientific.hyperspectral.signal import Signal
from undrift.scientific.hyperspectral.voxels import boxes


class ValidationSettings(Strict):
    """count: scenes. first: their first seed."""

    count: int = Field(8, gt=0)
    first: int = Field(TRAINING_SEEDS, ge=TRAINING_SEEDS, le=LAST_SEED)
    side: int = Field(64, ge=16)


@dataclass(frozen=True)
class Validation:
    """Call it with a denoiser and a folder (unused)."""

    settings: ValidationSettings
    signal: Signal

    def __post_init__(self) -> None:
        last = self.settings.first + self.settings.count - 1
        if last > LAST_SEED:
            raise InputError(f"validation: seeds up to {last}; they end at {LAST_SEED}")

    def __call__(self, denoiser: Denoiser, folder: Path) -> dict[str, float]:
        """Mean over scenes of the error before and after, dB."""
        given = PairSettings(
            **self.settings.model_dump(),
            channels=self.signal.channels,
            least=self.signal.least,
            guess=self.signal.guess,
        )
        place = cache_folder() / "scientific" / "validation"
        device = next(denoiser.network.parameters()).device
        rows = []
        if self.signal.space == "voxels":
            bank = open_bank(given, place, False, "voxels", boxes)
            rows = [self._box(denoiser, bank[k], device) for k in range(len(bank))]
        else:
            bank = open_bank(given, place, training=False)
            rows = [self._pair(denoiser, bank[k], device) for k in range(len(bank))]
        before, after = np.mean(rows, 0)
        return {"before": round(float(before), 3), "after": round(float(after), 3)}

    def _pair(self, denoiser: Denoiser, kept: Any, device: torch.device) -> list[float]:
        noisy, truth, guess = kept
        used = torch.from_numpy(abs(truth).max((1, 2)) > 0)
        y = torch.from_numpy(np.concatenate([guess, noisy]))[None].to(device)
        level = torch.from_numpy(scales(noisy))[None].to(device)
        after = _once(denoiser, y, level)
        wanted = torch.from_numpy(np.array(truth)).to(device)
        return [_db((v[0, : len(truth)] - wanted)[used]) for v in (y, after)]

    def _box(self, denoiser: Denoiser, kept: Any, device: torch.device) -> list[float]:
        """The first guess and what comes of it, over at most 64 bands."""
        voxels = torch.from_numpy(np.asarray(kept[:, :64], np.float32)).to(device)[None]
        truth, y = voxels[:, :1], voxels[:, 1:]
        return [_db(v - truth) for v in (y[:, :1], _once(denoiser, y, None)[:, :1])]


def _once(denoiser: Denoiser, y: torch.Tensor, level: torch.Tensor | None) -> torch.Tensor:
    return denoiser(start(denoiser.process, y, torch.zeros_like(y)), 1.0, y, level).x0


def _db(error: torch.Tensor) -> float:
    return 10 * math.log10(float(error.float().square().mean()))
