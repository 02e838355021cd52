"""The compressed complex spectrogram of SGMSE (Welker et al. 2022, Sec. III-B) and its inverse.

    S = factor |X|^exponent exp(i angle X),   X = STFT of the wave, frames centred, borders mirrored

|X|^(1/2) evens out the huge range of speech: loud and quiet bins count alike for a network. The
inverse undoes both steps exactly wherever S is the spectrogram of a wave. A period of `n_fft` = 510
samples gives 256 bins, which halve eight times. Networks of this package take real and imaginary
part as two real channels; noise of total variance 1 is then 1/2 a channel.
"""

import functools
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from undrift.common.errors import InputError

TRANSFORMS = ("exponent", "log", "none")
WINDOWS = ("hann", "sqrthann")


@dataclass(frozen=True)
class Spectrogram:
    """rate: samples a second; n_fft, hop: samples; see the module for factor and exponent.

    transform: "exponent"; "log": log(1 + |X|) in place of the power; "none": X itself,
    without the factor. window: "hann" or its root, "sqrthann". Raises InputError for other names.
    """

    rate: int = 16000
    n_fft: int = 510
    hop: int = 128
    factor: float = 0.15
    exponent: float = 0.5
    transform: Literal["exponent", "log", "none"] = "exponent"
    window: Literal["hann", "sqrthann"] = "hann"

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS or self.window not in WINDOWS:
            raise InputError(
                f"transform {self.transform!r}, window {self.window!r}; expected one of "
                f"{', '.join(TRANSFORMS)} and of {', '.join(WINDOWS)}"
            )

    @property
    def bins(self) -> int:
        """Frequencies from 0 to half the rate."""
        return self.n_fft // 2 + 1

    def frames(self, samples: int) -> int:
        """How many frames `forward` makes of so many samples."""
        return 1 + samples // self.hop

    def forward(self, wave: Tensor) -> Tensor:
        """(..., samples) float, full scale 1 -> complex (..., bins, frames), compressed.

        A wave too short to be mirrored (half a window) is continued by zeros there.
        """
        return self.compress(self.stft(wave))

    def inverse(self, spectrum: Tensor, samples: int) -> Tensor:
        """Complex (..., bins, frames) -> wave (..., samples): the inverse of `forward`."""
        return self.istft(self.expand(spectrum), samples)

    def stft(self, wave: Tensor) -> Tensor:
        """The plain transform, as torch.stft with center=True."""
        flat = wave.reshape(-1, wave.shape[-1])
        half = self.n_fft // 2
        mode = "reflect" if wave.shape[-1] > half else "constant"
        flat = F.pad(flat[:, None], (half, half), mode=mode)[:, 0]
        X = torch.stft(
            flat, self.n_fft, self.hop, window=self._window(wave), center=False, return_complex=True
        )
        return X.reshape(*wave.shape[:-1], *X.shape[-2:])

    def constant(self) -> Tensor:
        """Complex (bins,): the frame of a wave that is 1 all along."""
        return torch.fft.rfft(self._window(torch.zeros(0)))

    def istft(self, X: Tensor, samples: int) -> Tensor:
        """Frames added up and divided by the summed squares of the window."""
        flat = X.reshape(-1, *X.shape[-2:])
        window = self._window(X.real)
        wave = torch.istft(flat, self.n_fft, self.hop, window=window, center=True, length=samples)
        return wave.reshape(*X.shape[:-2], samples)

    def compress(self, X: Tensor) -> Tensor:
        """|X| to factor |X|^exponent (or its log), the phase as it is."""
        if self.transform == "none":
            return X
        size = X.abs()
        if self.transform == "log":
            return X * (self.factor * torch.log1p(size) / size.clamp(min=1e-12))
        return X * (self.factor * size.clamp(min=1e-12) ** (self.exponent - 1))

    def expand(self, S: Tensor) -> Tensor:
        """The inverse of `compress`."""
        if self.transform == "none":
            return S
        S = S / self.factor
        size = S.abs()
        if self.transform == "log":
            return S * (torch.expm1(size) / size.clamp(min=1e-12))
        return S * size ** (1 / self.exponent - 1)

    def _window(self, like: Tensor) -> Tensor:
        return _window(self.n_fft, self.window, like.dtype, like.device)


@functools.lru_cache(maxsize=16)
def _window(size: int, name: str, dtype: torch.dtype, device: torch.device) -> Tensor:
    window = torch.hann_window(size, dtype=dtype, device=device)
    return window.sqrt() if name == "sqrthann" else window


def to_channels(spectrum: Tensor) -> Tensor:
    """Complex (b, bins, frames) -> real (b, 2, bins, frames)."""
    return torch.stack([spectrum.real, spectrum.imag], 1)


def to_complex(channels: Tensor) -> Tensor:
    """Real (b, 2, bins, frames) -> complex (b, bins, frames)."""
    return torch.complex(channels[:, 0].contiguous(), channels[:, 1].contiguous())


SPECTROGRAM_16K = Spectrogram()
SPECTROGRAM_48K = Spectrogram(48000, 1534, 384, 0.065, 0.667)
