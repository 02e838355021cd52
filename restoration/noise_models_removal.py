"""Removing noise of any known kind with a denoiser that is told one level a call.

Noise that differs over the picture is removed at a few levels that cover those of the map, and
each pixel is taken between the two levels around its own, linearly in the logarithm: exact where
the map is one number, and as good as the denoiser is smooth in its level elsewhere. Noise that
grows with the light is removed behind Anscombe's transform, which makes it even.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.anscombe import stabilised, unbiased_inverse
from undrift.restoration.noise_models import FAINT, KnownNoise

LEVELS = 5  # at most
RATIO = 1.5  # of neighbouring levels, where so many suffice

At = Callable[[Tensor, float], Tensor]  # (1, c, h, w), its noise -> (k, c, h, w)


def removed(at: At, pixels: Tensor, known: KnownNoise) -> Tensor:
    """Samples (k, c, h, w) of pixels (1, c, h, w) without the known noise; at: the denoiser."""
    if known.gain > 0:
        return behind_transform(at, pixels, known)
    if known.map is not None:
        return at_levels(at, pixels, known.map)
    return at(pixels, known.sigma)


def at_levels(at: At, pixels: Tensor, deviation: Tensor) -> Tensor:
    """Denoised with the standard deviation (1, 1 or c, h, w) of each pixel.

    Pixels whose noise is below `FAINT` stay as they are.
    """
    levels = levels_of(deviation)
    if not levels:
        return pixels.clone()
    place = torch.log(deviation.clamp(levels[0], levels[-1]).double())
    nodes = [math.log(level) for level in levels]
    total = torch.zeros_like(pixels)
    for number, level in enumerate(levels):
        total = total + hat(place, nodes, number).float() * at(pixels, level)
    return torch.where(deviation < FAINT, pixels, total)


def levels_of(deviation: Tensor) -> list[float]:
    """Levels from the least to the greatest, equally far apart in the logarithm, or one or none."""
    seen = deviation[deviation >= FAINT]
    if seen.numel() == 0:
        return []
    low, high = float(seen.min()), float(seen.max())
    count = min(LEVELS, 1 + math.ceil(math.log(high / low) / math.log(RATIO) - 1e-6))
    if count == 1:
        return [high]
    return [low * (high / low) ** (k / (count - 1)) for k in range(count - 1)] + [high]


def hat(place: Tensor, nodes: list[float], number: int) -> Tensor:
    """Weight of a node at each place: 1 there, falling linearly to 0 at its neighbours."""
    weight = torch.ones_like(place)
    if number > 0:
        low, here = nodes[number - 1], nodes[number]
        weight = torch.where(place < here, ((place - low) / (here - low)).clamp(min=0), weight)
    if number < len(nodes) - 1:
        here, high = nodes[number], nodes[number + 1]
        weight = torch.where(place > here, ((high - place) / (high - here)).clamp(min=0), weight)
    return weight


def behind_transform(at: At, pixels: Tensor, known: KnownNoise) -> Tensor:
    """Poisson-Gaussian noise: made even, brought to [0, 1] between black and white, and back."""
    ends = stabilised(torch.tensor([0.0, 1.0]), known.gain, known.read)
    black, span = float(ends[0]), float(ends[1] - ends[0])
    even = ((stabilised(pixels, known.gain, known.read) - black) / span).float()
    found = at(even, known.share / span)
    return unbiased_inverse(found.double() * span + black, known.gain, known.read).float()
