"""A network averaged over turns of its complex signal, mean over k of i^-k N(i^k x).

A recording with its wire turned round is the same recording, and one whose phases are all turned by
90 degrees (its Hilbert transform) is as good a recording; a trained network does not know it quite.
Its answers differ a little, and their mean is better than any one, at the cost of as many calls.
"""

import torch
from torch import Tensor, nn

from undrift.common.networks.carried import State

TURNS = (1, 2, 4)


class Turned(nn.Module):
    """Wraps a network of channels (re, im, re, im, ...) with a carried `State`.

    turns: 2 for both signs, 4 for quarter turns; they go as one batch. Raises ValueError for
    another number.
    """

    def __init__(self, network: nn.Module, turns: int):
        super().__init__()
        if turns not in TURNS:
            raise ValueError(f"got {turns} turns; expected one of {TURNS}")
        self.network, self.turns = network, turns
        self.ahead = int(network.ahead)  # type: ignore[arg-type]

    def forward(
        self, x: Tensor, psi: Tensor, level: Tensor | None = None, state: State | None = None
    ) -> Tensor:
        quarters = [4 // self.turns * k for k in range(self.turns)]
        turned = torch.cat([_turned(x, quarter) for quarter in quarters])
        levels = None if level is None else level.repeat(self.turns, *[1] * (level.ndim - 1))
        out = self.network(turned, psi.repeat(self.turns), levels, state).chunk(self.turns)
        back = [_turned(part, -quarter) for part, quarter in zip(out, quarters, strict=True)]
        return torch.stack(back).mean(0)


def _turned(x: Tensor, quarter: int) -> Tensor:
    """x times i^quarter, of channels (re, im, ...)."""
    re, im = x[:, 0::2], x[:, 1::2]
    parts = {0: (re, im), 1: (-im, re), 2: (-re, -im), 3: (im, -re)}[quarter % 4]
    return torch.stack(parts, 2).flatten(1, 2)
