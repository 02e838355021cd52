"""A network for cubes of any number of bands that is told the wavelength of each.

`local_nafnet3d` over (bands, rows, columns), with features around it. A cube comes as four channels
of voxels, in units of the noise of its band: a first guess, the noisy value, ln of the scale of the
band, and its wavelength in micrometres. The network sees the guess and the noisy value over the
scale, asinh of what the noisy value has beyond the guess and of what both have beyond their mean in
3 x 3 pixels, the scale, and three octaves of sine and cosine of the wavelength. What it estimates
is the first channel alone; of the other three, which are known, it says 0.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.local_nafnet3d import LocalNAFNet3d, pad_volume

CHANNELS = 4  # guess, noisy, ln scale, wavelength
_OCTAVES = 3
_PERIOD = 4.0  # micrometres, of the longest wave
_FEATURES = 8 + 2 * _OCTAVES


class SpectralNAFNet3d(nn.Module):
    """(b, 8, bands, rows, columns), state and y of four channels -> (b, 4, ...), any sides."""

    def __init__(
        self,
        unshuffle: int = 2,
        widths: Sequence[int] = (32, 64, 96),
        depths: Sequence[int] = (1, 2, 2),
        features: int = 64,
    ):
        super().__init__()
        self.body = LocalNAFNet3d(_FEATURES, 1, unshuffle, widths, depths, 0, features)

    @property
    def multiple(self) -> int:
        """Tiles must start on a multiple of this."""
        return self.body.multiple

    @property
    def reach(self) -> int:
        """No output voxel depends on an input voxel further away than this along any axis."""
        return self.body.reach + 1

    @property
    def bytes_per_element(self) -> float:
        """Peak memory of a call without gradients, in bytes per voxel, float32."""
        return self.body.bytes_per_element + 4 * 3 * CHANNELS

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        bands, rows, columns = x.shape[2:]
        x = pad_volume(x.float(), self.multiple)
        state, (guess, noisy, scale, wave) = x[:, :1], x[:, CHANNELS:].split(1, 1)
        small = torch.exp(-scale)
        turns = [2 * math.pi / _PERIOD * 2**n * wave for n in range(_OCTAVES)]
        parts = [
            state,
            guess * small,
            noisy * small,
            torch.asinh(noisy - guess),
            torch.asinh(2 * (guess - _near(guess))),
            torch.asinh(noisy - _near(noisy)),
            small,
            scale / 4,
            *(torch.sin(turn) for turn in turns),
            *(torch.cos(turn) for turn in turns),
        ]
        out = self.body(torch.cat(parts, 1), psi)
        out = out[..., :bands, :rows, :columns]
        return F.pad(out, (0, 0, 0, 0, 0, 0, 0, CHANNELS - 1))


def _near(x: Tensor) -> Tensor:
    """The mean over 3 x 3 pixels of a band; beyond the border nothing counts."""
    return F.avg_pool3d(x, (1, 3, 3), 1, (0, 1, 1), count_include_pad=False)
