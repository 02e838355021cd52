"""A network for images whose channels differ in scale from item to item, with noise of one size.

Coefficients of a subspace have noise of deviation 1, while a channel may be hundreds of times as
large in one cube and hidden in the noise in another. The network is told ln of the scale of each
channel (the levels). It sees the channel over its scale, and, in units of the noise itself, what a
bounded window says of it: asinh of the difference to the mean of 5 x 5 pixels, asinh of four times
the difference of that mean to the one of 17 x 17, and the mean along 65 rows of what differs from
the mean of nine columns, which is where faults of single columns show. Then `local_nafnet`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import LocalNAFNet

_SMALL, _LARGE, _ALONG, _ACROSS = 2, 8, 32, 4  # half sides of the windows
_FEATURES = 4  # of y, a channel


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
        state, y = x.float().split(self.channels, 1)
        near = box(y, _SMALL, _SMALL)
        columns = box(torch.asinh(y - box(y, 0, _ACROSS)), _ALONG, 0)
        parts = [
            state,
            y * torch.exp(-level.to(y))[:, :, None, None],
            torch.asinh(y - near),
            torch.asinh(4 * (near - box(near, _LARGE, _LARGE))),
            4 * columns,
        ]
        return self.body(self.enter(torch.cat(parts, 1)), psi, level / 4)


def box(x: Tensor, rows: int, columns: int) -> Tensor:
    """The mean within so many rows and columns; beyond the border nothing counts."""
    for sides, half in (((2 * rows + 1, 1), (rows, 0)), ((1, 2 * columns + 1), (0, columns))):
        if max(half):
            x = F.avg_pool2d(x, sides, 1, half, count_include_pad=False)
    return x
