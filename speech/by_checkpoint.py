"""A converted checkpoint as a method: in overlapping chunks, sampled as its authors do.

Who asks for a preset or a solver gets `method.ByModel` with the package's own, of fewer calls.

Networks with attention see a recording as a whole; in chunks the result depends on the chunk. The
noise does not: it is drawn by the absolute frame.
"""

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from undrift.common.devices import resolve_device, resolve_dtype
from undrift.common.files import sha256_of
from undrift.common.noise import Noise
from undrift.common.wishes import Wishes
from undrift.speech.asked import Asked
from undrift.speech.chunks import Chunked
from undrift.speech.placed import Placed
from undrift.speech.signal import Signal, read_signal
from undrift.speech.spectrogram import Spectrogram
from undrift.speech.stages import Stage

if TYPE_CHECKING:
    from undrift.speech.checkpoints import SpeechCheckpoint


class ByCheckpoint:
    """See `method.Method`; only the number of steps can be chosen."""

    carried = False
    delay = 0

    def __init__(self, path: Path, asked: Asked, wishes: Wishes):
        self.path, self.wishes = path, wishes
        self.device = resolve_device(wishes.device)
        self.dtype = resolve_dtype(wishes.dtype, self.device)
        self.checkpoint = _loaded(path.resolve(), path.stat().st_mtime_ns, self.device)
        a_second = self.spectrogram.rate / self.spectrogram.hop
        self.chunk, self.overlap = (
            math.ceil(seconds * a_second) for seconds in (asked.piece, asked.overlap)
        )

    @property
    def id(self) -> str:
        """The name of the model."""
        return self.checkpoint.settings.id

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return _hash(self.path.resolve(), self.path.stat().st_mtime_ns)

    @property
    def spectrogram(self) -> Spectrogram:
        """What the network was trained on."""
        return self.checkpoint.spectrogram

    @property
    def signal(self) -> Signal:
        """The same, with the level."""
        return read_signal(self.checkpoint.settings.signal)

    @property
    def samples(self) -> int:
        """How many are drawn."""
        return self.wishes.samples or 1

    @property
    def calls(self) -> int | None:
        """Network calls of a chunk, for all samples; None where a step control decides."""
        from undrift.speech.enhancers import enhancer_of

        one = enhancer_of(self.checkpoint, Noise(0), self.wishes.steps).calls
        return None if one is None else one * self.samples

    def stage(self, item: str, sample: int) -> Stage:
        """The sampler for one signal and sample."""
        from undrift.speech.enhancers import enhancer_of

        noise = Noise(self.wishes.seed, item, sample)
        enhance = enhancer_of(self.checkpoint, noise, self.wishes.steps)
        return Placed(Chunked(enhance, self.chunk, self.overlap), self.device, self.dtype)

    def record(self) -> dict[str, object]:
        """What is needed to repeat it."""
        import undrift

        sampler = self.checkpoint.settings.sampler
        return {
            "undrift": undrift.__version__, "torch": torch.__version__, "model": self.id,
            "weights": self.sha256, "method": "model", "samples": self.samples,
            "solver": sampler.name if sampler else None, "steps": self.wishes.steps,
            "seed": self.wishes.seed, "device": self.device,
            "dtype": str(self.dtype).removeprefix("torch."),
        }  # fmt: skip

    def about(self) -> str:
        """A line that says what will be used."""
        many = "as many calls as it takes" if self.calls is None else f"{self.calls} calls a chunk"
        return f"{self.id}, {self.device}, {many}"


@lru_cache(maxsize=2)
def _loaded(path: Path, changed: int, device: str) -> "SpeechCheckpoint":
    from undrift.speech.checkpoints import load_speech_checkpoint

    return load_speech_checkpoint(path, device)


@lru_cache(maxsize=8)
def _hash(path: Path, changed: int) -> str:
    return sha256_of(path)
