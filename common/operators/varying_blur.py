"""Blur that changes over the field: y = sum_k h_k * (w_k x), kernels faded into one another.

The product-convolution form (Nagy & O'Leary 1998, "Restoring images degraded by spatially variant
blur"): w_k are maps that sum to one, h_k the kernel where w_k = 1.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.blur import Blur
from undrift.common.operators.borders import Border
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes


class VaryingBlur(LinearOperator):
    """(c, *space) -> the same, smaller for border="valid".

    kernels: (k, *small), centre at size // 2; maps: (k, *space), or None for bilinear fading
    between k kernels laid out as `layout`, a grid such as (3, 3) from corner to corner.
    Raises InputError if they do not belong together.
    """

    def __init__(
        self,
        kernels: Tensor,
        shape: tuple[int, ...],
        maps: Tensor | None = None,
        layout: tuple[int, ...] | None = None,
        border: Border = "reflect",
    ):
        shape = sizes(shape, self)
        if maps is None:
            maps = fading(layout or (len(kernels),) + (1,) * (len(shape) - 2), shape[1:])
        if len(kernels) != len(maps) or tuple(maps.shape[1:]) != shape[1:]:
            raise InputError(
                f"VaryingBlur got {len(kernels)} kernels and maps of {tuple(maps.shape)} for "
                f"signals of {shape}; expected as many maps, each of {shape[1:]}"
            )
        self.maps = list(require_finite(maps, "maps of VaryingBlur"))
        self.blurs = [Blur(kernel, shape, border) for kernel in kernels]
        super().__init__(shape, self.blurs[0].shape_out)

    def _forward(self, x: Tensor) -> Tensor:
        parts = zip(self.maps, self.blurs, strict=True)
        return torch.stack([blur._forward(w * x) for w, blur in parts]).sum(0)

    def _adjoint(self, v: Tensor) -> Tensor:
        parts = zip(self.maps, self.blurs, strict=True)
        return torch.stack([w * blur._adjoint(v) for w, blur in parts]).sum(0)


def fading(layout: tuple[int, ...], space: tuple[int, ...]) -> Tensor:
    """Maps (k, *space) of linear interpolation between points on a grid; they sum to one."""
    maps = torch.ones(1, dtype=torch.float64)
    for axis, (count, n) in enumerate(zip(layout, space, strict=True)):
        place = torch.linspace(0, count - 1, n, dtype=torch.float64)
        hats = (1 - (place - torch.arange(count)[:, None]).abs()).clamp(min=0)
        maps = maps[:, None, ..., None] * hats[(None, slice(None), *[None] * axis)]
        maps = maps.flatten(0, 1)
    return maps
