"""A compact network for spectrograms: U-shaped over frequency, causal over time, of bounded reach.

Bins are halved on the way down and doubled on the way up, as in CRN (Tan & Wang 2018) and its
heirs; frames are never merged. At the bottom layers with dilated steps in time (Conv-TasNet's
idea, Luo & Mesgarani 2019) look back a second or more, and linear layers over the bins see the
whole band. Everything looks back only. To look forward the bottom is joined to the skip
connections `ahead` frames late: what it says of frame n has heard frame n + ahead.

The head gives a complex gain for `taps` frames of the condition (deep filtering, Schroeter et al.
2022) plus an additive part. There is no pooling or normalisation over time, so that a signal in
blocks with a carried `State` equals the whole.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.carried import CausalConv2d, State, with_past
from undrift.common.networks.embeddings import LevelEmbedding
from undrift.common.networks.local_nafnet import PixelNorm


class BandBlock(nn.Module):
    """Causal 3 x 3 layer, scale and shift by time and level, a second layer; residual.

    dilation: of the first layer in time. bottom: the second layer sees one bin and frame, and a
    linear layer over all bins stands before it.
    """

    def __init__(
        self, channels: int, features: int, bins: int, dilation: int = 1, bottom: bool = False
    ):
        super().__init__()
        self.norm = PixelNorm(channels)
        self.first = CausalConv2d(channels, channels, dilation=dilation)
        self.film = nn.Linear(features, 2 * channels)
        self.band = nn.Linear(bins, bins) if bottom else None
        self.second = CausalConv2d(channels, channels, (1, 1) if bottom else (3, 3))
        nn.init.normal_(self.second.weight, std=0.2 * self.second.weight[0].numel() ** -0.5)
        for value in (self.second.bias, self.film.weight, self.film.bias):
            if value is not None:  # blocks start close to the identity
                nn.init.zeros_(value)

    def forward(self, x: Tensor, features: Tensor, state: State | None) -> Tensor:
        scale, shift = self.film(features)[:, :, None, None].chunk(2, 1)
        h = torch.addcmul(shift, self.first(self.norm(x), state), 1 + scale)
        if self.band is not None:
            h = h + self.band(h.transpose(2, 3)).transpose(2, 3)
        return x + self.second(F.silu(h), state)


class BandUNet(nn.Module):
    """(b, 2 + 2 k, bins, n) spectrograms -> (b, 2, bins, n); the last two channels: the condition.

    inputs: 4 for a state and one condition. fold: neighbouring bins that enter as channels.
    widths: channels of each level, each with half the bins of the one before; the last is the
    bottom. dilations: of its blocks, frames. depth: blocks a level on the way down, and up.
    ahead: frames. taps: frames of the condition that the head filters. levels, features: of the
    embedding. Raises ValueError for bins that cannot be halved so often.
    """

    def __init__(
        self,
        inputs: int = 4,
        outputs: int = 2,
        bins: int = 256,
        fold: int = 4,
        widths: Sequence[int] = (32, 48, 64, 96),
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 1, 4, 16),
        depth: int = 1,
        ahead: int = 4,
        taps: int = 3,
        levels: int = 0,
        features: int = 64,
    ):
        super().__init__()
        least = fold * 2 ** (len(widths) - 1)
        if bins % least or outputs != 2 or inputs < 4 or inputs % 2:
            raise ValueError(
                f"bins {bins}, inputs {inputs}, outputs {outputs}; expected bins divisible by "
                f"{least}, an even number of inputs from 4, and 2 outputs"
            )
        self.bins, self.fold, self.ahead, self.taps = bins, fold, ahead, taps
        self.widths, self.dilations, self.depth = tuple(widths), tuple(dilations), depth
        self.embed = LevelEmbedding(levels, features)
        sizes = [bins // fold // 2**i for i in range(len(widths))]
        self.enter = CausalConv2d(inputs * fold, widths[0])
        self.place = nn.Parameter(torch.zeros(widths[0], sizes[0], 1))

        def stage(level: int) -> nn.ModuleList:
            return nn.ModuleList(
                BandBlock(widths[level], features, sizes[level]) for _ in range(depth)
            )

        steps = list(itertools.pairwise(widths))
        self.down_blocks = nn.ModuleList(stage(i) for i in range(len(steps)))
        self.downs = nn.ModuleList(CausalConv2d(a, b, (3, 1), stride=2) for a, b in steps)
        self.bottom = nn.ModuleList(
            BandBlock(widths[-1], features, sizes[-1], d, bottom=True) for d in dilations
        )
        self.ups = nn.ModuleList(nn.Conv2d(b, 2 * a, 1) for a, b in steps)
        self.up_blocks = nn.ModuleList(stage(i) for i in range(len(steps)))
        self.leave = CausalConv2d(widths[0], fold * (2 + 2 * taps))
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(
        self, x: Tensor, psi: Tensor, level: Tensor | None = None, state: State | None = None
    ) -> Tensor:
        """With a state: a block of n frames gives those `ahead` before; the first ones fewer.

        Feed `ahead` frames of zeros at the end to get the last ones. Raises ValueError for other
        bins.
        """
        if x.shape[2] != self.bins:
            raise ValueError(f"the network is made for {self.bins} bins, {x.shape[2]} came")
        if x.shape[-1] == 0:
            return x[:, :2]
        features = self.embed(psi, level)
        if state is None:
            x = F.pad(x, (0, self.ahead))
        late = self._late("input", x, state)
        h, skips = self._down(x, features, state)
        if not late.shape[-1]:  # a block that is too short for the first result
            return late[:, :2]
        return self._head(self._up(h, skips, features, state), late, state)

    def _down(
        self, x: Tensor, features: Tensor, state: State | None
    ) -> tuple[Tensor, list[Tensor]]:
        h, skips = self.enter(_folded(x, self.fold), state) + self.place, []
        for index, down in enumerate(self.downs):
            h = _run(self.down_blocks[index], h, features, state)
            skips.append(self._late(("skip", index), h, state))
            h = down(h, state)
        h = _run(self.bottom, h, features, state)
        if state is None:
            return h[..., self.ahead :], skips
        return state.without_first("early", h, self.ahead), skips

    def _up(self, h: Tensor, skips: list[Tensor], features: Tensor, state: State | None) -> Tensor:
        for index in reversed(range(len(self.ups))):
            h = _unfolded(self.ups[index](h), 2) + skips[index]
            h = _run(self.up_blocks[index], h, features, state)
        return h

    def _late(self, key: object, h: Tensor, state: State | None) -> Tensor:
        if state is None:
            return h[..., : h.shape[-1] - self.ahead]
        return state.delayed(key, h, self.ahead)

    def _head(self, h: Tensor, x: Tensor, state: State | None) -> Tensor:
        out = _unfolded(self.leave(F.silu(h), state), self.fold)
        past = with_past("taps", x[:, -2:], self.taps - 1, state)
        frames, total = x.shape[-1], out[:, :2]
        for tap in range(self.taps):
            re, im = past[..., tap : tap + frames].unbind(1)
            a, b = out[:, 2 + 2 * tap], out[:, 3 + 2 * tap]
            total = total + torch.stack([a * re - b * im, a * im + b * re], 1)
        return total


def _run(blocks: nn.Module, h: Tensor, features: Tensor, state: State | None) -> Tensor:
    for block in blocks.children():
        h = block(h, features, state)
    return h


def _folded(x: Tensor, fold: int) -> Tensor:
    """(b, c, f, t) -> (b, c fold, f / fold, t): neighbouring bins become channels."""
    b, c, f, t = x.shape
    return x.reshape(b, c, f // fold, fold, t).transpose(2, 3).reshape(b, c * fold, f // fold, t)


def _unfolded(h: Tensor, fold: int) -> Tensor:
    """The inverse of `_folded`."""
    b, c, f, t = h.shape
    return h.reshape(b, c // fold, fold, f, t).transpose(2, 3).reshape(b, c // fold, fold * f, t)
