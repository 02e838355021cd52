"""A stand-in network with its input, and the loop of diffusers' documentation."""

from typing import Any

import torch
from torch import Tensor

SCALED = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
X = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(3))


def network(x: Tensor, timestep: float) -> Tensor:
    return x * timestep / (timestep + 150) + 0.02 * torch.sin(3 * x)


def loop(scheduler: Any, x: Tensor = X, **steps: Any) -> Tensor:
    """All steps of any scheduler."""
    scheduler.set_timesteps(**steps)
    generator = torch.Generator().manual_seed(0)
    x = x * getattr(scheduler, "init_noise_sigma", 1.0)
    for t in scheduler.timesteps:
        inputs = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        output = network(inputs, float(t))
        x = scheduler.step(output, t, x, generator=generator, return_dict=False)[0]
    return x


def gap(theirs: Tensor, ours: Tensor) -> float:
    """Largest difference over largest value."""
    return float((theirs - ours).abs().max() / theirs.abs().max())
