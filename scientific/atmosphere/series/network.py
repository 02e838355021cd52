"""A small network of series, and how it is shown what is known.

Convolutions over time, wider and narrower again, with all sensors mixed: a value is told by at most
`reach` steps on either side, so a series is sampled as a whole, whatever its length.
"""

import torch
from torch import Tensor, nn

from undrift.common.networks.embeddings import LevelEmbedding

DILATIONS = (1, 2, 4, 8, 16, 8, 4, 2, 1)


class SeriesNet(nn.Module):
    """(b, 3 sensors, length) state, known values and where they are -> (b, sensors, length)."""

    def __init__(self, sensors: int, features: int = 48, dilations: tuple[int, ...] = DILATIONS):
        super().__init__()
        self.reach = sum(dilations) + 2
        self.time = LevelEmbedding(0, features)
        self.first = nn.Conv1d(3 * sensors, features, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(features, dilation) for dilation in dilations)
        self.last = nn.Conv1d(features, sensors, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor, psi: Tensor) -> Tensor:
        """psi: (b,) angle of the noise, see `Denoiser`."""
        x, time = self.first(inputs), self.time(psi, None)
        for block in self.blocks:
            x = block(x, time)
        return self.last(torch.nn.functional.silu(x))


class _Block(nn.Module):
    def __init__(self, features: int, dilation: int):
        super().__init__()
        self.norm = nn.LayerNorm(features)  # over the features of one time
        self.shift = nn.Linear(features, 2 * features)
        self.wide = nn.Conv1d(features, 2 * features, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(features, features, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        gain, shift = self.shift(time)[..., None].chunk(2, 1)
        h = self.norm(x.transpose(1, 2)).transpose(1, 2) * (1 + gain) + shift
        signal, gate = self.wide(h).chunk(2, 1)
        return x + self.mix(torch.tanh(signal) * torch.sigmoid(gate))


class Posed(nn.Module):
    """A network with what is known: the posterior given `known` where `mask` holds.

    known: (b or 1, sensors, length), mask: bool of that shape. noise: None shows the known values
    as they are (conditional); given, they are shown with as much noise as the state has, which is
    the same noise at every step (ImDiffusion's unconditional variant): a wild value then cannot
    tell the network what it is.
    """

    def __init__(self, network: nn.Module, known: Tensor, mask: Tensor, noise: Tensor | None):
        super().__init__()
        self.network = network
        self.known, self.mask, self.noise = torch.where(mask, known, 0), mask, noise

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        shown = self.known
        if self.noise is not None:
            turn = psi[:, None, None]
            shown = torch.where(
                self.mask, torch.cos(turn) * shown + torch.sin(turn) * self.noise, 0
            )
        state = torch.where(self.mask, 0, inputs)
        parts = (state, shown.expand_as(inputs), self.mask.to(inputs).expand_as(inputs))
        return self.network(torch.cat(parts, 1), psi)
