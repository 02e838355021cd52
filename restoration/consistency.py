"""Agreement of an enlarged picture with the small one it came from.

A super-resolved picture, reduced again, should be the picture that was given, up to the rounding
of its depth; iterative back-projection brings it there, as far as overshoots allow. Along an axis
of `wrap` both kernels see the other side beyond the border (`modes`, see `common.padding`).
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.padding import crop, pad
from undrift.common.resize import bicubic, upscale
from undrift.restoration.back_projection import given_back
from undrift.restoration.images import Picture

Modes = Sequence[str] | None
Margins = list[tuple[int, int]]
_SUPPORT = 6  # small pixels that a reduction and an enlargement together see


def reduced(x: Tensor, low: Tensor, scale: float, modes: Modes = None) -> Tensor:
    """x (b, c, H, W) on the grid of `low` (1, c, h, w), by the antialiased bicubic kernel.

    With a broken scale the plain reduction may have one row more than `low`.
    """
    few, many, modes = _beyond(low, scale, modes)
    size = [n + sum(more) for n, more in zip(low.shape[-2:], few, strict=True)]
    x = bicubic(pad(x, modes, many), (size[0], size[1]), (1 / scale, 1 / scale))
    return crop(x, few)


def enlarged(low: Tensor, scale: float, modes: Modes = None) -> Tensor:
    """low (1, c, h, w), or (1, h, w), enlarged by the bicubic kernel."""
    few, many, modes = _beyond(low, scale, modes)
    return crop(upscale(pad(low, modes, few), scale), many)


def level_of(scale: float) -> Tensor:
    """How a network is told the scale, (1, 1)."""
    return torch.tensor([[math.log2(scale) / 2]])


def check_periods(size: Sequence[int], scale: float, modes: Modes) -> None:
    """Raises UsageError where a side that wraps around does not become whole pixels."""
    for side, mode in zip(size, modes or (), strict=False):
        if mode == "wrap" and not _whole(side * scale):
            raise UsageError(
                f"pad wrap: a period of {side} pixels becomes {side * scale:g} at scale {scale:g}; "
                "take a scale that gives whole pixels"
            )


def consistent(
    samples: Tensor,
    low: Tensor,
    scale: float,
    rounds: int,
    noise: float | None,
    modes: Modes = None,
) -> tuple[Tensor, int]:
    """Back-projects each sample until its residual is at the rounding noise, or `rounds` times.

    Returns the samples and the largest number of rounds that one took; a sample never depends on
    the others.
    """
    done, most = [], 0
    for sample in samples.split(1):
        found, used = _back_projected(sample, low, scale, rounds, noise, modes)
        done.append(found)
        most = max(most, used)
    return torch.cat(done), most


def _back_projected(
    x: Tensor, low: Tensor, scale: float, rounds: int, noise: float | None, modes: Modes
) -> tuple[Tensor, int]:
    """One sample and its rounds, counted on the small grid."""
    if not rounds:
        return x, 0
    few, many, around = _beyond(low, scale, modes)
    height, width = (n + sum(more) for n, more in zip(x.shape[-2:], many, strict=True))
    rest, used = low - reduced(x, low, scale, modes), 0
    total = torch.zeros_like(rest)
    while used < rounds and not _fits(rest, noise):
        total += rest
        rest = crop(given_back(pad(rest, around, few), (height, width), scale), few)
        used += 1
    if used:
        x = x + crop(upscale(pad(total, around, few), scale, (height, width)), many)
    return x, used


def _fits(rest: Tensor, noise: float | None) -> bool:
    return noise is not None and float(rest.double().square().mean().sqrt()) <= noise


def _beyond(low: Tensor, scale: float, modes: Modes) -> tuple[Margins, Margins, Sequence[str]]:
    """Pixels beyond the borders, small and enlarged, whole in both, along axes that wrap."""
    modes = modes or ("none", "none")
    if "wrap" not in modes:
        return [(0, 0)] * 2, [(0, 0)] * 2, modes
    check_periods(low.shape[-2:], scale, modes)
    margin = next(m for m in (*range(_SUPPORT, 64), *low.shape[-2:]) if _whole(m * scale))
    few = [(margin, margin) if mode == "wrap" else (0, 0) for mode in modes]
    return few, [(round(a * scale), round(b * scale)) for a, b in few], modes


def _whole(number: float) -> bool:
    return abs(number - round(number)) < 1e-6


def rounding_noise(picture: Picture) -> float | None:
    """Standard deviation of rounding to the picture's depth, in unit pixels; None for floats."""
    kind = np.dtype(picture.depth)
    if kind.kind not in "ui":
        return None
    low, high = picture.value_range or (0.0, float(np.iinfo(kind).max))
    return 1 / ((high - low) * math.sqrt(12))
