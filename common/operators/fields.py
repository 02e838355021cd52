"""Bridges between real and complex signals: isometries whose adjoints undo them.

A prior over real channels meets a complex operator as `operator @ FromChannels(shape)`; a real
image meets it as `operator @ FromReal(shape)`, whose adjoint keeps the real part.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import sizes
from undrift.common.operators.svd import SVD


class FromReal(LinearOperator):
    """Real (c, *space) -> the same values as complex numbers; the adjoint takes the real part."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__(shape, shape, "real", "complex")

    def _forward(self, x: Tensor) -> Tensor:
        return torch.complex(x, torch.zeros_like(x))

    def _adjoint(self, v: Tensor) -> Tensor:
        return v.real

    def _svd(self) -> SVD:
        s = self.unit.expand(self.shape_in)
        return SVD(s, _same, _same, self._adjoint, self._forward)


class FromChannels(LinearOperator):
    """Real (2 c, *space) -> complex (c, *space): the first c channels are the real parts.

    Raises InputError for an odd number of channels.
    """

    def __init__(self, shape: tuple[int, ...]):
        shape = sizes(shape, self)
        if shape[0] % 2:
            raise InputError(
                f"FromChannels got signals of {shape}; expected an even number of channels, the "
                "real parts and then the imaginary ones"
            )
        super().__init__(shape, (shape[0] // 2, *shape[1:]), "real", "complex")

    def _forward(self, x: Tensor) -> Tensor:
        return torch.complex(*(part.contiguous() for part in x.chunk(2, 1)))

    def _adjoint(self, v: Tensor) -> Tensor:
        return torch.cat([v.real, v.imag], 1)

    def _svd(self) -> SVD:
        s = self.unit.expand(self.shape_in)
        return SVD(s, _same, _same, self._adjoint, self._forward)


def _same(z: Tensor) -> Tensor:
    return z
