"""Small pictures for the tests of tasks, of every kind they take."""

from typing import Any

import numpy as np
import torch
from PIL import Image


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    """Smooth waves with some noise, float32 within [0.1, 0.9]."""
    rng = np.random.default_rng(seed)
    height, width = shape[:2]
    rows, columns = np.mgrid[:height, :width]
    wave = 0.5 + 0.2 * np.sin(rows / 7) * np.cos(columns / 9)
    plane = wave if len(shape) == 2 else np.repeat(wave[..., None], shape[2], 2)
    return (plane + rng.uniform(-0.2, 0.2, shape)).astype(np.float32)


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] / 12
    planes = [0.5 + 0.35 * np.sin(rows + k) * np.cos(columns - k) for k in range(3)]
    return np.stack(planes, -1)


def of_kind(kind: str) -> Any:
    unit = pixels(24, 31, 3)
    return {
        "uint8": lambda: (unit * 255).astype(np.uint8),
        "uint16": lambda: (unit * 65535).astype(np.uint16),
        "float32": lambda: unit,
        "float64": lambda: unit.astype(np.float64),
        "grey": lambda: (unit[..., 0] * 255).astype(np.uint8),
        "grey with axis": lambda: unit[..., :1],
        "alpha": lambda: (pixels(24, 31, 4) * 255).astype(np.uint8),
        "tensor": lambda: torch.from_numpy(unit).permute(2, 0, 1).contiguous(),
        "flat tensor": lambda: torch.from_numpy(unit[..., 0]),
        "half tensor": lambda: torch.from_numpy(unit).permute(2, 0, 1).half(),
        "PIL": lambda: Image.fromarray((unit * 255).astype(np.uint8)),
    }[kind]()


KINDS = (
    "uint8", "uint16", "float32", "float64", "grey", "grey with axis", "alpha", "tensor",
    "flat tensor", "half tensor", "PIL",
)  # fmt: skip
