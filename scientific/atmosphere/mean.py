"""Regression networks: the mean of a fine field given a coarse one, with or without sensors.

The network is told y, the coarse field drawn as a cubic, the factor, and, in the model with
sensors, `maps`: what sensors say beyond y at their cells, and where there are any. It is what a
diffusion has to beat, and the first of the two steps of CorrDiff (Mardani et al. 2023).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser


def factor_level(factor: int) -> Tensor:
    """(1,) the level of a factor: -1/2 for x4, 1/2 for x8."""
    return torch.tensor([math.log2(factor) - 2.5])


class WithMaps(nn.Module):
    """A network whose inputs are followed by `maps` (b, m, rows, columns)."""

    def __init__(self, network: nn.Module, maps: Tensor):
        super().__init__()
        self.network, self.maps = network, maps

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """As the network's."""
        return self.network(torch.cat([x, self.maps.to(x)], 1), psi, level)


@dataclass(frozen=True)
class Mean:
    """Call it with y (b, c, rows, columns), the factor and maps (b, 2 c, ...) if the model has
    any; all in the numbers of the network."""

    denoiser: Denoiser

    @torch.no_grad()
    def __call__(self, y: Tensor, factor: int, maps: Tensor | None = None) -> Tensor:
        """The mean, shaped like y."""
        denoiser = self.denoiser
        if maps is not None:
            denoiser = denoiser.with_network(WithMaps(denoiser.network, maps))
        level = factor_level(factor).to(y).expand(len(y), 1)
        return denoiser(y, 1.0, y, level).x0
