"""NCSN++ for complex spectrograms: a U-Net over bins and frames, asked at a time.

The published networks are one class with other settings (`variants`): SGMSE+ (Richter et al.
2023), its revision for bridges (2025), the one for 48 kHz (2024), and the score and predictive
networks of StoRM (Lemercier et al. 2023). Modules stand in one list in the order in which they run,
and their tensors are called after their place in it; so the list is walked as it was built.

Two pyramids help the U: the input, halved, is added at each level; each level gives a picture of
its own, and these are doubled and summed. Attention and group norms see the whole signal, so that a
piece of it and the whole differ. At full size there are 65 M parameters; attention is over as many
places as there are frames (four times as many in StoRM).
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.errors import InputError
from undrift.common.networks.ncsnpp.layers import (
    Attention,
    Combine,
    Fourier,
    Residual,
    convolution,
    downsample,
    group_norm,
    linear,
    upsample,
)

Division = Literal["none", "before", "after"]


class NCSNpp(nn.Module):
    """(b, channels, bins, frames) and times (b,) -> (b, 2, bins, frames).

    channels: real and imaginary parts of all inputs. width, multipliers: channels of each level are
    their products. depth: blocks of a level on the way down, one more on the way up. attention: the
    numbers of rows at which it attends beside the bottom; rows: bins of the input, which settle the
    levels. pyramids: see the module. timed: whether there is a time. division: by the time, of what
    the last layer sees ("before") or gives ("after"). centred: False for 2 x - 1 of the input.
    """

    def __init__(
        self,
        channels: int = 4,
        width: int = 128,
        multipliers: Sequence[int] = (1, 1, 2, 2, 2, 2, 2),
        depth: int = 2,
        attention: Sequence[int] = (16,),
        rows: int = 256,
        pyramids: bool = True,
        timed: bool = True,
        division: Division = "none",
        centred: bool = True,
    ):
        super().__init__()
        if division not in ("none", "before", "after"):
            raise ValueError(f"division {division!r} is not one of none, before, after")
        if width % 4 or width < 4:
            raise ValueError(f"width {width} is not a multiple of 4")
        self.channels, self.width, self.depth = channels, width, depth
        self.multipliers, self.attention, self.rows = tuple(multipliers), tuple(attention), rows
        self.pyramids, self.timed = pyramids, timed
        self.division, self.centred = division, centred
        self.output_layer = convolution(channels, 2, side=1)
        self.all_modules = nn.ModuleList(self._built())

    @property
    def multiple(self) -> int:
        """Bins and frames have to be multiples of this."""
        return 2 ** (len(self.multipliers) - 1)

    def forward(self, x: Tensor, t: Tensor | None = None) -> Tensor:
        """Raises InputError for sides that do not halve often enough, or meet other attention."""
        self._check(x)
        x = x if self.centred else 2 * x - 1
        modules = iter(self.all_modules)
        time = self._time(modules, t)
        skips = self._down(modules, x, time)
        h = skips[-1]
        h = next(modules)(h, time)
        h = next(modules)(h)
        h = next(modules)(h, time)
        h = self._up(modules, h, skips, time)
        if self.division == "before" and t is not None:
            h = h / t[:, None, None, None]
        h = self.output_layer(h)
        return h / t[:, None, None, None] if self.division == "after" and t is not None else h

    def _time(self, modules: Iterator[nn.Module], t: Tensor | None) -> Tensor | None:
        fourier = next(modules)
        if not self.timed:
            return None
        if t is None:
            raise InputError("this network is asked at a time; pass t")
        first, second = next(modules), next(modules)
        return second(F.silu(first(fourier(t))))

    def _down(self, modules: Iterator[nn.Module], x: Tensor, time: Tensor | None) -> list[Tensor]:
        """What the way up will see, from fine to coarse."""
        skips, small = [next(modules)(x)], x
        for level in range(len(self.multipliers)):
            for _ in range(self.depth):
                h = next(modules)(skips[-1], time)
                skips.append(next(modules)(h) if self._attends(level) else h)
            if level + 1 < len(self.multipliers):
                h = next(modules)(skips[-1], time)
                if self.pyramids:
                    small = downsample(small)
                    h = next(modules)(small, h)
                skips.append(h)
        return skips

    def _up(
        self, modules: Iterator[nn.Module], h: Tensor, skips: list[Tensor], time: Tensor | None
    ) -> Tensor:
        picture = None
        for level in reversed(range(len(self.multipliers))):
            for _ in range(self.depth + 1):
                h = next(modules)(torch.cat([h, skips.pop()], 1), time)
            h = next(modules)(h) if self._attends(level) else h
            if self.pyramids:
                more = _shown(modules, h)
                picture = more if picture is None else upsample(picture) + more
            h = next(modules)(h, time) if level else h
        return _shown(modules, h) if picture is None else picture

    def _attends(self, level: int) -> bool:
        return self.rows >> level in self.attention

    def _check(self, x: Tensor) -> None:
        bins, frames = x.shape[-2:]
        if x.shape[1] != self.channels:
            raise InputError(f"{x.shape[1]} channels came; this network takes {self.channels}")
        if bins % self.multiple or frames % self.multiple:
            raise InputError(
                f"{bins} bins and {frames} frames came; both have to be multiples of "
                f"{self.multiple}: pad the frames, and take the spectrogram of the checkpoint"
            )
        levels = range(len(self.multipliers))
        if any((bins >> level in self.attention) != self._attends(level) for level in levels):
            raise InputError(f"{bins} bins came; this network attends where {self.rows} need it")

    def _built(self) -> list[nn.Module]:
        features, width = 4 * self.width, self.width
        modules: list[nn.Module] = [Fourier(width)]
        if self.timed:
            modules += [linear(2 * width, features), linear(features, features)]
        modules.append(convolution(self.channels, width))
        skips = self._add_down(modules, features)
        bottom = skips[-1]
        modules += [Residual(bottom, bottom, features), Attention(bottom)]
        modules.append(Residual(bottom, bottom, features))
        self._add_up(modules, features, skips)
        return modules

    def _add_down(self, modules: list[nn.Module], features: int) -> list[int]:
        """Appends the way down; returns the channels of what the way up will see."""
        now, skips = self.width, [self.width]
        for level, multiplier in enumerate(self.multipliers):
            for _ in range(self.depth):
                modules.append(Residual(now, multiplier * self.width, features))
                now = multiplier * self.width
                modules += [Attention(now)] if self._attends(level) else []
                skips.append(now)
            if level + 1 < len(self.multipliers):
                modules.append(Residual(now, now, features, down=True))
                modules += [Combine(self.channels, now)] if self.pyramids else []
                skips.append(now)
        return skips

    def _add_up(self, modules: list[nn.Module], features: int, skips: list[int]) -> None:
        now, skips = skips[-1], list(skips)
        for level, multiplier in reversed(list(enumerate(self.multipliers))):
            for _ in range(self.depth + 1):
                modules.append(Residual(now + skips.pop(), multiplier * self.width, features))
                now = multiplier * self.width
            modules += [Attention(now)] if self._attends(level) else []
            modules += self._picture(now) if self.pyramids else []
            modules += [Residual(now, now, features, up=True)] if level else []
        modules += [] if self.pyramids else self._picture(now)

    def _picture(self, channels: int) -> list[nn.Module]:
        return [group_norm(channels), convolution(channels, self.channels, silent=True)]


def _shown(modules: Iterator[nn.Module], h: Tensor) -> Tensor:
    """What a level shows of the result."""
    norm, layer = next(modules), next(modules)
    return layer(F.silu(norm(h)))
