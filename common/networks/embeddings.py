"""Embeds where on the path a state lies and how degraded its condition is.

The angle psi resolves the noisy end and ln(tan psi), the log noise-to-signal ratio, the clean end;
both are given as sines and cosines of a few octaves. Levels are appended as they are.
"""

import math

import torch
from torch import Tensor, nn

_OCTAVES = 4
_LIMIT = 6.0  # of |ln tan psi|: noise-to-signal ratios beyond e^6 are alike


class LevelEmbedding(nn.Module):
    """(b,) angles and (b, k) levels -> (b, features)."""

    def __init__(self, levels: int, features: int):
        super().__init__()
        self.levels = levels
        self.layers = nn.Sequential(
            nn.Linear(4 * _OCTAVES + levels, features),
            nn.SiLU(),
            nn.Linear(features, features),
            nn.SiLU(),
        )

    def forward(self, psi: Tensor, level: Tensor | None) -> Tensor:
        """Raises ValueError if the number of levels is not the one the network was built for."""
        given = 0 if level is None else level.shape[1]
        if given != self.levels:
            raise ValueError(f"the network takes {self.levels} levels, {given} came")
        ratio = torch.log(torch.tan(psi.clamp(1e-4, math.pi / 2 - 1e-4))).clamp(-_LIMIT, _LIMIT)
        octaves = 2.0 ** torch.arange(_OCTAVES, device=psi.device, dtype=psi.dtype)
        place = ratio[:, None] / _LIMIT * math.pi / 2
        waves = torch.cat([psi[:, None] * octaves, place * octaves], 1)
        parts = [waves.sin(), waves.cos()] + ([level.to(psi.dtype)] if level is not None else [])
        return self.layers(torch.cat(parts, 1))
