"""The links of a chain: each a frozen dataclass of numbers, applied to float32 (c, h, w) in [0, 1].

Noise is drawn from a stream of the step's own seed (Philox), so that a recorded step does the same
again. Grey noise is one field for all channels.
"""

import io
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch.nn import functional

from undrift.common.resize import bicubic
from undrift.restoration.chains.kernels import Kernel

Mode = Literal["area", "bilinear", "bicubic", "matlab"]


@dataclass(frozen=True)
class Link:
    """Base class: `step(x)` degrades x; `record()` is what makes the same step again."""

    name: ClassVar[str]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does nothing")

    def record(self) -> dict[str, Any]:
        """Name and parameters."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Filtered(Link):
    """Correlation with a kernel, borders reflected."""

    kernel: Kernel
    name = "filter"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return _convolved(x, self.kernel.taps()[::-1, ::-1])


@dataclass(frozen=True)
class Blurred(Link):
    """Convolution with a point-spread function, a word of `restoration.psf`; borders reflected."""

    psf: str
    name = "blur"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        from undrift.restoration.psf import read_psf

        return _convolved(x, read_psf(self.psf).numpy())


@dataclass(frozen=True)
class Resized(Link):
    """To height x width. "matlab": the antialiased bicubic rule; the others do not antialias.

    "area" averages, "bilinear" and "bicubic" (a = -.75) interpolate between the nearest pixels, so
    that shrinking aliases, as in the published pipelines.
    """

    height: int
    width: int
    mode: Mode = "matlab"
    name = "resize"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        size, picture = (self.height, self.width), torch.from_numpy(np.ascontiguousarray(x))
        if self.mode == "matlab":
            return bicubic(picture, size).numpy()
        corners = None if self.mode == "area" else False
        out = functional.interpolate(picture[None], size, mode=self.mode, align_corners=corners)
        return out[0].numpy()


@dataclass(frozen=True)
class WhiteNoise(Link):
    """Gaussian noise of deviation `sigma` on the 0..255 scale; clipped to [0, 1]."""

    sigma: float
    grey: bool = False
    seed: int = 0
    name = "gaussian-noise"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        shape = (1, *x.shape[1:]) if self.grey else x.shape
        noise = _stream(self.seed).standard_normal(shape, dtype=np.float32)
        return np.clip(x + np.float32(self.sigma / 255) * noise, 0, 1)


@dataclass(frozen=True)
class ShotNoise(Link):
    """Poisson noise as Real-ESRGAN scales it: scale * (Poisson(x v) / v - x); clipped to [0, 1].

    v is the smallest power of two that is not below the number of distinct 8-bit levels of x.
    """

    scale: float
    grey: bool = False
    seed: int = 0
    name = "poisson-noise"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        image = np.clip(np.rint(x * 255), 0, 255) / 255
        if self.grey and len(image) == 3:
            image = np.tensordot([0.2989, 0.587, 0.114], image, 1)[None]
            image = np.rint(image * 255) / 255
        levels = 2 ** np.ceil(np.log2(len(np.unique(image)))) if image.size else 1
        levels = max(float(levels), 1.0)
        noise = _stream(self.seed).poisson(image * levels) / levels - image
        return np.clip(x + np.float32(self.scale) * noise.astype(np.float32), 0, 1)


@dataclass(frozen=True)
class Compressed(Link):
    """JPEG of the given quality, 1 to 100, by Pillow; subsampling "4:2:0" or "4:4:4"."""

    quality: int
    subsampling: str = "4:2:0"
    name = "jpeg"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        from PIL import Image

        pixels = np.clip(np.rint(x * 255), 0, 255).astype(np.uint8)
        alone = len(pixels) == 1
        image = Image.fromarray(pixels[0] if alone else pixels.transpose(1, 2, 0))
        file = io.BytesIO()
        keep = {} if alone else {"subsampling": self.subsampling}
        image.save(file, "JPEG", quality=self.quality, **keep)
        back = np.asarray(Image.open(file), np.float32) / 255
        return back[None] if alone else np.ascontiguousarray(back.transpose(2, 0, 1))


@dataclass(frozen=True)
class Rounded(Link):
    """Clipped to [0, 1] and rounded to 8 bits."""

    levels: int = field(default=255)
    name = "round"

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (np.rint(np.clip(x, 0, 1) * self.levels) / self.levels).astype(np.float32)


LINKS: dict[str, type[Link]] = {
    link.name: link
    for link in (Filtered, Blurred, Resized, WhiteNoise, ShotNoise, Compressed, Rounded)
}


def _stream(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, 0x5EED], np.uint64)))


def _convolved(x: np.ndarray, taps: np.ndarray) -> np.ndarray:
    from scipy.signal import fftconvolve

    tall, wide = (side // 2 for side in taps.shape)
    mode = "reflect" if max(tall, wide) < min(x.shape[-2:]) else "symmetric"
    padded = np.pad(x, [(0, 0), (tall, tall), (wide, wide)], mode)
    return fftconvolve(padded, taps.astype(np.float32)[None], "valid", axes=(1, 2))
