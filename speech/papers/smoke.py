"""The smoke runs: a small training of the paper's recipe, its sampler, and the scores' protocol."""

import importlib.util
import math
from collections.abc import Iterator

import numpy as np
import torch

from undrift.common.noise import Noise
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.smoke import train_briefly
from undrift.speech.checkpoints import SpeechCheckpoint, load_speech_checkpoint
from undrift.speech.enhancers import SpectrogramEnhancer
from undrift.speech.papers.fixed_pair import syllables
from undrift.speech.papers.runs import scores
from undrift.speech.papers.small import tiny
from undrift.speech.papers.tones import noisy_pair, write_pairs
from undrift.speech.spectrogram import to_channels
from undrift.speech.storm import Sampler

_PAIRS, _SECONDS, _SNR = 8, 1.5, 0.0
_HELD_OUT = 3  # recordings of other seeds that are sampled


def run_smoke(task: Task, recipe: str, sampler: Sampler) -> Iterator[Measured]:
    """The smoke tables of a paper with this recipe, sampled by `sampler`."""
    clean, degraded = (wave / 32768 for wave in syllables())
    for column, value in scores(clean, degraded, ("SI-SDR", "ESTOI")).items():
        yield Measured("smoke", "fixed pair", column, value)
    if importlib.util.find_spec("pesq"):
        [value] = scores(clean, degraded, ("PESQ",)).values()
        yield Measured("smoke-pesq", "fixed pair", "PESQ", value)
    pairs = write_pairs(task.folder / "pairs", _PAIRS, _SECONDS, 1)
    task.say(f"{recipe}: 240 training steps of a small network, less than a minute")
    trained = train_briefly(recipe, task.folder / "run", task.device, tiny(recipe, pairs))
    yield from trained.measured("smoke")
    checkpoint = load_speech_checkpoint(task.folder / "run" / f"{recipe}.safetensors", task.device)
    yield Measured(
        "smoke", "sampled", "dB nearer than noisy", _gain(checkpoint, sampler, task.device)
    )


def _gain(checkpoint: SpeechCheckpoint, sampler: Sampler, device: str) -> float:
    """By how much sampled spectrograms are nearer to the clean ones than the noisy ones are, dB.

    In squared distance of compressed spectrograms, the space that is sampled: after so short a
    training of so small a network the phase, hence the wave, is not better yet.
    """
    ratios = []
    for k in range(_HELD_OUT):
        clean, noisy = noisy_pair(_SECONDS, _SNR, np.random.default_rng([2, k]))
        waves = torch.from_numpy(np.stack([clean, noisy]) / np.abs(noisy).max()).float().to(device)
        x0, y = to_channels(checkpoint.spectrogram.forward(waves)).split(1)
        enhance = SpectrogramEnhancer(checkpoint.denoiser, sampler, Noise(0, f"smoke {k}"))
        distances = [(v - x0).square().mean() for v in (y, enhance(y))]
        ratios.append(float(distances[0] / distances[1]))
    return 10 * math.log10(float(np.mean(ratios)))
