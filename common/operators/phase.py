"""Phase retrieval: the strength of a linear measurement, its phase lost. y = |B x| or |B x|^2.

The default B is the oversampled Fourier transform of coherent diffraction: the image padded with
zeros, centred and orthonormal. The modulus has no derivative at 0; there the Jacobian is 0.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.fields import FromReal
from undrift.common.operators.fourier import Fourier
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator, sizes


class Magnitude(Operator):
    """|z| of each value, or |z|^2 with power=2; any field in, real out. Raises InputError."""

    def __init__(self, shape: tuple[int, ...], power: int = 1):
        if power not in (1, 2):
            raise InputError(f"Magnitude got power={power}; expected 1 (|z|) or 2 (|z|^2)")
        super().__init__(shape, shape, "any", "real")
        self.power = power

    def _forward(self, x: Tensor) -> Tensor:
        square = x.real**2 + x.imag**2 if x.is_complex() else x**2
        if self.power == 2:
            return square
        zero = square == 0
        return torch.where(zero, 0, torch.sqrt(torch.where(zero, 1, square)))


class ZeroPad(LinearOperator):
    """(c, *space) -> (c, *larger): zeros around the signal, `before` and `after` on every axis."""

    def __init__(self, shape: tuple[int, ...], before: int, after: int):
        shape = sizes(shape, self)
        if min(before, after) < 0:
            raise InputError(f"ZeroPad got before={before}, after={after}; expected 0 or more")
        self.before, self.after = before, after
        super().__init__(shape, (shape[0], *(n + before + after for n in shape[1:])))

    def _forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.pad(x, (self.before, self.after) * (len(self.shape_in) - 1))

    def _adjoint(self, v: Tensor) -> Tensor:
        inside = [slice(self.before, self.before + n) for n in self.shape_in[1:]]
        return v[(..., *inside)]


def phase_retrieval(
    shape: tuple[int, ...], oversample: float = 2.0, power: int = 1, real: bool = True
) -> Operator:
    """|F P x| or |F P x|^2 with P padding each side by half of (oversample - 1) n, rounded.

    shape: (c, *space) with equal axes of space; real: whether signals are real. Raises InputError.
    """
    shape = tuple(int(n) for n in shape)
    if len(set(shape[1:])) != 1 or not oversample >= 1:
        raise InputError(
            f"phase_retrieval got {shape}, oversample={oversample}; expected equal axes of space "
            "and oversample >= 1"
        )
    side = round((oversample - 1) * shape[1] / 2)
    frame = ZeroPad(shape, side, side)
    whole = Fourier(frame.shape_out)
    seen = whole @ FromReal(frame.shape_out) @ frame if real else whole @ frame
    return Magnitude(frame.shape_out, power) @ seen
