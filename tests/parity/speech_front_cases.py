"""The front end of SGMSE: transforms, padding, and the loss that goes through the waveform."""

import functools
import math
from collections.abc import Iterator

import numpy as np
import torch
from parity.case import Case, load, worst
from parity.speech_cases import META, SGMSE, distance
from torch import Tensor

from undrift.speech.losses import data_prediction
from undrift.speech.padded_frames import pad_frames
from undrift.speech.spectrogram import (
    SPECTROGRAM_16K,
    SPECTROGRAM_48K,
    Spectrogram,
    to_channels,
    to_complex,
)

SETTINGS = {
    "16k": SPECTROGRAM_16K,
    "48k": SPECTROGRAM_48K,
    "log16k": Spectrogram(transform="log"),
    "none16k": Spectrogram(transform="none"),
    "sqrthann16k": Spectrogram(window="sqrthann"),
}
PADDINGS = {"zero_pad": "zero", "reflection": "reflect", "replication": "replicate"}
UNREAD = {
    "speech_spec": {
        **META,
        "*_roundtrip_maxerr": "their error; ours is compared with the wave",
        "pad_*_error_*": "text of the official defect",
        "*_window": "part of the transform",
        "16k_padded_frames": "what the shape of the padded wave says",
    },
    "speech_metrics": {"*": "compared by tests/speech/test_metrics.py"},
    "speech_g722": {"*": "compared by tests/speech/test_datasets_recordings.py"},
}


def _wave(tag: str) -> Tensor:
    """As their loader gives it: over its peak."""
    data = load("speech_spec")
    return torch.from_numpy(data[f"{tag}_wave"]) / float(data[f"{tag}_peak"])


def _strided(spectrum: Tensor, theirs: np.ndarray, stride: np.ndarray) -> float:
    unit = max(1.0, float(np.abs(theirs).max()))
    return distance(spectrum[:, :: int(stride)].to(torch.complex128), theirs) / unit


def _transformed(tag: str) -> float:
    data, spectrogram, wave = load("speech_spec"), SETTINGS[tag], _wave(tag)
    made, theirs = spectrogram.forward(wave), data[f"{tag}_spec"]
    plain = _strided(spectrogram.stft(wave), data[f"{tag}_stft"], data[f"{tag}_stft_bin_stride"])
    if tuple(made.shape) != tuple(data[f"{tag}_shape"]):
        return math.inf
    return max(
        plain,
        _strided(made, theirs, data[f"{tag}_bin_stride"]),
        worst(spectrogram.inverse(made, wave.shape[-1]).double(), wave.numpy()),
    )


def _padded(name: str) -> float:
    """The first 33 frames continued to 64; every eighth bin of the added ones and two before."""
    data = load("speech_spec")
    frames = torch.from_numpy(data["16k_spec"])[..., :33][None]
    ours = pad_frames(frames, 64, PADDINGS[name])[..., ::8, 31:]
    return distance(
        ours.to(torch.complex128), data[f"pad_{name}_of_first_33_frames_every8thbin_cols31on"]
    )


def _back() -> float:
    data, wave = load("speech_spec"), _wave("16k")
    padded = pad_frames(SPECTROGRAM_16K.forward(wave), 64, "zero")
    ours = SPECTROGRAM_16K.inverse(padded, wave.shape[-1])[0]
    return worst(ours.double(), data["16k_back_from_padded_wave"])


def _through_the_wave(l1: str) -> float:
    """The estimate is the spectrogram of the noisy wave itself."""
    data = load("speech_losses")
    clean = torch.from_numpy(data["dp_wave_clean"].astype(np.float32))
    noisy = clean + torch.from_numpy(data["dp_wave_added"].astype(np.float32))
    x0, estimate = (to_channels(SPECTROGRAM_16K.forward(w)) for w in (clean, noisy))

    def wave(channels: Tensor) -> Tensor:
        samples = (channels.shape[-1] - 1) * SPECTROGRAM_16K.hop
        return SPECTROGRAM_16K.inverse(to_complex(channels), samples)

    loss = data_prediction(estimate, x0, wave, l1=float(l1))
    return abs(float(loss) / float(data[f"data_prediction_l1_{l1}"]) - 1)


def cases() -> Iterator[Case]:
    """All cases of this file."""
    source = f"{SGMSE} data_module.SpecsDataModule"
    for tag in SETTINGS:
        error = functools.partial(_transformed, tag)
        yield Case(f"spectrogram {tag}", source, 2e-5, error, "front end")
    for name in PADDINGS:
        error = functools.partial(_padded, name)
        yield Case(f"padding {name}", f"{SGMSE} pad_spec", 2e-5, error, "front end")
    yield Case("wave from padded frames", source, 2e-5, _back, "front end")
    for l1 in ("0", "0.001"):
        error = functools.partial(_through_the_wave, l1)
        yield Case(f"SB-VE loss l1 {l1}", f"{SGMSE} ScoreModel._loss", 2e-5, error, "SB-VE")
