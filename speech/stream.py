"""Enhancement of samples as they come, with a fixed delay.

    streamer = Streamer(rate=48000)
    late = streamer.push(block)        # as many samples as in the block, `latency` samples late
    ...
    rest = streamer.finish()           # the last `latency` samples

The delay is what the window of a frame, the frames that the network looks ahead, and the filters of
the two changes of rate need; blocks may have any size. What comes out is what `enhance` gives for
all of it, with the same `input_level`: a stream cannot be measured before it ends, so the level of
the speech has to be said.
"""

import time
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.wishes import wishes_of
from undrift.speech.asked import asked
from undrift.speech.audio.raw import Raw, read_raw
from undrift.speech.held import Held
from undrift.speech.line import Line
from undrift.speech.method import method_for
from undrift.speech.spectra import Spectra

LEVEL = -26.0  # dB below full scale of the speech, where nobody says another
WINDOW = 64  # samples of a resampler's window: the shortest there is


class Streamer:
    """One signal of `channels` at `rate`; see the module. latency: samples.

    settings: strength or max_attenuation, highband, method, input_level, and of `Wishes`: preset
    ("fast"), steps, solver, seed, item, device, dtype.
    Raises UsageError for settings that cannot be, and for a network that sees a recording as a
    whole; InputError for a model of another domain.
    """

    def __init__(
        self, model: str | None = None, *, rate: int = 16000, channels: int = 1, **settings: Any
    ):
        given = {"input_level": LEVEL, "preset": None, **settings}
        if given.get("method", "model") == "model" and given.get("steps") is None:
            given["preset"] = given["preset"] or "fast"
        self.rate, self.channels = int(rate), int(channels)
        own, left = asked(given)
        if own.input_level == "auto" or own.channels != "each" or own.output_rate != "keep":
            raise UsageError("a stream keeps rate and channels, and its input_level is a number")
        self.method = method_for(own, model, wishes_of(left))
        if self.method.samples > 1:
            raise UsageError("a stream has one sample; leave out samples")
        if not self.method.carried:
            raise UsageError(
                f"{self.method.id} sees a recording as a whole and cannot stream; use `enhance`"
            )
        stage = self.method.stage(left.get("item", ""), 0)
        gain = 1.0
        if own.method == "model":
            gain = self.method.signal.amplitude / 10 ** (float(own.input_level) / 20)
        spectra = Spectra(
            self.method.spectrogram,
            [stage],
            torch.full((self.channels,), gain),
            offset=self.method.signal.level is None,
        )
        self.line = Line(self.rate, spectra, own.share, own.highband, WINDOW)
        self.latency = self.line.latency(self.method.delay)
        self._ready = Held()
        self._ready.put(torch.zeros(self.channels, self.latency))
        self._came = 0

    def push(self, block: Any) -> Any:
        """Takes (channels, n) or, of one channel, (n,): an array or tensor of floats, full scale 1.

        Returns as many samples, of the same kind and shape. Raises InputError for another shape
        and for numbers that are not finite.
        """
        samples = self._samples(block)
        if samples.shape[-1]:
            with torch.inference_mode():
                self._ready.put(self.line.push(samples)[0])
            self._came += samples.shape[-1]
        return _as(block, self._ready.take(samples.shape[-1]))

    def finish(self) -> np.ndarray:
        """The last `latency` samples (channels, latency); nothing may be pushed afterwards."""
        if self._came:
            with torch.inference_mode():
                self._ready.put(self.line.finish()[0])
        return self._ready.take(self.latency).numpy()

    def _samples(self, block: Any) -> Tensor:
        if not isinstance(block, np.ndarray | Tensor):
            raise InputError(f"expected an array or tensor, got a {type(block).__name__}")
        samples = torch.as_tensor(block).detach().cpu()
        samples = samples[None] if samples.ndim == 1 else samples
        if samples.ndim != 2 or len(samples) != self.channels or not samples.is_floating_point():
            raise InputError(
                f"expected floats ({self.channels}, n), got {samples.dtype} {tuple(block.shape)}"
            )
        if not bool(torch.isfinite(samples).all()):
            raise InputError("the block holds numbers that are not finite; set them to 0")
        return samples.float()


def _as(block: Any, samples: Tensor) -> Any:
    samples = samples[0] if block.ndim == 1 else samples
    if isinstance(block, Tensor):
        return samples.to(block.device, block.dtype)
    return samples.numpy().astype(block.dtype)


def run_stream(
    streamer: Streamer, source: BinaryIO, target: BinaryIO, subtype: str, block: int
) -> tuple[int, float]:
    """Bare samples from one pipe into another, `block` samples at a time; see `Raw`.

    As many samples go out as come in, at their own times: the delay is not written. Returns the
    number of samples and the seconds spent on them, without the waiting.
    """
    raw = Raw(streamer.rate, streamer.channels, subtype)
    skip, samples, spent = streamer.latency, 0, 0.0

    def written(made: np.ndarray) -> None:
        nonlocal skip
        kept = made[:, skip:]
        skip = max(0, skip - made.shape[1])
        if kept.shape[1]:
            target.write(raw.encode(kept))
            target.flush()

    for piece in read_raw(source, raw, block):
        began = time.perf_counter()
        made = streamer.push(piece)
        spent += time.perf_counter() - began
        samples += piece.shape[1]
        written(made)
    began = time.perf_counter()
    rest = streamer.finish()
    written(rest)
    return samples, spent + time.perf_counter() - began
