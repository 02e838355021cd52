"""A compact restoration network of bounded reach: NAFNet's blocks without global pooling.

NAFNet (Chen et al., ECCV 2022) gates channels by products instead of activations. Its simplified
channel attention pools over the whole picture, so a tile and the whole differ; here it is left out
and every operation sees a bounded window: a picture restored in tiles equals the picture restored
at once. Pictures enter by pixel-unshuffling; time and levels enter as a scale and a shift (FiLM)
in each block. Layer normalisation runs over the channels of one pixel. With `periodic`, fields go
round: each edge borders on the opposite one. A processor without gradients to keep works through
the large maps of a block in strips of rows: what lies between its input and its output, five times
as wide, then stays small and in the cache, and the numbers are the same.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.embeddings import LevelEmbedding

Films = Sequence[Tensor]
STRIP = 2**21  # bytes of a block's input that are worked on at a time


class PixelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel; (b, c, h, w)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """NAFNet block: gated depthwise 3 x 3, then a gated pointwise layer; reach 1."""

    def __init__(self, channels: int, features: int, periodic: bool = False):
        super().__init__()
        self.norm1, self.norm2 = PixelNorm(channels), PixelNorm(channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.depthwise = _conv3(2 * channels, 2 * channels, periodic, groups=2 * channels)
        self.project = nn.Conv2d(channels, channels, 1)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.narrow = nn.Conv2d(channels, channels, 1)
        self.film = nn.Linear(features, 4 * channels)
        self.periodic = periodic
        _set_to_zero(self.film.weight, self.film.bias, self.project.bias, self.narrow.bias)
        for layer in (self.project, self.narrow):  # blocks start close to the identity
            nn.init.normal_(layer.weight, std=0.2 * channels**-0.5)

    def forward(self, x: Tensor, features: Tensor) -> Tensor:
        films = self.films(features)
        rows = max(1, STRIP // max(1, x[:, :, :1].nbytes))
        if rows >= x.shape[2] or not self._may_cut(x):
            return self._run(x, films, slice(0, x.shape[2]))
        out = torch.empty_like(x)
        for top in range(0, x.shape[2], rows):
            strip = slice(top, min(top + rows, x.shape[2]))
            out[:, :, strip] = self._run(x, films, strip)
        return out

    def films(self, features: Tensor) -> Films:
        """Scale and shift of both halves, (b, channels, 1, 1) each."""
        return self.film(features)[:, :, None, None].chunk(4, 1)

    def entered(self, x: Tensor, films: Films) -> Tensor:
        """What the depthwise layer sees of x, (b, 2 c, h, w)."""
        return self.expand(self.norm1(x) * (1 + films[0]) + films[1])

    def left(self, x: Tensor, h: Tensor, films: Films) -> Tensor:
        """The block's result from its input x and what the depthwise layer made of it."""
        left, right = h.chunk(2, 1)
        x = x + self.project(left * right)
        left, right = self.widen(self.norm2(x) * (1 + films[2]) + films[3]).chunk(2, 1)
        return x + self.narrow(left * right)

    def _may_cut(self, x: Tensor) -> bool:
        plain = x.device.type == "cpu" and not torch.is_grad_enabled()
        return plain and not self.periodic and not torch.compiler.is_compiling()

    def _run(self, x: Tensor, films: Films, strip: slice) -> Tensor:
        """The rows `strip` of the result; the depthwise layer sees one more at each side."""
        seen = slice(max(0, strip.start - 1), strip.stop + 1)
        h = self.depthwise(self.entered(x[:, :, seen], films))
        inner = slice(strip.start - seen.start, strip.stop - seen.start)
        return self.left(x[:, :, strip], h[:, :, inner], films)


class LocalNAFNet(nn.Module):
    """U-shaped stack of blocks: (b, inputs, h, w) -> (b, outputs, h, w), any h and w.

    unshuffle: side of the pixel blocks folded into channels. widths, depths: channels and number
    of blocks of each level (the last level once, the others on the way down and up). periodic: the
    sides must be multiples of `multiple` then.
    """

    def __init__(
        self,
        inputs: int = 3,
        outputs: int = 3,
        unshuffle: int = 2,
        widths: Sequence[int] = (32, 64, 128),
        depths: Sequence[int] = (2, 2, 6),
        levels: int = 0,
        features: int = 64,
        periodic: bool = False,
    ):
        super().__init__()
        if len(widths) != len(depths):
            raise ValueError(f"widths {list(widths)} and depths {list(depths)} differ in length")
        self.unshuffle, self.widths, self.depths = unshuffle, tuple(widths), tuple(depths)
        self.embed = LevelEmbedding(levels, features)
        self.periodic = periodic
        self.enter = _conv3(inputs * unshuffle**2, widths[0], periodic)
        self.leave = _conv3(widths[0], outputs * unshuffle**2, periodic)
        _set_to_zero(self.leave.weight, self.leave.bias)

        def stage(width: int, depth: int) -> nn.ModuleList:
            return nn.ModuleList(Block(width, features, periodic) for _ in range(depth))

        outer = list(zip(widths[:-1], widths[1:], depths[:-1], strict=True))
        self.down_blocks = nn.ModuleList(stage(width, depth) for width, _, depth in outer)
        self.up_blocks = nn.ModuleList(stage(width, depth) for width, _, depth in outer)
        self.middle = stage(widths[-1], depths[-1])
        self.downs = nn.ModuleList(nn.Conv2d(w, below, 2, 2) for w, below, _ in outer)
        self.ups = nn.ModuleList(nn.Conv2d(below, 4 * w, 1) for w, below, _ in outer)

    @property
    def multiple(self) -> int:
        """Sides are padded to a multiple of this; tiles must start on it."""
        return self.unshuffle * 2 ** (len(self.depths) - 1)

    @property
    def reach(self) -> int:
        """No output pixel depends on an input pixel further away than this (in pixels)."""
        pixels = 2 * self.unshuffle  # enter and leave
        for index, depth in enumerate(self.depths):
            cell = self.unshuffle * 2**index
            passes = 1 if index == len(self.depths) - 1 else 2
            pixels += passes * depth * cell
        return pixels + self.multiple  # pixels of one coarsest cell share their fate

    @property
    def bytes_per_element(self) -> float:
        """Peak memory of a call by a denoiser without gradients, in bytes per pixel, float32.

        Measured on a processor for six shapes: 8.5 maps of the widest level live at once, and two
        for each input and six more at full size; it is met within 10 % (mostly below). Maps that
        are worked through in strips take about half.
        """
        inputs = self.enter.in_channels // self.unshuffle**2
        widest = max(width / 4**level for level, width in enumerate(self.widths))
        return 4 * (8.5 * widest / self.unshuffle**2 + 2 * inputs + 6)

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        height, width = x.shape[-2:]
        if self.periodic and (height % self.multiple or width % self.multiple):
            raise ValueError(
                f"got {height} x {width}; a periodic field has sides that are multiples of "
                f"{self.multiple}"
            )
        x = pad_to_multiple(x, self.multiple)
        features = self.embed(psi, level)
        h = self.below(0, F.pixel_unshuffle(x, self.unshuffle), features)
        return F.pixel_shuffle(self.leave(h), self.unshuffle)[..., :height, :width]

    def below(self, index: int, h: Tensor, features: Tensor) -> Tensor:
        """What level `index` and all below it make of h, which comes from the level above."""
        h = self.descend(index, h, features)
        if index == len(self.downs):
            return h
        deep = self.below(index + 1, h, features)
        h = F.pixel_shuffle(self.ups[index](deep), 2) + h
        return _run(self.up_blocks[index], h, features)

    def descend(self, index: int, h: Tensor, features: Tensor) -> Tensor:
        """The way down at level `index`, (b, widths[index], h, w); it also skips to the way up."""
        h = self.downs[index - 1](h) if index else self.enter(h)
        last = index == len(self.downs)
        return _run(self.middle if last else self.down_blocks[index], h, features)


def _conv3(inputs: int, outputs: int, periodic: bool, groups: int = 1) -> nn.Conv2d:
    mode = "circular" if periodic else "zeros"
    return nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, padding_mode=mode)


def _set_to_zero(*values: Tensor | None) -> None:
    for value in values:
        if value is not None:
            nn.init.zeros_(value)


def _run(blocks: nn.Module, h: Tensor, features: Tensor) -> Tensor:
    for block in blocks.children():
        h = block(h, features)
    return h


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeats the last row and column until both sides are multiples of `multiple`."""
    below, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x
