"""Layers of NCSN++ (Song et al. 2021, App. H), with the tensor names of published checkpoints.

    Fourier     e = [sin, cos](2 pi W ln t), W drawn once with spread 16 and never trained
    Residual    BigGAN's block: norm, SiLU, resampling, 3 x 3, + time, norm, SiLU, 3 x 3;
                its sum with the shortcut is divided by the root of two
    Attention   one head over all bins and frames of a feature map
    Combine     a 1 x 1 of the resampled input, added to the features

Resampling is by the binomial filter [1, 3, 3, 1], so that nothing aliases (Zhang 2019). Norms are
over groups of channels and the whole map. Fresh weights start each block near the identity.
"""

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
_TAPS = (1.0, 3.0, 3.0, 1.0)
_ROOT2 = math.sqrt(2)


def upsample(x: Tensor) -> Tensor:
    """(b, c, h, w) -> (b, c, 2 h, 2 w): zeros between, then the filter times four."""
    b, c, h, w = x.shape
    flat = x.reshape(b * c, 1, h, w)
    out = F.conv_transpose2d(flat, 4 * _kernel(x), stride=2, padding=1)
    return out.reshape(b, c, 2 * h, 2 * w)


def downsample(x: Tensor) -> Tensor:
    """(b, c, h, w) -> (b, c, h/2, w/2) for even sides: the filter, then every second one."""
    b, c, h, w = x.shape
    out = F.conv2d(x.reshape(b * c, 1, h, w), _kernel(x), stride=2, padding=1)
    return out.reshape(b, c, *out.shape[-2:])


def _kernel(like: Tensor) -> Tensor:
    taps = torch.tensor(_TAPS, dtype=like.dtype, device=like.device) / sum(_TAPS)
    return torch.outer(taps, taps)[None, None]


def convolution(inputs: int, outputs: int, side: int = 3, silent: bool = False) -> nn.Conv2d:
    """Xavier's start, without bias; silent: start with next to nothing."""
    layer = nn.Conv2d(inputs, outputs, side, padding=side // 2)
    return _started(layer, silent)


def linear(inputs: int, outputs: int) -> nn.Linear:
    """Xavier's start, without bias."""
    return _started(nn.Linear(inputs, outputs))


def group_norm(channels: int) -> nn.GroupNorm:
    """At least four channels a group, at most 32 groups."""
    return nn.GroupNorm(min(channels // 4, 32), channels, eps=1e-6)


class Fourier(nn.Module):
    """(b,) times -> (b, 2 width): their logarithms at `width` random rates."""

    def __init__(self, width: int, spread: float = 16.0):
        super().__init__()
        self.W = nn.Parameter(spread * torch.randn(width), requires_grad=False)

    def forward(self, t: Tensor) -> Tensor:
        waves = torch.log(t)[:, None] * self.W * 2 * math.pi
        return torch.cat([waves.sin(), waves.cos()], 1)


class Residual(nn.Module):
    """features: of the time embedding; up, down: by a factor of two."""

    def __init__(
        self, inputs: int, outputs: int, features: int, up: bool = False, down: bool = False
    ):
        super().__init__()
        self.up, self.down = up, down
        self.GroupNorm_0 = group_norm(inputs)
        self.Conv_0 = convolution(inputs, outputs)
        self.Dense_0 = linear(features, outputs)
        self.GroupNorm_1 = group_norm(outputs)
        self.Conv_1 = convolution(outputs, outputs, silent=True)
        other = inputs != outputs or up or down
        self.Conv_2 = convolution(inputs, outputs, side=1) if other else None

    def forward(self, x: Tensor, time: Tensor | None) -> Tensor:
        """time: (b, features) before its activation, None for a network without time."""
        h = F.silu(self.GroupNorm_0(x))
        if self.up:
            h, x = upsample(h), upsample(x)
        elif self.down:
            h, x = downsample(h), downsample(x)
        h = self.Conv_0(h)
        if time is not None:
            h = h + self.Dense_0(F.silu(time))[:, :, None, None]
        h = self.Conv_1(F.silu(self.GroupNorm_1(h)))
        x = x if self.Conv_2 is None else self.Conv_2(x)
        return (x + h) / _ROOT2


class _Pointwise(nn.Module):
    """A linear layer over the channels of each place; W: (inputs, outputs)."""

    def __init__(self, channels: int, silent: bool = False):
        super().__init__()
        self.W = nn.Parameter(torch.empty(channels, channels))
        self.b = nn.Parameter(torch.zeros(channels))
        nn.init.xavier_uniform_(self.W, gain=1e-5 if silent else 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """(b, places, channels) -> the same shape."""
        return x @ self.W + self.b


class Attention(nn.Module):
    """Every place looks at every other: time grows with their number squared, memory does not."""

    def __init__(self, channels: int):
        super().__init__()
        self.GroupNorm_0 = group_norm(channels)
        self.NIN_0 = _Pointwise(channels)
        self.NIN_1 = _Pointwise(channels)
        self.NIN_2 = _Pointwise(channels)
        self.NIN_3 = _Pointwise(channels, silent=True)

    def forward(self, x: Tensor) -> Tensor:
        places = self.GroupNorm_0(x).flatten(2).transpose(1, 2)
        q, k, v = (part(places)[:, None] for part in (self.NIN_0, self.NIN_1, self.NIN_2))
        h = self.NIN_3(F.scaled_dot_product_attention(q, k, v)[:, 0])
        return (x + h.transpose(1, 2).reshape(x.shape)) / _ROOT2


class Combine(nn.Module):
    """Adds a picture of the input to features."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.Conv_0 = convolution(inputs, outputs, side=1)

    def forward(self, small: Tensor, h: Tensor) -> Tensor:
        return self.Conv_0(small) + h


def _started(layer: Layer, silent: bool = False) -> Layer:
    nn.init.xavier_uniform_(layer.weight, gain=1e-5 if silent else 1.0)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
