"""Latent rectified flow with spacing (MAISI v2, Guo et al. 2025; networks of MONAI).

    x_t = (1 - t) x0 + t eps,   the network gives v = x0 - eps,   t' = r t / (1 + (r - 1) t)

with r = (numel / 32^3)^(1/3) of the latent volume: larger volumes stay longer at high noise. The
network is told the time index 1000 t', the spacing in mm times 100 and the number of a modality.
A latent divided by the scale factor is decoded; its numbers in [0, 1] are a window of HU, or of
percentiles for MR, which leave no unit. The product of shape and spacing, the field of view, has to
lie in the range of the training: nothing matters more for what comes out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.external import External
from undrift.common.processes.flow import Flow

STEPS = 1000
BASE = 32**3


def shift_ratio(latent: Sequence[int]) -> float:
    """r of a latent volume of these sides; 1 for 32 cubed."""
    count = 1
    for side in latent:
        count *= side
    return (count / BASE) ** (1 / 3)


def shifted(t: float, ratio: float) -> float:
    """The shifted time; 0 and 1 stay."""
    return ratio * t / (1 + (ratio - 1) * t)


def shifted_times(steps: int, latent: Sequence[int]) -> list[float]:
    """Times from 1 to 0 for a latent volume."""
    ratio = shift_ratio(latent)
    return [shifted(1 - k / steps, ratio) for k in range(steps + 1)]


@dataclass(frozen=True)
class Told:
    """What the network is told. spacing: mm. modality: the number of a class, None for none."""

    spacing: tuple[float, float, float]
    modality: int | None = None


def maisi_denoiser(network: Callable[..., Tensor], told: Told) -> External:
    """A network of MONAI's signature as a denoiser of latent volumes."""

    def call(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        times = torch.full((len(x),), t * STEPS, device=x.device, dtype=x.dtype)
        spacing = torch.tensor([told.spacing] * len(x), device=x.device, dtype=x.dtype) * 100
        more: dict[str, Any] = {"spacing_tensor": spacing}
        if told.modality is not None:
            more["class_labels"] = torch.full((len(x),), told.modality, device=x.device)
        return -network(x, times, **more)  # ours runs from the data to the noise

    return External(call, Flow(), "velocity")


def latent_sides(shape: Sequence[int], factor: int) -> tuple[int, int, int]:
    """Sides of the latent volume of a shape; raises UsageError unless they divide by `factor`."""
    if len(shape) != 3 or any(side % factor or side < factor for side in shape):
        raise UsageError(f"shape {tuple(shape)}: expected three multiples of {factor}")
    x, y, z = (side // factor for side in shape)
    return x, y, z
