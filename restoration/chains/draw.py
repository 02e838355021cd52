"""Draws a chain: the second-order pipeline of Real-ESRGAN (Wang et al. 2021, section 3).

    blur - resize - noise - JPEG, the same again with milder ranges, to the small size, and in one
    of two orders a last sinc and a last JPEG; rounded to 8 bits.

Where the published program shares a draw among a batch (grey noise, resize modes), every picture
here has its own.
"""

import math

import numpy as np

from undrift.restoration.chains.chain import Chain
from undrift.restoration.chains.kernels import Kernel
from undrift.restoration.chains.settings import (
    SIX,
    Blurs,
    ChainSettings,
    Compressions,
    Noises,
    Range,
    Resizes,
)
from undrift.restoration.chains.steps import (
    Compressed,
    Filtered,
    Link,
    Mode,
    Resized,
    Rounded,
    ShotNoise,
    WhiteNoise,
)

_MODES: tuple[Mode, ...] = ("area", "bilinear", "bicubic")
_WIDE = 13  # from this side on a sinc may cut lower


def draw_chain(
    settings: ChainSettings, size: tuple[int, int], scale: float, rng: np.random.Generator
) -> Chain:
    """A chain for pictures of (h, w) whose last size is (h, w) / scale, rounded.

    With `settings.back` the result is resized to (h, w) again, by the antialiased bicubic rule.
    """
    if rng.random() < settings.jpeg_only:
        return Chain((Compressed(_quality(Compressions(1.0, (5, 95)), rng)),))
    small = (max(1, round(size[0] / scale)), max(1, round(size[1] / scale)))
    first, second = settings.first, settings.second
    links: list[Link] = [*_blur(first.blur, rng), *_resize(first.resize, size, rng)]
    links += [*_noise(first.noise, rng), *_jpeg(first.jpeg, rng)]
    end: list[Link] = [*_jpeg(second.jpeg, rng)] if scale > 1 or settings.again else []
    if rng.random() < settings.again:
        links += _blur(second.blur, rng)
        links += _resize(second.resize, small, rng) + _noise(second.noise, rng)
    elif settings.back:
        end = []
    final: list[Link] = []
    if not settings.back or rng.random() < 0.3:
        final.append(Resized(*small, _MODES[int(rng.integers(3))]))
    if rng.random() < settings.final_sinc:
        final.append(Filtered(_sinc((7, 21), rng, math.pi / 3)))
    links += [*final, *end] if rng.random() < 0.5 else [*end, *final]
    if settings.back:
        links.append(Resized(*size))
    return Chain((*links, Rounded()))


def _blur(blurs: Blurs, rng: np.random.Generator) -> list[Link]:
    if rng.random() >= blurs.chance:
        return []
    if rng.random() < blurs.sinc:
        return [Filtered(_sinc(blurs.sizes, rng))]
    shares = np.array(blurs.shares) / sum(blurs.shares)
    which = int(rng.choice(len(SIX), p=shares))
    shape, turned = SIX[which], which % 2 == 1
    sx = float(rng.uniform(*blurs.sigma))
    sy, theta = (float(rng.uniform(*blurs.sigma)), float(rng.uniform(-math.pi, math.pi)))
    beta = 1.0
    if shape != "gaussian":
        low, high = blurs.generalised if shape == "generalised" else blurs.plateau
        beta = float(rng.uniform(low, 1) if rng.random() < 0.5 else rng.uniform(1, high))
    size = _odd(blurs.sizes, rng)
    if turned:
        return [Filtered(Kernel(shape, size, sx, sy, theta, beta))]
    return [Filtered(Kernel(shape, size, sx, sx, 0.0, beta))]


def _sinc(sizes: tuple[int, int], rng: np.random.Generator, low: float | None = None) -> Kernel:
    size = _odd(sizes, rng)
    if low is None:
        low = math.pi / (3 if size < _WIDE else 5)
    return Kernel("sinc", size, cutoff=float(rng.uniform(low, math.pi)))


def _odd(sizes: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(sizes[0] // 2, sizes[1] // 2 + 1)) * 2 + 1


def _resize(resizes: Resizes, size: tuple[int, int], rng: np.random.Generator) -> list[Link]:
    which = int(rng.choice(3, p=resizes.chances))
    if which == 2:
        return []
    factor = float(rng.uniform(*(resizes.grow if which == 0 else resizes.shrink)))
    height, width = (max(1, int(n * factor)) for n in size)
    return [Resized(height, width, _MODES[int(rng.integers(3))])]


def _noise(noises: Noises, rng: np.random.Generator) -> list[Link]:
    if rng.random() >= noises.chance:
        return []
    grey, seed = bool(rng.random() < noises.grey), int(rng.integers(2**62))
    if rng.random() < noises.gaussian:
        return [WhiteNoise(float(rng.uniform(*noises.sigma)), grey, seed)]
    return [ShotNoise(float(rng.uniform(*noises.scale)), grey, seed)]


def _jpeg(jpeg: Compressions, rng: np.random.Generator) -> list[Link]:
    return [Compressed(_quality(jpeg, rng))] if rng.random() < jpeg.chance else []


def _quality(jpeg: Compressions, rng: np.random.Generator) -> int:
    quality: Range = jpeg.quality
    return int(rng.integers(int(quality[0]), int(quality[1]) + 1))
