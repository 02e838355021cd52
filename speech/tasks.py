"""The task call of this domain: `enhance`.

It takes a path, a NumPy array or torch tensor (n,) or (channels, n) with its rate, or an `Audio`,
and returns a `Restored` whose `.value` is of the same kind (a path gives an `Audio`), with type and
metadata kept. Keywords of sampling are those of `Wishes`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError, UsageError
from undrift.common.results import Restored
from undrift.common.wishes import Wishes, wishes_of
from undrift.speech.asked import Asked, asked
from undrift.speech.audio import Audio, read_audio, write_audio
from undrift.speech.kinds import is_path, to_audio
from undrift.speech.method import Method, method_for
from undrift.speech.passage import InMemory, Passage
from undrift.speech.report import Drawn
from undrift.speech.told import told_of

UNUSED = ("tile", "max_memory", "batch", "pad")  # wishes that mean nothing to sound in blocks


def enhance(
    sound: Any, *, rate: int | None = None, model: str | None = None, **settings: Any
) -> Restored:
    """Takes noise and echoes away from speech.

    rate: samples a second of an array or tensor. settings: those of `Wishes` (preset, steps,
    solver, samples, seed, item, device, dtype), and

    task: "denoise", "dereverb" or "both", to be sure that the model does it. method: "model", or
    "wiener", "spectral-subtraction" without one. strength: 1 the enhanced signal, 0 the recording,
    between them a mixture; or max_attenuation: dB by which noise is lowered at most. channels:
    "each" by itself; "linked": all get the gains of their middle, so that places stay; "mid", the
    mean, and "first" give one channel. output_rate: "keep" or samples a second. level: "preserve",
    "peak" (1 dB below full scale), or a loudness, "-23LUFS". input_level: of the speech, dB below
    full scale, "auto" measures it. highband, what lies above the model's band: "scale" by the gain
    below it, "keep", "drop". chunk: seconds at a time; of shipped models the result does not depend
    on it; overlap: of other networks' chunks.

    With several samples the value is their mean, and std (channels, bins, frames) the standard
    deviation of their spectrograms at the rate of the model. info tells levels, estimated SNR,
    network calls a frame, seconds, warnings.
    Raises InputError for bad sounds and models, UsageError for unknown names and numbers.
    """
    own, left = asked(settings)
    wishes = wishes_for(sound, left)
    audio, back = _opened(sound, rate)
    method = method_for(own, model, wishes)
    return enhanced(audio, back, own, method, wishes.item)


def wishes_for(sound: Any, given: Mapping[str, Any]) -> Wishes:
    """The wishes; the name of a file is its item. Raises UsageError for unknown ones."""
    for name in UNUSED:
        if name in given:
            raise UsageError(f"{name} means nothing to sound in blocks; chunk sets their length")
    if is_path(sound):
        given = {"item": Path(sound).name, **given}
    return wishes_of(dict(given))


def _opened(sound: Any, rate: int | None) -> tuple[Audio, Any]:
    if not is_path(sound):
        return to_audio(sound, rate)
    if rate is not None:
        raise UsageError(f"rate {rate}: a file has its own; output_rate sets that of the result")
    audio = read_audio(sound)
    if not audio.frames:
        raise InputError(f"{sound}: holds no samples")
    return audio, lambda made: made


def enhanced(audio: Audio, back: Any, own: Asked, method: Method, item: str) -> Restored:
    """The result of a method for a sound in memory."""
    spreads: list[torch.Tensor] = []
    several = method.samples > 1
    passage = Passage(
        InMemory(audio), own, method, item, each=several, spread=spreads.append if several else None
    )
    made = np.concatenate(list(passage.blocks()), -1)
    if made.shape[-1] != passage.frames:
        raise RuntimeError(f"{made.shape[-1]} samples were made, expected {passage.frames}")
    sounds = [back(audio.with_samples(np.ascontiguousarray(one), passage.rate)) for one in made]
    std = torch.cat(spreads, -1)[..., : passage.spectrum_frames] if several else None
    return Restored(
        value=sounds[0],
        std=None if std is None else _like(std, sounds[0]),
        samples=tuple(sounds[1:]),
        info=told_of(passage),
        writer=_Saved(passage.rate),
        drawer=Drawn(audio, passage.rate),
    )


def _like(std: torch.Tensor, value: Any) -> Any:
    """(channels, bins, frames); without channels for sounds (n,)."""
    if not isinstance(value, Audio) and value.ndim == 1:
        std = std[0]
    return std.to(value.device) if isinstance(value, torch.Tensor) else std.numpy()


class _Saved:
    """Writes a result; rate: of arrays, which do not know theirs."""

    def __init__(self, rate: int):
        self.rate = rate

    def __call__(self, path: Path, value: Any, info: Mapping[str, Any]) -> None:
        """In the format of the suffix, whole or not at all; peaks are limited."""
        audio = value if isinstance(value, Audio) else to_audio(value, self.rate)[0]
        write_audio(path, audio)
