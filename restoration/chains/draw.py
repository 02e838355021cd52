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
from undrift.restoration.chains.link import Link
from undrift.restoration.chains.noises import ShotNoise, WhiteNoise
from undrift.restoration.chains.settings import (
    SIX,
    Blurs,
    ChainSettings,
    Compressions,
    Mixture,
    Noises,
    Stage,
)
from undrift.restoration.chains.steps import (
    Blurred,
    Compressed,
    Filtered,
    Mode,
    Resized,
    Rounded,
)

_WIDE = 13  # from this side on a sinc may cut lower


def draw_chain(
    settings: ChainSettings | Mixture,
    size: tuple[int, int],
    scale: float,
    rng: np.random.Generator,
) -> Chain:
    """A chain for pictures of (h, w) whose last size is (h, w) / scale, rounded.

    With `settings.back` the result is resized to (h, w) again, by the antialiased bicubic rule. A
    mixture draws the part and multiplies its scale.
    """
    if isinstance(settings, Mixture):
        shares = np.array([part.share for part in settings.parts])
        part = settings.parts[int(rng.choice(len(shares), p=shares / shares.sum()))]
        return draw_chain(part.settings, size, scale * float(rng.uniform(*part.scale)), rng)
    small = (max(1, round(size[0] / scale)), max(1, round(size[1] / scale)))
    first, second = settings.first, settings.second
    links: list[Link] = [*_blur(first.blur, rng), *_resize(first, size, settings.modes, rng)]
    links += [*_noise(first.noise, rng), *_jpeg(first.jpeg, rng)]
    end = _jpeg(second.jpeg, rng)
    if rng.random() < settings.again:
        links += _blur(second.blur, rng)
        between = _resize(second, small, settings.modes, rng)
        links += between or [Resized(*small, _drawn(settings.modes, rng))]  # "keep" is 1 here
        links += _noise(second.noise, rng)
    final: list[Link] = [Resized(*small, _drawn(settings.modes, rng))]
    if rng.random() < settings.final_sinc:
        final.append(Filtered(_sinc((7, 21), rng, math.pi / 3)))
    links += [*final, *end] if rng.random() < 0.5 else [*end, *final]
    if settings.back:
        links.append(Resized(*size))
    return Chain((*_changing(links, size), Rounded()))


def _changing(links: list[Link], size: tuple[int, int]) -> list[Link]:
    """The links without resizing to the size that a picture has there already."""
    kept: list[Link] = []
    for link in links:
        if isinstance(link, Resized):
            if (link.height, link.width) == size:
                continue
            size = (link.height, link.width)
        kept.append(link)
    return kept


def _blur(blurs: Blurs, rng: np.random.Generator) -> list[Link]:
    if rng.random() >= blurs.chance:
        return []
    if rng.random() < blurs.sinc:
        return [Filtered(_sinc(blurs.sizes, rng))]
    word = int(rng.choice(4, p=[1 - sum(blurs.words), *blurs.words]))
    if word:
        return [_worded(word, blurs, rng)]
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


def _worded(kind: int, blurs: Blurs, rng: np.random.Generator) -> Link:
    """A straight motion (1), a shake (2) or a disc (3), as a word of `psf`."""
    if kind == 1:
        return Blurred(f"motion:{rng.uniform(*blurs.travel):.2f},{rng.uniform(0, 180):.1f}")
    if kind == 2:
        return Blurred(f"shake:{_odd((7, int(blurs.travel[1])), rng)},{int(rng.integers(2**31))}")
    return Blurred(f"disk:{rng.uniform(*blurs.radius):.2f}")


def _sinc(sizes: tuple[int, int], rng: np.random.Generator, low: float | None = None) -> Kernel:
    size = _odd(sizes, rng)
    if low is None:
        low = math.pi / (3 if size < _WIDE else 5)
    return Kernel("sinc", size, cutoff=float(rng.uniform(low, math.pi)))


def _odd(sizes: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(sizes[0] // 2, sizes[1] // 2 + 1)) * 2 + 1


def _resize(
    stage: Stage, size: tuple[int, int], modes: tuple[Mode, ...], rng: np.random.Generator
) -> list[Link]:
    resizes = stage.resize
    which = int(rng.choice(3, p=resizes.chances))
    if which == 2:
        return []
    factor = float(rng.uniform(*(resizes.grow if which == 0 else resizes.shrink)))
    height, width = (max(1, int(n * factor)) for n in size)
    return [Resized(height, width, _drawn(modes, rng))]


def _drawn(modes: tuple[Mode, ...], rng: np.random.Generator) -> Mode:
    return modes[int(rng.integers(len(modes)))]


def _noise(noises: Noises, rng: np.random.Generator) -> list[Link]:
    if rng.random() >= noises.chance:
        return []
    grey, seed = bool(rng.random() < noises.grey), int(rng.integers(2**62))
    if rng.random() < noises.gaussian:
        return [WhiteNoise(float(rng.uniform(*noises.sigma)), grey, seed)]
    return [ShotNoise(float(rng.uniform(*noises.scale)), grey, seed)]


def _jpeg(jpeg: Compressions, rng: np.random.Generator) -> list[Link]:
    if rng.random() >= jpeg.chance:
        return []
    quality = int(rng.integers(int(jpeg.quality[0]), int(jpeg.quality[1]) + 1))
    full = jpeg.full_colour > 0 and rng.random() < jpeg.full_colour
    return [Compressed(quality, "4:4:4" if full else "4:2:0")]
