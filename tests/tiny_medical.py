"""Weight files of tiny networks for volumes with random weights, and volumes to try them on."""

from pathlib import Path
from typing import Any

import numpy as np
from nibabel.eulerangles import euler2mat
from tiny import write_model

from undrift.medical.volumes import Volume

PRESETS: dict[str, Any] = {
    "fast": {"solver": "ddim", "steps": 1},
    "balanced": {"solver": "auto", "steps": 2},
    "best": {"solver": "auto", "steps": 3},
}
NETWORK = {"unshuffle": 2, "widths": [4], "depths": [1], "features": 4}
TRANSLATE: dict[str, Any] = {
    "id": "tiny-t1-t2",
    "domain": "medical",
    "task": "translate",
    "process": {"name": "brownian-bridge"},
    "prediction": "balanced",
    "scaling": {"sigma_d": 0.6, "mean": -0.3, "std": 0.6},
    "signal": {
        "modality": "mr",
        "spacing": [0.8, 3.0],
        "fov": [20, 300],
        "intensity": {"kind": "percentiles", "low": 0.5, "high": 99.5},
        "source": "mprage",
        "target": "t2-se",
        "scale": {"low": 0.0, "high": 2.0},
    },
    "network": {"name": "local-nafnet3d", "params": {**NETWORK, "inputs": 2, "outputs": 1}},
    "presets": PRESETS,
}
TO_CT: dict[str, Any] = {
    **TRANSLATE,
    "id": "tiny-t1-ct",
    "signal": {
        **TRANSLATE["signal"], "target": "ct", "scale": {"low": -1000.0, "high": 1400.0},
    },
}  # fmt: skip
DENOISE_CT: dict[str, Any] = {
    **TRANSLATE,
    "id": "tiny-low-dose",
    "task": "denoise",
    "process": {"name": "residual-shift", "params": {"kappa": 0.3}},
    "scaling": {"sigma_d": 0.1, "mean": -0.3, "std": 0.4},
    "signal": {
        "modality": "ct",
        "spacing": [0.5, 3.0],
        "fov": [20, 500],
        "intensity": {"kind": "hu-window", "low": -1024, "high": 1500},
    },
}
PRIOR: dict[str, Any] = {
    **TRANSLATE,
    "id": "tiny-prior",
    "task": "prior",
    "process": {"name": "variance-preserving"},
    "scaling": {"sigma_d": 0.35, "mean": 0.0, "std": 1.0, "centre": 0.0},
    "signal": {
        "modality": "mr",
        "spacing": [0.8, 3.0],
        "fov": [20, 300],
        "intensity": {"kind": "robust-maximum"},
    },
    "network": {"name": "local-nafnet3d", "params": {**NETWORK, "inputs": 2, "outputs": 2}},
}


def write_medical(path: Path, settings: dict[str, Any], last: float = 0.05, **changes: Any) -> str:
    """Random weights; the path. last: scale of the last layer, 0 for the exact Gaussian."""
    return write_model(path, {**settings, **changes}, last=last)


def write_three(folder: Path) -> None:
    """t2, ct and prior .safetensors."""
    for name, settings in (("t2", TRANSLATE), ("ct", DENOISE_CT), ("prior", PRIOR)):
        write_medical(folder / f"{name}.safetensors", settings)


def head(
    size: tuple[int, int, int] = (22, 26, 20), seed: int = 0, noise: float = 1.0
) -> np.ndarray:
    """(x, y, z) float32: an ellipsoid of about 100 with structure, faint noise as air."""
    random = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in size), indexing="ij")
    inside = sum(axis**2 for axis in axes) < 1
    wave = 20 * np.sin(4 * axes[0]) * np.cos(3 * axes[1] + seed) + 10 * np.sin(5 * axes[2])
    air = noise * np.hypot(*random.standard_normal((2, *size)))
    return np.where(inside, 100 + wave + air, 2 * air).astype(np.float32)


def body(size: tuple[int, int, int] = (22, 26, 20), seed: int = 0) -> np.ndarray:
    """(x, y, z) float32 in HU: air, soft tissue, some bone, one voxel of metal at (3, 3, 3)."""
    found = np.where(head(size, seed) > 30, head(size, seed) - 90, -1000).astype(np.float32)
    middle = tuple(slice(n // 2 - 2, n // 2 + 2) for n in size)
    found[middle] = 700
    found[3, 3, 3] = 2900
    return np.rint(found)


def oblique(spacing: tuple[float, float, float] = (1.0, 1.2, 1.1)) -> np.ndarray:
    """An affine with axes permuted, flipped and turned by about ten degrees."""
    turn = np.asarray(euler2mat(*np.array([0.15, -0.1, 0.12])))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, -1, 0], [0, 0, 1], [-1, 0, 0]]) * spacing
    affine[:3, 3] = (31.5, -40.25, 12.75)
    return affine


def volume(array: np.ndarray, units: str = "unknown") -> Volume:
    """On a millimetre grid."""
    return Volume(np.asarray(array, np.float32), np.diag([1.0, 1.0, 1.0, 1.0]), units)
