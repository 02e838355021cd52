"""Agreement of an enlarged picture with the small one it came from.

A super-resolved picture, reduced again, should be the picture that was given, up to the rounding
of its depth; iterative back-projection brings it there, as far as overshoots allow.
"""

import math

import numpy as np
import torch
from torch import Tensor

from undrift.common.resize import bicubic
from undrift.restoration.degrade import back_project
from undrift.restoration.images import Picture


def reduced(x: Tensor, low: Tensor, scale: float) -> Tensor:
    """x (b, c, H, W) on the grid of `low` (1, c, h, w), by the antialiased bicubic kernel.

    With a broken scale the plain reduction may have one row more than `low`.
    """
    return bicubic(x, (low.shape[-2], low.shape[-1]), (1 / scale, 1 / scale))


def consistent(
    samples: Tensor, low: Tensor, scale: float, rounds: int, noise: float | None
) -> tuple[Tensor, int]:
    """Back-projects each sample until its residual is at the rounding noise, or `rounds` times.

    Returns the samples and the largest number of rounds that one took; a sample never depends on
    the others.
    """
    done, most = [], 0
    for sample in samples.split(1):
        used = 0
        while used < rounds and not _fits(sample, low, scale, noise):
            sample = back_project(sample, low, scale, 1)
            used += 1
        done.append(sample)
        most = max(most, used)
    return torch.cat(done), most


def _fits(sample: Tensor, low: Tensor, scale: float, noise: float | None) -> bool:
    if noise is None:
        return False
    rest = low - reduced(sample, low, scale)
    return float(rest.double().square().mean().sqrt()) <= noise


def rounding_noise(picture: Picture) -> float | None:
    """Standard deviation of rounding to the picture's depth, in unit pixels; None for floats."""
    kind = np.dtype(picture.depth)
    if kind.kind not in "ui":
        return None
    low, high = picture.value_range or (0.0, float(np.iinfo(kind).max))
    return 1 / ((high - low) * math.sqrt(12))
