"""Links that blur, resize, compress and round."""

import io
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
import torch
from torch.nn import functional

from undrift.common.errors import InputError, nearest
from undrift.common.resize import bicubic
from undrift.restoration.chains.kernels import Kernel
from undrift.restoration.chains.link import Limits, Link, Words

Mode = Literal["area", "bilinear", "bicubic", "matlab"]


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

    def __post_init__(self) -> None:
        super().__post_init__()
        _taps(self.psf)  # raises for a word that means nothing

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return _convolved(x, _taps(self.psf))


@dataclass(frozen=True)
class Resized(Link):
    """To height x width. "matlab": the antialiased bicubic rule; the others do not antialias.

    factor: of "matlab" where it is not the ratio of the sizes, 0 for that.

    "area" averages, "bilinear" and "bicubic" (a = -.75) interpolate between the nearest pixels, so
    that shrinking aliases, as in the published pipelines.
    """

    height: int
    width: int
    mode: Mode = "matlab"
    factor: float = 0.0
    name = "resize"
    limits: ClassVar[Limits] = {"height": (1, 2**20), "width": (1, 2**20), "factor": (0, 64)}
    words: ClassVar[Words] = {"mode": ("area", "bilinear", "bicubic", "matlab")}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        size, picture = (self.height, self.width), torch.from_numpy(np.ascontiguousarray(x))
        if self.mode == "matlab":
            factors = (self.factor, self.factor) if self.factor else None
            return bicubic(picture, size, factors).numpy()
        corners = None if self.mode == "area" else False
        out = functional.interpolate(picture[None], size, mode=self.mode, align_corners=corners)
        return out[0].numpy()


@dataclass(frozen=True)
class Compressed(Link):
    """JPEG of the given quality, 1 to 100, by Pillow; subsampling "4:2:0", "4:2:2" or "4:4:4"."""

    quality: int
    subsampling: str = "4:2:0"
    name = "jpeg"
    limits: ClassVar[Limits] = {"quality": (1, 100)}
    words: ClassVar[Words] = {"subsampling": ("4:2:0", "4:2:2", "4:4:4")}

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
    limits: ClassVar[Limits] = {"levels": (1, 65535)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return (np.rint(np.clip(x, 0, 1) * self.levels) / self.levels).astype(np.float32)


@lru_cache(maxsize=32)
def _taps(word: str) -> np.ndarray:
    from undrift.restoration.psf import EXAMPLES, SHAPES, read_psf

    name = str(word).partition(":")[0]
    if name not in SHAPES:
        raise InputError(
            f"blur: psf {word!r}{nearest(name, SHAPES)} (there are: {', '.join(EXAMPLES.values())})"
        )
    return read_psf(word).numpy()


def _convolved(x: np.ndarray, taps: np.ndarray) -> np.ndarray:
    from scipy.signal import fftconvolve

    tall, wide = (side // 2 for side in taps.shape)
    mode = "reflect" if max(tall, wide) < min(x.shape[-2:]) else "symmetric"
    padded = np.pad(x, [(0, 0), (tall, tall), (wide, wide)], mode)
    return fftconvolve(padded, taps.astype(np.float32)[None], "valid", axes=(1, 2))
