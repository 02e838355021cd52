"""From samples at the rate of a recording to enhanced samples at the same times, in blocks.

    recording -> rate of the model -> frames -> `Spectra` -> samples -> rate of the recording

The recording itself waits until its enhanced samples have come the whole way, so that both can be
mixed exactly. What the model cannot hear, above half its rate, is the recording minus the recording
sent to the rate of the model and back: it is kept as it is, scaled by the gain that the upper half
of the model's band got, or dropped. If the model changes nothing, the recording comes out.
"""

import math

import torch
from torch import Tensor

from undrift.speech.asked import HighBand
from undrift.speech.frames import Analysis, Synthesis
from undrift.speech.held import Held, Track
from undrift.speech.resample import Resampler
from undrift.speech.spectra import Spectra

BLOCK = 8192  # samples of a resampler's window: fewer come sooner, more go faster


class Line:
    """Blocks (c, n) of one recording in, (s, c, m) out, as they are settled; see `Spectra` for s.

    share: how much of the result is the enhanced signal, 0 to 1; the rest is the recording.
    window: samples of the windows of the resamplers, about.
    """

    def __init__(
        self,
        rate: int,
        spectra: Spectra,
        share: float = 1.0,
        high: HighBand = "scale",
        window: int = BLOCK,
    ):
        spectrogram = spectra.spectrogram
        self.rate, self.spectra, self.share, self.high = rate, spectra, share, high
        same = rate == spectrogram.rate
        self._wide = rate > spectrogram.rate
        self._down = None if same else Resampler(rate, spectrogram.rate, window)
        self._up = None if same else Resampler(spectrogram.rate, rate, window)
        self._analysis, self._synthesis = Analysis(spectrogram), Synthesis(spectrogram)
        self._track = Track(spectrogram.rate / rate / spectrogram.hop)
        self._recording, self._low = Held(), Held()

    def latency(self, delay: int) -> int:
        """Samples after a moment until its result is there; delay: frames of the stages."""
        spectrogram = self.spectra.spectrogram
        wait = float(spectrogram.n_fft + delay * spectrogram.hop)
        if self._down is None or self._up is None:
            return int(wait)
        wait = (wait + _wait(self._up)) * self.rate / spectrogram.rate
        return math.ceil(wait) + _wait(self._down)

    def push(self, block: Tensor) -> Tensor:
        """What the block settles."""
        self._recording.put(block)
        wet = self._enhanced(block if self._down is None else self._down.push(block))
        both = self._with_low(wet)
        return self._mixed(both if self._up is None else self._up.push(both))

    def finish(self) -> Tensor:
        """The rest: all in all as many samples as came, one or more."""
        wet = [] if self._down is None else [self._enhanced(self._down.finish())]
        silence = self._low.zeros(-self._low.count % self.spectra.spectrogram.hop)
        # Up to the middle of a frame: at the end one divides by the window, which is 0 at its edge.
        wet.append(self._timed(self.spectra.push(self._analysis.push(silence))))
        wet.append(self._timed(self.spectra.push(self._analysis.finish())))
        wet.append(self._timed(self.spectra.finish()))
        last = self._synthesis.finish(self._low.count)
        wet.append(last.reshape(*wet[-1].shape[:2], last.shape[-1]))
        both = self._with_low(torch.cat(wet, -1)[..., : self._low.count - self._low.taken])
        if self._up is not None:
            rest = [self._up.push(both), self._up.finish(self._recording.count)]
            both = torch.cat([part for part in rest if part.numel()] or [both[:, :0]], -1)
        return self._mixed(both)

    def _enhanced(self, low: Tensor) -> Tensor:
        """Samples (c, n) at the rate of the model to (s, c, m)."""
        self._low.put(low)
        return self._timed(self.spectra.push(self._analysis.push(low)))

    def _timed(self, settled: tuple[Tensor, Tensor]) -> Tensor:
        frames, gains = settled
        if self._wide and self.high == "scale":  # who does not read it must not let it grow
            self._track.push(gains)
        wave = self._synthesis.push(frames.flatten(0, 1))
        return wave.reshape(*frames.shape[:2], -1)

    def _with_low(self, wet: Tensor) -> Tensor:
        """(s c + c, m): the enhanced samples, and those that they were made of."""
        return torch.cat([wet.flatten(0, 1), self._low.take(wet.shape[-1])])

    def _mixed(self, both: Tensor) -> Tensor:
        """(s, c, m) of the enhanced samples, the high band and the recording."""
        start, count = self._recording.taken, both.shape[-1]
        recording = self._recording.take(count)
        channels = len(recording)
        low = both[-channels:]
        out = both[:-channels].reshape(self.spectra.outputs, channels, count)
        if self._wide and self.high != "drop" and count:
            above = recording - low
            out = out + (above * self._track.at(start, count) if self.high == "scale" else above)
        return (1 - self.share) * recording + self.share * out


def _wait(resampler: Resampler) -> int:
    """Samples of its input until a moment is settled."""
    return resampler.latency + resampler._windows.size
