"""A compact network for volumes, of bounded reach: the 3D sibling of `local_nafnet`.

Neighbouring voxels are folded into channels, then NAFNet's gated blocks (Chen et al., ECCV 2022)
work at halved sides, with few channels where there are many cells. Unlike in its sibling the
spatial layer of a block is dense: on processors a depthwise layer in three dimensions takes twice
the time of a dense one of 32 channels. Nothing pools, attends or normalises over space: `CellNorm`
sees the channels of one cell. So a volume in tiles equals the volume at once, for any size. Time
and levels enter as a scale and a shift in each block (FiLM, Perez et al. 2018) and as a gain before
the last layer, since the noise to be told is small against the signal at one end of the path and
large at the other. A single slice, (b, c, X, Y), counts as a volume of one slice.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.embeddings import LevelEmbedding


class CellNorm(nn.Module):
    """Layer normalisation over the channels of each cell; (b, c, X, Y, Z)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 4, 1)).permute(0, 4, 1, 2, 3)


class Block3d(nn.Module):
    """NAFNet's block with a dense layer: gated 3 x 3 x 3, then gated pointwise; reach 1 cell."""

    def __init__(self, channels: int, features: int):
        super().__init__()
        self.norm1, self.norm2 = CellNorm(channels), CellNorm(channels)
        self.dense = nn.Conv3d(channels, 2 * channels, 3, padding=1)
        self.project = nn.Conv3d(channels, channels, 1)
        self.widen = nn.Conv3d(channels, 2 * channels, 1)
        self.narrow = nn.Conv3d(channels, channels, 1)
        self.film = nn.Linear(features, 4 * channels)
        _set_to_zero(self.film.weight, self.film.bias, self.project.bias, self.narrow.bias)
        for layer in (self.project, self.narrow):  # blocks start close to the identity
            nn.init.normal_(layer.weight, std=0.2 * channels**-0.5)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        film = self.film(features)[:, :, None, None, None]
        scale1, shift1, scale2, shift2 = film.chunk(4, 1)
        h = torch.addcmul(shift1, self.norm1(x), 1 + scale1)
        x = x + self.project(_gated(self.dense, h))
        h = torch.addcmul(shift2, self.norm2(x), 1 + scale2)
        return x + self.narrow(_gated(self.widen, h))


class LocalNAFNet3d(nn.Module):
    """U-shaped stack of blocks: (b, inputs, X, Y, Z) -> (b, outputs, X, Y, Z), any sides.

    Slices (b, inputs, X, Y) give slices.

    unshuffle: side of the cubes of voxels folded into channels. widths, depths: channels and
    number of blocks of each level (the last level once, the others on the way down and up).
    levels, features: of the embedding. Raises ValueError if widths and depths differ in length.
    """

    def __init__(
        self,
        inputs: int = 1,
        outputs: int = 1,
        unshuffle: int = 2,
        widths: Sequence[int] = (32, 64, 128),
        depths: Sequence[int] = (1, 2, 2),
        levels: int = 0,
        features: int = 64,
    ):
        super().__init__()
        if len(widths) != len(depths):
            raise ValueError(f"widths {list(widths)} and depths {list(depths)} differ in length")
        self.unshuffle, self.widths, self.depths = unshuffle, tuple(widths), tuple(depths)
        self.embed = LevelEmbedding(levels, features)
        self.enter = nn.Conv3d(inputs * unshuffle**3, widths[0], 3, padding=1)
        self.leave = nn.Conv3d(widths[0], outputs * unshuffle**3, 3, padding=1)
        self.gain = nn.Linear(features, widths[0])
        _set_to_zero(self.leave.weight, self.leave.bias, self.gain.weight, self.gain.bias)

        def stage(width: int, depth: int) -> nn.ModuleList:
            return nn.ModuleList(Block3d(width, features) for _ in range(depth))

        steps = list(itertools.pairwise(widths))
        self.down_blocks = nn.ModuleList(stage(*at) for at in zip(widths, depths, strict=True))
        self.up_blocks = nn.ModuleList(stage(*at) for at in zip(widths[:-1], depths, strict=False))
        self.downs = nn.ModuleList(nn.Conv3d(w, below, 2, 2) for w, below in steps)
        self.ups = nn.ModuleList(nn.Conv3d(below, 8 * w, 1) for w, below in steps)

    @property
    def multiple(self) -> int:
        """Sides are padded to a multiple of this; tiles must start on it."""
        return self.unshuffle * 2 ** (len(self.depths) - 1)

    @property
    def reach(self) -> int:
        """No output voxel depends on an input voxel further away than this along any axis."""
        voxels = 2 * self.unshuffle  # enter and leave
        for index, depth in enumerate(self.depths):
            passes = 1 if index == len(self.depths) - 1 else 2
            voxels += passes * depth * self.unshuffle * 2**index
        return voxels + self.multiple  # voxels of one coarsest cell share their fate

    @property
    def bytes_per_element(self) -> float:
        """Peak memory of a call by a denoiser without gradients, in bytes per voxel, float32.

        Measured on a processor for eight shapes: 16 maps of the widest level (8 where there is no
        level below, hence nothing to skip) with the copies that convolutions make, and the inputs
        and two more at full size. That is the most that was seen; equal calls take up to a third
        less from one process to the next, all some 40 MB of the libraries' own beside it.
        """
        inputs = self.enter.in_channels // self.unshuffle**3
        widest = max(width / 8**level for level, width in enumerate(self.widths))
        maps = 16 if len(self.widths) > 1 else 8
        return 4 * (maps * widest / self.unshuffle**3 + inputs + 2)

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        if x.ndim == 4:
            return self(x[..., None], psi, level)[..., 0]
        sides = x.shape[2:]
        x = fold(pad_volume(x, self.multiple), self.unshuffle)
        features = self.embed(psi, level)
        h = self.below(0, x, features) * self.gain(features).exp()[:, :, None, None, None]
        out = unfold(self.leave(h), self.unshuffle)
        return out[..., : sides[0], : sides[1], : sides[2]]

    def below(self, index: int, h: Tensor, features: Tensor) -> Tensor:
        """What level `index` and all below it make of h, which comes from the level above."""
        h = self.downs[index - 1](h) if index else self.enter(h)
        h = _run(self.down_blocks[index], h, features)
        if index == len(self.downs):
            return h
        deep = self.below(index + 1, h, features)
        return _run(self.up_blocks[index], unfold(self.ups[index](deep), 2) + h, features)


def fold(x: Tensor, side: int) -> Tensor:
    """Cubes of voxels to channels: (b, c, X, Y, Z) -> (b, c side^3, X/side, Y/side, Z/side)."""
    b, c, *sides = x.shape
    X, Y, Z = (n // side for n in sides)
    x = x.reshape(b, c, X, side, Y, side, Z, side).permute(0, 1, 3, 5, 7, 2, 4, 6)
    x = x.reshape(b, c * side**3, X, Y, Z)
    return x.contiguous(memory_format=torch.channels_last_3d)


def unfold(x: Tensor, side: int) -> Tensor:
    """The inverse of `fold`."""
    b, c, X, Y, Z = x.shape
    x = x.reshape(b, c // side**3, side, side, side, X, Y, Z).permute(0, 1, 5, 2, 6, 3, 7, 4)
    return x.reshape(b, c // side**3, X * side, Y * side, Z * side)


def pad_volume(x: Tensor, multiple: int) -> Tensor:
    """Repeats the last planes until all sides are multiples of `multiple`."""
    short = [-n % multiple for n in x.shape[2:]]
    wide = (0, short[2], 0, short[1], 0, short[0])
    return F.pad(x, wide, mode="replicate") if any(short) else x


def _set_to_zero(*values: Tensor | None) -> None:
    for value in values:
        if value is not None:
            nn.init.zeros_(value)


def _gated(layer: nn.Module, h: Tensor) -> Tensor:
    """One half of a layer's channels times the other; lets go of both halves."""
    left, right = layer(h).chunk(2, 1)
    return left * right


def _run(blocks: nn.Module, h: Tensor, features: Tensor) -> Tensor:
    for block in blocks.children():
        h = block(h, features)
    return h
