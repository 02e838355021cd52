"""Convolution of a sound with the impulse response of a room (or of any causal system).

y(t) = sum_k h(k) x(t - k), x = 0 before its start: linear, not circular, by FFT.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes


class RoomResponse(LinearOperator):
    """(c, samples) -> (microphones or c, samples), or with tail=True longer by the response.

    response: (taps,) for every channel, (c, taps) one each, or (microphones, taps) for a mono
    signal (c = 1); it may be longer than the signal. Raises InputError.
    """

    def __init__(self, response: Tensor, shape: tuple[int, ...], tail: bool = False):
        shape = sizes(shape, self)
        h = response[None] if response.ndim == 1 else response
        if h.ndim != 2 or len(shape) != 2 or (shape[0] != 1 and len(h) not in (1, shape[0])):
            raise InputError(
                f"RoomResponse got a response of {tuple(response.shape)} for signals of {shape}; "
                "expected (taps,) or (channels, taps), and signals of (channels, samples)"
            )
        if not bool(require_finite(h, "response of RoomResponse").any()):
            raise InputError("RoomResponse got a response that is 0 everywhere; expected a sound")
        channels, samples = max(len(h), shape[0]), shape[1]
        length = samples + h.shape[1] - 1
        self.grid = 1 << (length - 1).bit_length()
        self.transfer = torch.fft.fft(h, self.grid)
        super().__init__(shape, (channels, length if tail else samples))

    def _forward(self, x: Tensor) -> Tensor:
        return self._filtered(x, self.transfer)[..., : self.shape_out[1]]

    def _adjoint(self, v: Tensor) -> Tensor:
        back = self._filtered(v, self.transfer.conj())[..., : self.shape_in[1]]
        return back.sum(1, keepdim=True) if self.shape_in[0] == 1 else back

    def _filtered(self, x: Tensor, gain: Tensor) -> Tensor:
        if x.is_complex():
            return torch.fft.ifft(gain * torch.fft.fft(x, self.grid))
        half = gain[..., : self.grid // 2 + 1]
        return torch.fft.irfft(half * torch.fft.rfft(x, self.grid), self.grid)
