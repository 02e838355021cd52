"""Validation during training: one call of the network on pairs of scenes that are not trained on.

The scores are mean squared errors in units of the noise (1 before, about), in dB, over channels
that hold something: of pairs before and after.
"""

import math
from dataclasses import dataclass
from pathlib import Path

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
        """Mean over scenes and moments of the error before and after, dB."""
        given = PairSettings(
            **self.settings.model_dump(), channels=self.signal.channels, least=self.signal.least
        )
        bank = open_bank(given, cache_folder() / "scientific" / "validation", training=False)
        device = next(denoiser.network.parameters()).device
        rows = []
        for k in range(len(bank)):
            for y, x0 in bank[k]:
                used = torch.from_numpy(abs(x0).max((1, 2)) > 0)
                noisy, truth = (torch.from_numpy(np.array(v))[None].to(device) for v in (y, x0))
                level = torch.from_numpy(scales(y))[None].to(device)
                state = start(denoiser.process, noisy, torch.zeros_like(noisy))
                after = denoiser(state, 1.0, noisy, level).x0
                rows.append([_db((v - truth)[0, used]) for v in (noisy, after)])
        before, after_all = np.mean(rows, 0)
        return {"before": round(float(before), 3), "after": round(float(after_all), 3)}


def _db(error: torch.Tensor) -> float:
    return 10 * math.log10(float(error.float().square().mean()))
