"""A network that may not look at the pixel it estimates, so that noise alone teaches it.

Where the noise of different pixels is independent, the noisy pixel is an unbiased target for an
estimate made from its neighbours (Krull et al., CVPR 2019). DBSN-light (AP-BSN, Lee et al., CVPR
2022; SDAP, Pan et al., ICCV 2023): a convolution of side 2 d - 1 with its centre masked, then
convolutions of 3 x 3 pixels with the same dilation d. The offsets a masked convolution sees are
-(d-1) ... d-1 without 0, the others are multiples of d: they never sum to 0, and no pixel sees
itself. Two branches, d = 2 and d = 3, are joined by pointwise layers.
With the centre unmasked the same weights see everything (C-BSN, Jang et al., ICCV 2023).
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import pad_to_multiple


class CentreMasked(nn.Conv2d):
    """A convolution of odd side that keeps the size; blind: without its centre."""

    mask: Tensor

    def __init__(self, channels: int, side: int):
        super().__init__(channels, channels, side, padding=side // 2)
        mask = torch.ones(side, side)
        mask[side // 2, side // 2] = 0
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, input: Tensor, blind: bool = True) -> Tensor:
        weight = self.weight * self.mask if blind else self.weight
        return F.conv2d(input, weight, self.bias, padding=self.padding)  # type: ignore[arg-type]


class Dilated(nn.Module):
    """x + 1x1(ReLU(dilated 3x3(x)))."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.wide = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.point(F.relu(self.wide(x)))


class Branch(nn.Module):
    """The masked convolution of a dilation and what follows it."""

    def __init__(self, width: int, dilation: int, depth: int):
        super().__init__()
        self.centre = CentreMasked(width, 2 * dilation - 1)
        self.before = nn.Sequential(*_points([width, width, width]))
        self.body = nn.Sequential(*(Dilated(width, dilation) for _ in range(depth)))
        self.after = nn.Sequential(*_points([width, width]))

    def forward(self, x: Tensor, blind: bool) -> Tensor:
        return self.after(self.body(self.before(F.relu(self.centre(x, blind)))))


class BlindSpotNetwork(nn.Module):
    """(b, inputs, h, w) -> (b, outputs, h, w), any h and w.

    width, depth: channels, and dilated modules of each branch (128 and 9 in the papers).
    blind, stride, again: how it is used once trained. C-BSN sees everything in one pass
    (blind=False); SDAP stays blind, on each of the stride^2 sub-pictures of every stride-th pixel,
    and with `again` a second time on the whole result. In training `forward` is told
    `blind` and does exactly one pass. psi and level are taken for the common signature only.
    """

    def __init__(
        self,
        inputs: int = 3,
        outputs: int = 3,
        width: int = 32,
        depth: int = 6,
        blind: bool = False,
        stride: int = 1,
        again: bool = False,
        dilations: Sequence[int] = (2, 3),
        levels: int = 0,
    ):
        super().__init__()
        if levels:
            raise ValueError(f"levels {levels}: this network is told none")
        if min(dilations) < 2 or stride < 1:
            raise ValueError(f"dilations {list(dilations)}, stride {stride}: from 2, and from 1")
        self.dilations, self.depth = tuple(dilations), depth
        self.blind, self.stride, self.again = blind, stride, again
        self.head = nn.Conv2d(inputs, width, 1)
        self.branches = nn.ModuleList(Branch(width, d, depth) for d in dilations)
        self.join = nn.Sequential(*_points([width * len(dilations), width, width]))
        self.leave = nn.Conv2d(width, outputs, 1)
        _begin(self)

    @property
    def multiple(self) -> int:
        """Tiles must start on a multiple of this."""
        return self.stride

    @property
    def reach(self) -> int:
        """No output pixel depends on an input pixel further away than this (in pixels)."""
        once = max(d - 1 + d * self.depth for d in self.dilations)
        return once * self.stride + (once if self.again else 0)

    @property
    def bytes_per_element(self) -> float:
        """Memory of a call without gradients, in bytes per pixel: five maps of `width`."""
        return 4.0 * (5 * self.leave.in_channels + 4 * self.head.in_channels)

    def forward(
        self,
        x: Tensor,
        psi: Tensor | None = None,
        level: Tensor | None = None,
        blind: bool | None = None,
    ) -> Tensor:
        if blind is not None:
            return self._once(x, blind)
        height, width = x.shape[-2:]
        parts = to_parts(pad_to_multiple(x, self.stride), self.stride)
        out = from_parts(self._once(parts, self.blind), self.stride)
        out = self._once(out, self.blind) if self.again else out
        return out[..., :height, :width]

    def _once(self, x: Tensor, blind: bool) -> Tensor:
        h = F.relu(self.head(x))
        return self.leave(self.join(torch.cat([b(h, blind) for b in self.branches], 1)))


def to_parts(x: Tensor, stride: int) -> Tensor:
    """(b, c, h, w) -> (stride^2 b, c, h / stride, w / stride): every stride-th pixel, each start.

    Correlated neighbours come to lie in different parts (pixel-shuffle downsampling).
    """
    b, c, h, w = x.shape
    x = x.reshape(b, c, h // stride, stride, w // stride, stride)
    return x.permute(3, 5, 0, 1, 2, 4).reshape(-1, c, h // stride, w // stride)


def from_parts(parts: Tensor, stride: int) -> Tensor:
    """The inverse of `to_parts`."""
    n, c, h, w = parts.shape
    x = parts.reshape(stride, stride, n // stride**2, c, h, w)
    return x.permute(2, 3, 4, 0, 5, 1).reshape(-1, c, h * stride, w * stride)


def _begin(network: BlindSpotNetwork) -> None:
    """Variances kept from layer to layer (He et al. 2015), residual modules near the identity."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, Dilated):
            nn.init.normal_(module.point.weight, std=0.2 * module.point.out_channels**-0.5)
    nn.init.kaiming_normal_(network.leave.weight, nonlinearity="linear")


def _points(widths: Sequence[int]) -> list[nn.Module]:
    """Pointwise layers, each with a rectifier behind it."""
    return [part for a, b in itertools.pairwise(widths) for part in (nn.Conv2d(a, b, 1), nn.ReLU())]
