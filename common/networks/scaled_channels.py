"""A network that improves a guess of images whose channels differ in scale from item to item.

Coefficients of a subspace have noise of deviation 1, while a channel may be hundreds of times as
large in one cube and hidden in the noise in another. An item has twice as many channels as images:
guesses of all of them first, and the noisy images, which are known. The network is told ln of the
scale of each image (the levels). It sees the guess over its scale, asinh of its differences to the
mean of 5 x 5 pixels and of that to the mean of 17 x 17, what the guess has taken away, the mean of
that within 5 x 5 pixels, and along 65 rows, where faults of single columns show. All of it is of
the size of the noise. Then `local_nafnet`; of the noisy half it says 0. At first it says 0 of all:
training begins at the guess.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import LocalNAFNet, pad_to_multiple

_SMALL, _LARGE, _ALONG = 2, 8, 32  # half sides of the windows
_FEATURES = 7  # an image


class ScaledChannels(nn.Module):
    """(b, 4 images, h, w), state and y of two halves each -> (b, 2 images, h, w), any sides.

    level: (b, images), ln of the scale of each noisy image; one without signal has 0.
    width: of what the features are brought to. The others as in `LocalNAFNet`.
    """

    def __init__(
        self,
        images: int = 12,
        width: int = 40,
        unshuffle: int = 2,
        widths: Sequence[int] = (64, 96, 128),
        depths: Sequence[int] = (2, 2, 4),
        features: int = 64,
    ):
        super().__init__()
        self.images = images
        self.enter = nn.Conv2d(_FEATURES * images, width, 1)
        self.body = LocalNAFNet(width, images, unshuffle, widths, depths, images, features)

    @property
    def multiple(self) -> int:
        """Tiles must start on a multiple of this."""
        return self.body.multiple

    @property
    def reach(self) -> int:
        """No output pixel depends on an input pixel further away than this."""
        return self.body.reach + max(_SMALL + _LARGE, _ALONG)

    @property
    def bytes_per_element(self) -> float:
        """Peak memory of a call without gradients, in bytes per pixel, float32."""
        return self.body.bytes_per_element + 4 * 2 * (4 + _FEATURES) * self.images

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """Raises ValueError where no scales are given."""
        if level is None:
            raise ValueError("this network takes the logarithm of the scale of each image")
        height, width = x.shape[-2:]
        x = pad_to_multiple(x.float(), self.multiple)
        state, _, guess, noisy = x.split(self.images, 1)
        near, taken = box(guess, _SMALL, _SMALL), noisy - guess
        parts = [
            state,
            guess * torch.exp(-level.to(guess))[:, :, None, None],
            torch.asinh(2 * (guess - near)),
            torch.asinh(4 * (near - box(near, _LARGE, _LARGE))),
            torch.asinh(taken),
            4 * torch.asinh(box(taken, _SMALL, _SMALL)),
            4 * torch.asinh(box(taken, _ALONG, 0)),
        ]
        out = self.body(self.enter(torch.cat(parts, 1)), psi, level / 4)[..., :height, :width]
        return F.pad(out, (0, 0, 0, 0, 0, self.images))


def box(x: Tensor, rows: int, columns: int) -> Tensor:
    """The mean within so many rows and columns; beyond the border nothing counts."""
    for sides, half in (((2 * rows + 1, 1), (rows, 0)), ((1, 2 * columns + 1), (0, columns))):
        if max(half):
            x = F.avg_pool2d(x, sides, 1, half, count_include_pad=False)
    return x
