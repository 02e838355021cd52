"""Links of light: too little of it, in two forms, and shadows.

Light adds and scales in linear light only; `linear` and `encoded` are the curve of sRGB
(IEC 61966-2-1).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undrift.restoration.chains.fields import fractal
from undrift.restoration.chains.link import Limits, Link, Words, stream
from undrift.restoration.chains.noises import counted


def linear(x: np.ndarray) -> np.ndarray:
    """Values of sRGB in [0, 1] to linear light."""
    return np.where(x <= 0.04045, x / 12.92, ((np.maximum(x, 0) + 0.055) / 1.055) ** 2.4)


def encoded(x: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to values of sRGB."""
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class Darkened(Link):
    """beta (alpha x)^gamma (Lv et al. 2018, MBLLEN): the curve of a camera in the dark."""

    alpha: float = 0.95
    beta: float = 0.75
    gamma: float = 3.0
    name = "darkened"
    limits: ClassVar[Limits] = {"alpha": (0, 2), "beta": (0, 2), "gamma": (0.1, 10)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        raised = np.clip(self.alpha * x, 0, None) ** self.gamma
        return np.clip(self.beta * raised, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Underexposed(Link):
    """1 / factor of the light: photons counted, read noise, rounded to `bits` in linear light.

    gain: what one photon adds, white being 1; read: deviation on the 0..255 scale, both of linear
    values.
    """

    factor: float = 10.0
    gain: float = 1e-4
    read: float = 0.1
    bits: int = 12
    seed: int = 0
    name = "underexposed"
    limits: ClassVar[Limits] = {
        "factor": (1, 1000),
        "gain": (1e-7, 1),
        "read": (0, 255),
        "bits": (4, 16),
    }

    def __call__(self, x: np.ndarray) -> np.ndarray:
        light = linear(np.clip(x, 0, 1)) / self.factor
        seen = np.clip(counted(light, self.gain, self.read / 255, stream(self.seed)), 0, 1)
        levels = 2**self.bits - 1
        return np.clip(encoded(np.rint(seen * levels) / levels), 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Shadow(Link):
    """A part of the picture in shadow, with a soft edge.

    share: of the picture; kind: "blob" or "polygon"; penumbra: deviation of the edge's blur in
    pixels; light: what is left in full shadow; tint: how much more blue is left than red, the sky
    being what lights a shadow. space: "linear" multiplies linear light, "lab" lightness L*.
    """

    share: float = 0.35
    kind: str = "blob"
    penumbra: float = 3.0
    light: float = 0.4
    tint: float = 0.1
    space: str = "linear"
    seed: int = 0
    name = "shadow"
    limits: ClassVar[Limits] = {
        "share": (0.01, 0.99),
        "penumbra": (0, 100),
        "light": (0, 1),
        "tint": (-1, 1),
    }
    words: ClassVar[Words] = {"kind": ("blob", "polygon"), "space": ("linear", "lab")}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        mask = self.mask((x.shape[1], x.shape[2]))
        if self.space == "lab":
            return _lightness(x, 1 - mask * (1 - self.light))
        tints = [1 - self.tint, 1, 1 + self.tint] if len(x) == 3 else [1.0]
        left = np.clip(self.light * np.array(tints), 0, 1)[:, None, None]
        out = encoded(linear(np.clip(x, 0, 1)) * (1 - mask * (1 - left)))
        return np.where(mask > 0, out, x).astype(np.float32)

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """(h, w) float32: 1 in full shadow, 0 in the light, between in the penumbra."""
        from scipy.ndimage import gaussian_filter

        rng = stream(self.seed)
        if self.kind == "blob":
            field = fractal(size, 4.0, rng)
            hard = field > np.quantile(field, 1 - self.share)
        else:
            hard = _polygon(size, self.share, rng)
        hard = hard.astype(np.float32)
        return gaussian_filter(hard, self.penumbra, truncate=3) if self.penumbra else hard


def _polygon(size: tuple[int, int], share: float, rng: np.random.Generator) -> np.ndarray:
    """A star-shaped polygon of about the share of the area about a point of the picture."""
    from PIL import Image, ImageDraw

    centre = rng.uniform(0.2, 0.8, 2) * size
    corners = int(rng.integers(4, 9))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    reach = np.sqrt(share * size[0] * size[1] / np.pi) * rng.uniform(0.8, 1.8, corners)
    points = [
        (float(centre[1] + r * np.cos(a)), float(centre[0] + r * np.sin(a)))
        for a, r in zip(angles, reach, strict=True)
    ]
    canvas = Image.new("L", (size[1], size[0]))
    ImageDraw.Draw(canvas).polygon(points, fill=255)
    return np.array(canvas) > 127


def _lightness(x: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """L* times the factor (h, w); a* and b* stay."""
    from skimage.color import lab2rgb, rgb2lab

    lab = rgb2lab(np.broadcast_to(np.clip(x, 0, 1), (3, *x.shape[1:])).transpose(1, 2, 0))
    lab[..., 0] *= factor
    out = np.clip(lab2rgb(lab), 0, 1).transpose(2, 0, 1)[: len(x)]
    return np.where(factor < 1, out, x).astype(np.float32)
