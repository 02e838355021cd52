"""Weight files of tiny networks: random ones, and one whose denoiser is exact.

With the balanced prediction an output of 0 is the posterior mean of x0 ~ N(centre, sigma_d^2): a
network whose last layer is zero is the exact denoiser of Gaussian data.
"""

from pathlib import Path
from typing import Any

import torch

from undrift.common.weights.files import save_weights
from undrift.common.weights.settings import Settings

PRESETS = {
    "fast": {"solver": "ddim", "steps": 1},
    "balanced": {"solver": "ddim", "steps": 1},
    "best": {"solver": "multistep-2", "steps": 4, "symmetries": 2},
}
SMALL = {"outputs": 3, "unshuffle": 2, "widths": [8, 8], "depths": [1, 1], "features": 8}
DENOISE: dict[str, Any] = {
    "id": "tiny-denoise",
    "domain": "restoration",
    "task": "denoise",
    "process": {"name": "variance-preserving"},
    "prediction": "balanced",
    "scaling": {"sigma_d": 0.25, "mean": 0.5, "std": 0.25, "centre": 0.5},
    "network": {"name": "local-nafnet", "params": {**SMALL, "inputs": 3}},
    "presets": PRESETS,
}
SR: dict[str, Any] = {
    "id": "tiny-sr",
    "domain": "restoration",
    "task": "sr",
    "process": {
        "name": "residual-shift",
        "params": {"kappa": 0.25, "first": 0.04, "last": 0.99, "power": 0.3, "knee": 0.25},
    },
    "prediction": "balanced",
    "scaling": {"sigma_d": 0.05},
    "network": {"name": "local-nafnet", "params": {**SMALL, "inputs": 6, "levels": 1}},
    "levels": ["half log2 of the scale"],
    "ranges": {"scale": (2.0, 4.0)},
    "presets": {name: {**preset, "back_projections": 5} for name, preset in PRESETS.items()},
}


def write_model(path: Path, settings: dict[str, Any], last: float = 0.1) -> str:
    """Writes random weights with these settings; `last` scales the last layer. Returns the path."""
    made = Settings.model_validate(settings)
    network = made.build().network
    generator = torch.Generator().manual_seed(7)
    state = {}
    for name, value in network.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        fans = max(1, value[0].numel()) if value.ndim > 1 else 1
        state[name] = value + 0.5 * noise / fans**0.5
        if name.startswith("leave"):
            state[name] = last * noise
    save_weights(path, state, made)
    return str(path)
