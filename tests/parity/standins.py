"""The closed-form functions that stood in for the networks of the bridge papers."""

import torch
from torch import Tensor


def first_net(x: Tensor, y: Tensor | None, share: float) -> Tensor:
    """share: the time that the network was told, over the number of training steps; no y is 0."""
    degraded = torch.zeros_like(x) if y is None else y
    return torch.tanh(0.3 * x + 0.5 * degraded) * (1 + 0.1 * share)


def second_net(x: Tensor, y: Tensor | None, share: float) -> Tensor:
    """The other head, and the only network of some papers."""
    degraded = torch.zeros_like(x) if y is None else y
    return torch.tanh(0.2 * x - 0.4 * degraded) * (1 - 0.05 * share)
