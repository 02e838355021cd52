"""How a benchmark makes JPEG files, small pictures of unknown history, and the noise of a camera.

"jpeg": one file of a quality by Pillow, colours at half resolution (4:2:0), told to nobody.
"blind-sr": a chain of blur, resizing, noise and JPEG drawn for (seed, item) from a published recipe
(`chains.settings`) ends in a picture `scale` times smaller; methods are told the scale alone. The
reference is cropped to a multiple of the scale and scored without `scale` pixels on each side.
"camera": y = Poisson(peak x) / peak + read eps, neither clipped nor rounded; the methods are told
gain = 1 / peak and read, in the unit of the picture (Foi et al. 2008, Eq. 3).
All draws are functions of (seed, item) only.
"""

from dataclasses import dataclass

import numpy as np

from undrift.common.errors import InputError
from undrift.restoration.baselines_blind import KnownCamera
from undrift.restoration.chains.chain import Chain


@dataclass(frozen=True)
class Jpeg:
    """Files of this quality, 1 to 100."""

    quality: int
    task = "jpeg"
    metrics = ("psnr", "ssim")
    crop_border = 0

    @property
    def name(self) -> str:
        """ "jpeg 10"."""
        return f"jpeg {self.quality}"

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """The picture and what its file holds, (c, h, w)."""
        from undrift.restoration.chains.steps import Compressed

        return picture, Compressed(self.quality)(picture)

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> None:
        """Methods are told nothing."""


@dataclass(frozen=True)
class UnknownSmall:
    """Pictures made `scale` times smaller by chains of `recipe`, a name in `chains.settings`."""

    recipe: str
    scale: int = 4
    task = "blind-sr"
    metrics = ("psnr", "ssim")

    @property
    def name(self) -> str:
        """ "x4 real-esrgan"."""
        return f"x{self.scale} {self.recipe}"

    @property
    def crop_border(self) -> int:
        """Pixels on each side that are not scored."""
        return self.scale

    def chain(self, size: tuple[int, int], *, seed: int, item: str) -> Chain:
        """The chain of (seed, item) for a reference of (h, w); its `record()` repeats it."""
        from undrift.common.noise import Noise
        from undrift.restoration.chains.draw import draw_chain
        from undrift.restoration.chains.settings import SETTINGS

        key = np.array(Noise(seed, f"benchmark/{item}").key(), np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        return draw_chain(SETTINGS[self.recipe], size, self.scale, rng)

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """The cropped reference and the small picture, (c, h, w)."""
        height, width = (side - side % self.scale for side in picture.shape[1:])
        if 0 in (height, width):
            raise InputError(f"{picture.shape[1:]} pixels cannot be shrunk {self.scale} times")
        clean = picture[:, :height, :width]
        return clean, self.chain((height, width), seed=seed, item=item)(clean)

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> int:
        """The scale."""
        return self.scale


@dataclass(frozen=True)
class Camera:
    """Photon noise of `peak` photons at white, read noise on the 0..255 scale."""

    peak: float = 30.0
    read: float = 4.0
    task = "camera"
    metrics = ("psnr", "ssim")
    crop_border = 0

    @property
    def name(self) -> str:
        """ "peak 30, read 4"."""
        return f"peak {self.peak:g}, read {self.read:g}"

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """The picture and its exposure, (c, h, w)."""
        from undrift.common.noise import Noise

        key = np.array(Noise(seed, f"benchmark/{item}").key(), np.uint64)
        rng = np.random.Generator(np.random.Philox(key=key))
        photons = rng.poisson(self.peak * np.clip(picture, 0, 1).astype(np.float64))
        read = self.read / 255 * rng.standard_normal(picture.shape)
        return picture, (photons / self.peak + read).astype(np.float32)

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> KnownCamera:
        """Gain and read noise in the unit of the picture."""
        return KnownCamera(1 / self.peak, self.read / 255)
