"""The U-Net of SR3 (Saharia et al. 2021) as ddpm-cd and HIR-Diff have it, with their key names.

    inputs -> residual blocks and strided halving, level by level -> middle -> the same way back

Each block of the way down, and each halving, leaves a feature that a block of the way up takes. The
noise level, a number and not a step, goes through an encoding of sines and a small network to
a shift in each residual block. Attention stands where the side has a value of `attention`, counted
from `side`, whatever the side of the input; and once in the middle. It divides by the root of all
channels.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_STEEP = 1e4


class _Sines(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.count = width // 2

    def forward(self, level: Tensor) -> Tensor:
        place = torch.arange(self.count, dtype=level.dtype, device=level.device) / self.count
        angle = level[..., None] * torch.exp(-math.log(_STEEP) * place)
        return torch.cat([angle.sin(), angle.cos()], -1)


class _Shift(nn.Module):
    def __init__(self, features: int, channels: int):
        super().__init__()
        self.noise_func = nn.Sequential(nn.Linear(features, channels))

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        return x + self.noise_func(features)[:, :, None, None]


class _Layer(nn.Module):
    """Normalise, activate, convolve."""

    def __init__(self, channels: int, out: int, groups: int, dropout: float = 0.0):
        super().__init__()
        middle = nn.Dropout(dropout) if dropout else nn.Identity()
        norm, convolve = nn.GroupNorm(groups, channels), nn.Conv2d(channels, out, 3, padding=1)
        self.block = nn.Sequential(norm, nn.SiLU(), middle, convolve)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class _Residual(nn.Module):
    def __init__(self, channels: int, out: int, features: int, groups: int, dropout: float):
        super().__init__()
        self.noise_func = _Shift(features, out)
        self.block1 = _Layer(channels, out, groups)
        self.block2 = _Layer(out, out, groups, dropout)
        self.res_conv = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        return self.block2(self.noise_func(self.block1(x), features)) + self.res_conv(x)


class _Attention(nn.Module):
    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(self.norm(x)).flatten(2).mT.chunk(3, -1)
        found = nn.functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(found.mT.reshape(x.shape))


class _Stage(nn.Module):
    """A residual block, and attention after it where there is any."""

    def __init__(
        self, channels: int, out: int, features: int, groups: int, dropout: float, attends: bool
    ):
        super().__init__()
        self.res_block = _Residual(channels, out, features, groups, dropout)
        self.attn = _Attention(out, groups) if attends else nn.Identity()

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        return self.attn(self.res_block(x, features))


class _Halve(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 2, 1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        return self.conv(x)


class _Double(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        return self.conv(self.up(x))


class Sr3UNet(nn.Module):
    """(b, inputs, h, w) and levels (b, 1) -> (b, outputs, h, w); sides divisible by 2^(levels - 1).

    width: channels of the first level; multipliers: of each level; depth: blocks of each on the way
    down, one more on the way up; groups: of the normalisations, which divide all widths. The
    defaults are those of the weights that HIR-Diff uses (391 million parameters).
    """

    def __init__(
        self, inputs: int = 3, outputs: int = 3, width: int = 128,
        multipliers: Sequence[int] = (1, 2, 4, 8, 8), depth: int = 2,
        attention: Sequence[int] = (16,), groups: int = 32, dropout: float = 0.2, side: int = 256,
    ):  # fmt: skip
        super().__init__()
        widen = nn.Linear(width, 4 * width)
        self.noise_level_mlp = nn.Sequential(
            _Sines(width), widen, nn.SiLU(), nn.Linear(4 * width, width)
        )
        self.init_conv = nn.Conv2d(inputs, width, 3, padding=1)
        sides = [side // 2**k for k in range(len(multipliers))]

        def stage(channels: int, level: int) -> _Stage:
            out, attends = width * multipliers[level], sides[level] in attention
            return _Stage(channels, out, width, groups, dropout, attends)

        last, now = len(multipliers) - 1, width
        kept, downs, ups = [width], [], []
        for level in range(last + 1):
            for _ in range(depth):
                downs.append(stage(now, level))
                now = width * multipliers[level]
                kept.append(now)
            if level < last:
                downs.append(_Halve(now))
                kept.append(now)
        middle = [_Stage(now, now, width, groups, dropout, attends) for attends in (True, False)]
        for level in range(last, -1, -1):
            for _ in range(depth + 1):
                ups.append(stage(now + kept.pop(), level))
                now = width * multipliers[level]
            if level:
                ups.append(_Double(now))
        self.downs, self.mid, self.ups = map(nn.ModuleList, (downs, middle, ups))
        self.final_conv = _Layer(now, outputs, groups)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        """The noise in x, as the network was trained to tell it."""
        features = self.noise_level_mlp(level[:, 0])
        x = self.init_conv(x)
        kept = [x]
        for layer in self.downs:
            x = layer(x, features)
            kept.append(x)
        for layer in self.mid:
            x = layer(x, features)
        for layer in self.ups:
            x = layer(torch.cat([x, kept.pop()], 1) if isinstance(layer, _Stage) else x, features)
        return self.final_conv(x)
