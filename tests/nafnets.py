"""Small local networks of several shapes, in double precision, with random weights."""

from typing import Any

import torch
from torch import nn

from undrift.common.networks.local_nafnet import LocalNAFNet

SHAPES = [
    {"inputs": 6, "unshuffle": 4, "widths": [8], "depths": [16], "levels": 1},
    {"inputs": 3, "unshuffle": 2, "widths": (8, 12, 16), "depths": (2, 2, 6)},
    {"inputs": 2, "unshuffle": 1, "widths": (8, 12), "depths": (3, 1)},
    {"inputs": 2, "unshuffle": 1, "widths": (8, 8, 8, 8), "depths": (1, 2, 1, 3)},
]


def network(shape: dict[str, Any]) -> LocalNAFNet:
    torch.manual_seed(1)
    made = LocalNAFNet(**shape).double().eval()
    for weight in made.parameters():
        if weight.ndim > 1:  # the last layer begins at zero
            nn.init.normal_(weight, std=0.3)
    return made


def inputs(made: LocalNAFNet, shape: dict[str, Any], size: tuple[int, int]) -> list[Any]:
    level = torch.ones(1, 1, dtype=torch.float64) if shape.get("levels") else None
    x = torch.randn(1, shape["inputs"], *size, dtype=torch.float64)
    return [x, torch.ones(1, dtype=torch.float64), level]
