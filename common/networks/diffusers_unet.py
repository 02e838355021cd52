"""diffusers' UNet2DModel behind the package's network signature.

The angle psi in [0, pi/2] becomes the timestep 1000 psi / (pi/2), close to the range its embedding
was made for; levels enter as constant extra channels. Attention and group norm reach over the
whole picture, so its tiled result differs from the whole one (see `tiling`).
"""

import math

import torch
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import pad_to_multiple


class DiffusersUNet(nn.Module):
    """(b, inputs, h, w) -> (b, outputs, h, w); `unet` holds UNet2DModel's own parameters."""

    reach = None  # unbounded

    def __init__(self, inputs: int = 3, outputs: int = 3, levels: int = 0, **unet: object):
        super().__init__()
        from diffusers.models.unets.unet_2d import UNet2DModel

        self.levels = levels
        self.unet = UNet2DModel(in_channels=inputs + levels, out_channels=outputs, **unet)  # type: ignore[arg-type]

    @property
    def multiple(self) -> int:
        """Sides are padded to a multiple of this."""
        return 2 ** (len(self.unet.config["block_out_channels"]) - 1)

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        given = 0 if level is None else level.shape[1]
        if given != self.levels:
            raise ValueError(f"the network takes {self.levels} levels, {given} came")
        if level is not None:
            planes = level[:, :, None, None].to(x.dtype).expand(-1, -1, *x.shape[-2:])
            x = torch.cat([x, planes], 1)
        padded = pad_to_multiple(x, self.multiple)
        out = self.unet(padded, psi * (1000 / (math.pi / 2))).sample
        return out[..., : x.shape[-2], : x.shape[-1]]
