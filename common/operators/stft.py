"""Measured time-frequency bins: y = M STFT(x), the values of torch.stft with a mask.

The adjoint is the transposed transform (windowed frames added up without dividing by the summed
squares of the window), with the bins that stand for two frequencies counted as once: it is the
adjoint of exactly these values under Re <u, v>.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.borders import border_index, pad, pad_adjoint
from undrift.common.operators.diagonal import fits, zero_one
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes


class STFT(LinearOperator):
    """Real (c, samples) -> complex (c, n_fft / 2 + 1, frames), zero where the mask is.

    As torch.stft(center=True, pad_mode="reflect", onesided=True): window (n_fft,), by default
    periodic Hann; hop in samples; normalised divides by sqrt(n_fft). mask: 0/1, broadcast to the
    measurement (bins x frames), or None. Raises InputError.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        n_fft: int = 512,
        hop: int = 128,
        mask: Tensor | None = None,
        window: Tensor | None = None,
        normalised: bool = False,
    ):
        shape = sizes(shape, self)
        if len(shape) != 2 or n_fft < 2 or not 1 <= hop <= n_fft or shape[-1] <= n_fft // 2:
            raise InputError(
                f"STFT got signals of {shape}, n_fft={n_fft}, hop={hop}; expected (channels, "
                "samples) with more than n_fft / 2 samples, and 1 <= hop <= n_fft"
            )
        window = torch.hann_window(n_fft, dtype=torch.float64) if window is None else window
        if window.shape != (n_fft,):
            raise InputError(f"STFT got a window of {tuple(window.shape)}; expected ({n_fft},)")
        self.window = require_finite(window, "window of STFT") / (n_fft**0.5 if normalised else 1)
        self.n_fft, self.hop = n_fft, hop
        self.index = border_index(shape[-1], n_fft // 2, n_fft // 2, "reflect")
        frames = 1 + (len(self.index) - n_fft) // hop
        out = (shape[0], n_fft // 2 + 1, frames)
        mask = torch.ones(1) if mask is None else mask
        self.mask = fits(zero_one(mask, "STFT"), out, "STFT", "mask")
        super().__init__(shape, out, "real", "complex")

    def _forward(self, x: Tensor) -> Tensor:
        frames = pad(x, [self.index]).unfold(-1, self.n_fft, self.hop)
        return self.mask * torch.fft.rfft(frames * self.window, dim=-1).mT

    def _adjoint(self, v: Tensor) -> Tensor:
        # Re sum_k conj(v_k) e^(-2 pi i k n / N) over the half spectrum is one longer inverse FFT.
        full = torch.fft.fft(torch.conj_physical(self.mask * v).mT, n=self.n_fft, dim=-1).real
        frames = full * self.window
        count, length = frames.shape[-2], len(self.index)
        start = torch.arange(count, device=v.device) * self.hop
        place = (start[:, None] + torch.arange(self.n_fft, device=v.device)).flatten()
        wide = frames.new_zeros(*frames.shape[:-2], length).index_add(-1, place, frames.flatten(-2))
        return pad_adjoint(wide, [self.index], self.shape_in[-1:])
