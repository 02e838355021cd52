"""Weight files of tiny speech models with random weights, and sounds to try them on."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny import write_model

SETTINGS: dict[str, Any] = {
    "id": "tiny-speech",
    "domain": "speech",
    "task": "enhance",
    "process": {"name": "schroedinger-bridge", "params": {"kind": "ve", "c": 0.01, "k": 2.6}},
    "prediction": "x0",
    "scaling": {"sigma_d": 0.07, "mean": 0.0, "std": 0.1},
    "signal": {"spectrogram": {"rate": 16000, "n_fft": 510, "hop": 256}, "level": -25},
    "network": {
        "name": "band-unet",
        "params": {"widths": [4, 4], "dilations": [1, 2], "ahead": 2, "taps": 2, "features": 8},
    },
    "presets": {
        "fast": {"solver": "ddim", "steps": 1},
        "balanced": {"solver": "ddim", "steps": 1},
        "best": {"solver": "auto", "steps": 3},
    },
}


def write_speech_model(path: Path, **changes: Any) -> str:
    """Random weights; the path."""
    return write_model(path, {**SETTINGS, **changes}, last=0.02)


def voice(rate: int, samples: int, seed: int = 0) -> np.ndarray:
    """(samples,) float32: syllables of a harmonic tone in noise, speech active half of the time."""
    random = np.random.default_rng(seed)
    time = np.arange(samples) / rate
    syllables = np.clip(np.sin(2 * np.pi * 3 * time + seed), 0, 1)
    tone = sum(np.sin(2 * np.pi * 140 * k * time + k * seed) / k for k in range(1, 12))
    return (0.1 * syllables * tone + 0.02 * random.standard_normal(samples)).astype(np.float32)


def as_tensor(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(samples.copy())
