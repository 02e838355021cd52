"""The middle of the way: frames of a recording in, frames of its estimate out, in blocks.

Level, compression, the stages (one a sample), back to the plain transform, and what is learnt on
the way: how much was removed, how far the samples differ, the gain in the upper half of the band.

Frames of digital silence stay digital silence, whatever a stage makes of them. With `linked`
channels the stages see the middle signal only, and every channel gets the gain it got, bin by bin:
differences between the channels, which are what one hears as places, stay as they are.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import UndriftError
from undrift.speech.spectrogram import Spectrogram, to_channels, to_complex
from undrift.speech.stages import Stage

_TINY = 1e-12


@dataclass
class Heard:
    """Energies summed over all bins, frames and channels; full scale 1 in the samples."""

    estimate: float = 0.0
    removed: float = 0.0
    spread: float = 0.0

    @property
    def snr(self) -> float | None:
        """Energy of the estimate over that of what was removed, in dB; None for silence."""
        if self.estimate <= 0:
            return None
        return 10 * math.log10(self.estimate / max(self.removed, self.estimate * 1e-10))

    @property
    def disagreement(self) -> float:
        """Root mean square of the samples' deviation over that of their mean."""
        return math.sqrt(self.spread / self.estimate) if self.estimate > 0 else 0.0


class Spectra:
    """Plain frames (c, bins, n) of one recording in, (s, c, bins, m) out, `m` as they are settled.

    stages: fresh ones, one a sample. gain: (c,), brings each channel to the level of the model; it
    is undone. offset: False takes a constant offset out of every frame before the stages see it; no
    network was trained with any. each: also return the samples, after their mean (s = 1 + K; else
    s = 1). spread: called with the deviations (c, bins, m) of several samples, in the units of the
    transform.
    """

    def __init__(
        self,
        spectrogram: Spectrogram,
        stages: Sequence[Stage],
        gain: Tensor,
        linked: bool = False,
        offset: bool = True,
        each: bool = False,
        spread: Callable[[Tensor], None] | None = None,
    ):
        self.spectrogram, self.stages, self.linked = spectrogram, list(stages), linked
        self._constant = None if offset else spectrogram.constant()[:, None]
        self.each, self.spread = each and len(self.stages) > 1, spread
        self.gain = (gain.mean(0, keepdim=True) if linked else gain)[:, None, None]
        self.heard = Heard()
        self._waiting: Tensor | None = None

    def push(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """The settled frames, and their gain in the upper half of the band (c, m)."""
        if self._constant is not None:
            X = X - X[:, :1].real / self._constant[0].real * self._constant
        self._waiting = X if self._waiting is None else torch.cat([self._waiting, X], -1)
        seen = X.mean(0, keepdim=True) if self.linked else X
        frames = to_channels(self.spectrogram.compress(seen * self.gain))
        return self._settled([stage.push(frames) for stage in self.stages])

    def finish(self) -> tuple[Tensor, Tensor]:
        """The frames that were still to come."""
        return self._settled([stage.finish() for stage in self.stages])

    def _settled(self, frames: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        if self._waiting is None:
            raise RuntimeError("a signal ended before it began")
        count = frames[0].shape[-1] if frames[0].ndim > 1 else 0
        X, self._waiting = self._waiting[..., :count], self._waiting[..., count:]
        if not count:
            return X.new_zeros(self.outputs, *X.shape), X.real[:, 0]
        found = torch.stack([self._estimate(value, X) for value in frames])
        found = torch.where((X != 0).any(1, keepdim=True), found, 0)
        mean = found.mean(0, keepdim=True)
        self._note(X, mean, found)
        out = torch.cat([mean, found]) if self.each else mean
        return out, self._upper(X, mean[0])

    @property
    def outputs(self) -> int:
        """s: one, or with `each` also the samples."""
        return 1 + len(self.stages) if self.each else 1

    def _estimate(self, frames: Tensor, X: Tensor) -> Tensor:
        """The stage's frames (b, 2, bins, m) as (c, bins, m) at the level of the recording."""
        estimate = self.spectrogram.expand(to_complex(frames)) / self.gain
        if not bool(torch.isfinite(torch.view_as_real(estimate)).all()):
            raise UndriftError("the model gave values that are not finite; try --dtype float32")
        if not self.linked:
            return estimate
        middle = X.mean(0, keepdim=True)
        size = middle.abs()
        gain = (estimate.abs() / size.clamp(min=_TINY)).clamp(max=1)
        return X * torch.where(size > _TINY, gain, 1)  # 1: what the middle says nothing of

    def _note(self, X: Tensor, mean: Tensor, found: Tensor) -> None:
        self.heard.estimate += _energy(mean)
        self.heard.removed += _energy(X - mean[0])
        if len(found) > 1:
            variance = (found - mean).abs().square().sum(0) / (len(found) - 1)
            self.heard.spread += float(variance.double().sum())
            if self.spread is not None:
                self.spread(variance.sqrt())

    def _upper(self, X: Tensor, mean: Tensor) -> Tensor:
        half = X.shape[1] // 2
        before, after = (v[:, half:].abs().square().sum(1) for v in (X, mean))
        gain = (after / before.clamp(min=_TINY)).sqrt().clamp(max=1)
        return torch.where(before > _TINY, gain, 1)


def _energy(X: Tensor) -> float:
    return float((X.real.double().square() + X.imag.double().square()).sum())
