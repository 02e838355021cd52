"""A network for images whose channels differ in scale from item to item, with noise of one size.

Coefficients of a subspace have noise of deviation 1, while a channel may be hundreds of times as
large in one cube and hidden in the noise in another. The network is told ln of the scale of each
channel (the levels). It sees the channel over its scale, and, in units of the noise itself, what a
bounded window says of it: asinh of the difference to the mean of 5 x 5 pixels, asinh of four times
the difference of that mean to the one of 17 x 17, and the mean along 65 rows of what differs from
the mean of nine columns, which is where faults of single columns show. Then `local_nafnet`.

What it gives is x0 - y in units of the noise. For a channel of pure noise that is the noise, which
a narrow network cannot pass on pixel by pixel; so beside it runs a short way of four weights a
channel, told the scale and the angle: of the state, of y and of its two means. It begins as the
Wiener estimate, x0 - y = -y / scale^2.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import LocalNAFNet, pad_to_multiple

_SMALL, _LARGE, _ALONG, _ACROSS = 2, 8, 32, 4  # half sides of the windows
_FEATURES = 4  # of y, a channel
_SHORT = 4  # weights of the short way


class ScaledChannels(nn.Module):
    """(b, 2 channels, h, w), state and y in units of the noise -> (b, channels, h, w), any sides.

    level: (b, channels), ln of the scale of each channel of y; a channel without signal has 0.
    width: of what the features are brought to. The others as in `LocalNAFNet`.
    """

    def __init__(
        self,
        channels: int = 12,
        width: int = 40,
        unshuffle: int = 2,
        widths: Sequence[int] = (64, 96, 128),
        depths: Sequence[int] = (2, 2, 4),
        features: int = 64,
    ):
        super().__init__()
        self.channels = channels
        self.enter = nn.Conv2d((1 + _FEATURES) * channels, width, 1)
        self.body = LocalNAFNet(width, channels, unshuffle, widths, depths, channels, features)
        self.short = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, _SHORT))
        for value in self.short[-1].parameters():
            nn.init.zeros_(value)

    @property
    def multiple(self) -> int:
        """Tiles must start on a multiple of this."""
        return self.body.multiple

    @property
    def reach(self) -> int:
        """No output pixel depends on an input pixel further away than this."""
        return self.body.reach + max(_SMALL + _LARGE, _ALONG, _ACROSS)

    @property
    def bytes_per_element(self) -> float:
        """Peak memory of a call without gradients, in bytes per pixel, float32."""
        return self.body.bytes_per_element + 4 * 2 * (1 + _FEATURES) * self.channels

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """Raises ValueError where no scales are given."""
        if level is None:
            raise ValueError("this network takes the logarithm of the scale of each channel")
        height, width = x.shape[-2:]
        state, y = pad_to_multiple(x.float(), self.multiple).split(self.channels, 1)
        near = box(y, _SMALL, _SMALL)
        far = box(near, _LARGE, _LARGE)
        columns = box(torch.asinh(y - box(y, 0, _ACROSS)), _ALONG, 0)
        parts = [
            state,
            y * torch.exp(-level.to(y))[:, :, None, None],
            torch.asinh(y - near),
            torch.asinh(4 * (near - far)),
            4 * columns,
        ]
        out = self.body(self.enter(torch.cat(parts, 1)), psi, level / 4)
        out = out + self._short(psi, level.to(y), [state, y, near, far])
        return out[..., :height, :width]

    def _short(self, psi: Tensor, level: Tensor, maps: list[Tensor]) -> Tensor:
        """Maps (b, channels, h, w) by the weights of their channels."""
        ratio = torch.log(torch.tan(psi.clamp(1e-3, math.pi / 2 - 1e-3)))
        told = torch.stack(
            [level / 4, *(v[:, None].expand_as(level) for v in (psi, ratio / 6))], -1
        )
        weights = self.short(told).to(level)
        own = -torch.exp(-2 * level)  # of y, as Wiener has it
        parts = [weights[..., n, None, None] * v for n, v in enumerate(maps)]
        return torch.stack(parts).sum(0) + own[..., None, None] * maps[1]


def box(x: Tensor, rows: int, columns: int) -> Tensor:
    """The mean within so many rows and columns; beyond the border nothing counts."""
    for sides, half in (((2 * rows + 1, 1), (rows, 0)), ((1, 2 * columns + 1), (0, columns))):
        if max(half):
            x = F.avg_pool2d(x, sides, 1, half, count_include_pad=False)
    return x
