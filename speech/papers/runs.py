"""Whole runs of papers on speech enhancement: data of a card, enhanced, scored as the papers score.

At 16 kHz: wide-band PESQ, extended STOI and SI-SDR (without removing the mean, as the authors' own
helper), each of a whole recording, then the mean over all, with half of a 95 % interval. The noisy
recording is divided by its peak before it is enhanced, and multiplied after. See `tables` for the
folders.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.metrics.summary import summarise
from undrift.common.noise import Noise
from undrift.common.reproduce.paper import Measured, Task
from undrift.speech.audio.reading import read_audio
from undrift.speech.checkpoints import load_speech_checkpoint
from undrift.speech.enhancers import SpectrogramEnhancer, enhancer_of
from undrift.speech.metrics.scores import score
from undrift.speech.pairs import Named, card_pairs, read_pair
from undrift.speech.resample import resample
from undrift.speech.spectrogram import Spectrogram, to_channels, to_complex
from undrift.speech.storm import Sampler

RATE = 16000
NAMES = {"PESQ": "pesq", "ESTOI": "estoi", "STOI": "stoi", "SI-SDR": "si_sdr"}
Enhance = Callable[[Named, np.ndarray], np.ndarray]  # an item and its noisy samples -> enhanced


@dataclass(frozen=True)
class Run:
    """How a table is measured. row: of the table; noisy: of the noisy recordings themselves.

    sampler: of the numbers, where it is not the one in the model's file.
    """

    card: str
    row: str
    sampler: Sampler | None = None
    columns: tuple[str, ...] = ("PESQ", "ESTOI", "SI-SDR")
    split: str = "test"
    noisy: bool = False


def scores(clean: np.ndarray, estimate: np.ndarray, columns: tuple[str, ...]) -> dict[str, float]:
    """Column -> score of two recordings (samples,) at 16 kHz."""
    found = score(clean, estimate, RATE, [NAMES[column] for column in columns])
    return {column: found[NAMES[column]] for column in columns}


def measure_tables(task: Task, paper: str, runs: Mapping[str, Run]) -> Iterator[Measured]:
    """The tables that are at hand, each by its run."""
    for name in task.tables:
        run, root = runs[name], cache_folder() / "papers"
        pairs = card_pairs(run.card, root / run.card, run.split)
        enhance = _as_is if run.noisy else _enhancer(root / paper / name, run, task.device)
        task.say(f"{paper}, {name}: {len(pairs)} recordings")
        rows = []
        for pair in pairs:
            clean, noisy = read_pair(pair, RATE)
            rows.append(scores(clean, enhance(pair, noisy), run.columns))
        for column in run.columns:
            told = summarise([row[column] for row in rows])
            half = None if told.low is None or told.high is None else (told.high - told.low) / 2
            yield Measured(name, run.row, column, told.mean, half)


def enhance_wave(
    enhancer: SpectrogramEnhancer, spectrogram: Spectrogram, noisy: np.ndarray, device: str
) -> np.ndarray:
    """A whole recording (samples,) at the spectrogram's rate, divided by its peak on the way."""
    peak = max(float(np.abs(noisy).max()), 1e-8)
    wave = torch.from_numpy((noisy / peak).astype(np.float32))[None].to(device)
    x0 = enhancer(to_channels(spectrogram.forward(wave)))
    made = spectrogram.inverse(to_complex(x0.float()), len(noisy))
    return peak * made[0].double().cpu().numpy()


def _as_is(pair: Named, noisy: np.ndarray) -> np.ndarray:
    return noisy


def _enhancer(folder: Path, run: Run, device: str) -> Enhance:
    model = folder / "model.safetensors"
    if model.is_file():
        return _by_model(model, run.sampler, device)
    if (folder / "results").is_dir():
        return lambda pair, noisy: _result(folder / "results", pair, len(noisy))
    raise InputError(f"{folder} holds neither model.safetensors nor results/; put one there")


def _by_model(path: Path, sampler: Sampler | None, device: str) -> Enhance:
    checkpoint = load_speech_checkpoint(path, device)
    if sampler is not None:
        checkpoint = replace(checkpoint, sampler=sampler)
    rate = checkpoint.spectrogram.rate

    def enhance(pair: Named, noisy: np.ndarray) -> np.ndarray:
        enhancer = enhancer_of(checkpoint, Noise(0, pair.name))
        seen = noisy if rate == RATE else _at(noisy, RATE, rate)
        made = enhance_wave(enhancer, checkpoint.spectrogram, seen, device)
        return made if rate == RATE else _at(made, rate, RATE)[: len(noisy)]

    return enhance


def _at(wave: np.ndarray, rate: int, to: int) -> np.ndarray:
    return resample(torch.from_numpy(wave.astype(np.float32))[None], rate, to)[0].numpy()


def _result(folder: Path, pair: Named, samples: int) -> np.ndarray:
    """A recording that somebody enhanced; raises InputError where it is missing or too short."""
    path = folder / pair.noisy.name
    sound = read_audio(path)
    made = sound.samples[0]
    if sound.rate != RATE:
        made = _at(made, sound.rate, RATE)
    if abs(len(made) - samples) > 1 or sound.samples.shape[0] != 1:
        raise InputError(
            f"{path}: {sound.samples.shape[0]} channels of {len(made)} samples at 16 kHz; expected "
            f"one of {samples}, as the noisy recording"
        )
    return np.pad(made, (0, max(0, samples - len(made))))[:samples]
