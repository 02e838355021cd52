"""A network averaged over the sign of its signal: (N(x) - N(-x)) / 2, which is exactly odd.

A recording with its wire turned round is the same recording, but a trained network does not know it
quite. Its two answers differ a little, and their mean is better than either, at twice the cost.
"""

import torch
from torch import Tensor, nn

from undrift.common.networks.carried import State


class Odd(nn.Module):
    """Wraps a network with a carried `State`; both signs go as one batch."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.ahead = int(network.ahead)  # type: ignore[arg-type]

    def forward(
        self, x: Tensor, psi: Tensor, level: Tensor | None = None, state: State | None = None
    ) -> Tensor:
        both = None if level is None else torch.cat([level, level])
        out = self.network(torch.cat([x, -x]), torch.cat([psi, psi]), both, state)
        one, other = out.chunk(2)
        return (one - other) / 2
