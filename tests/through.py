"""An autoencoder that hands through what it gets."""

from typing import Any

import torch
from torch import Tensor, nn


class _Coded:
    def __init__(self, value: Tensor):
        self.latents = self.sample = value


class Through(nn.Module):
    """Pictures are their own latents, float64."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))
        self.config = {"scaling_factor": 1.0}

    def encode(self, x: Tensor) -> Any:
        """x, where a VQModel has its latents."""
        return _Coded(x)

    def decode(self, z: Tensor) -> Any:
        """z, where a decoder has its picture."""
        return _Coded(z)
