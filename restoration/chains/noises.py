"""Links that add noise; all clip to [0, 1], as cameras and files do.

Deviations are on the 0..255 scale. Grey noise is one field for all channels.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undrift.restoration.chains.link import Limits, Link, stream


@dataclass(frozen=True)
class WhiteNoise(Link):
    """Gaussian noise of deviation `sigma` on the 0..255 scale; clipped to [0, 1]."""

    sigma: float
    grey: bool = False
    seed: int = 0
    name = "gaussian-noise"
    limits: ClassVar[Limits] = {"sigma": (0, 1000)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        shape = (1, *x.shape[1:]) if self.grey else x.shape
        noise = stream(self.seed).standard_normal(shape, dtype=np.float32)
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
    limits: ClassVar[Limits] = {"scale": (0, 100)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        image = np.clip(np.rint(x * 255), 0, 255) / 255
        if self.grey and len(image) == 3:
            image = np.tensordot([0.2989, 0.587, 0.114], image, 1)[None]
            image = np.rint(image * 255) / 255
        levels = 2 ** np.ceil(np.log2(len(np.unique(image)))) if image.size else 1
        levels = max(float(levels), 1.0)
        noise = stream(self.seed).poisson(image * levels) / levels - image
        return np.clip(x + np.float32(self.scale) * noise.astype(np.float32), 0, 1)


@dataclass(frozen=True)
class SensorNoise(Link):
    """gain Poisson(x / gain) + read noise: variance gain x + read^2, as of counted photons.

    gain: what one photon adds, in the unit of the picture (white is 1); read: deviation on the
    0..255 scale.
    """

    gain: float
    read: float = 0.0
    seed: int = 0
    name = "poisson-gaussian-noise"
    limits: ClassVar[Limits] = {"gain": (1e-7, 1), "read": (0, 1000)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.clip(counted(x, self.gain, self.read / 255, stream(self.seed)), 0, 1)


@dataclass(frozen=True)
class ChannelNoise(Link):
    """Gaussian noise of other deviations in red, green and blue; a grey picture has that of green.

    Blue is the noisiest channel of most cameras, its filter passing the least light.
    """

    red: float
    green: float
    blue: float
    seed: int = 0
    name = "channel-noise"
    limits: ClassVar[Limits] = {"red": (0, 1000), "green": (0, 1000), "blue": (0, 1000)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        sigmas = [self.red, self.green, self.blue] if len(x) == 3 else [self.green]
        noise = stream(self.seed).standard_normal(x.shape, dtype=np.float32)
        return np.clip(x + np.array(sigmas, np.float32)[:, None, None] / 255 * noise, 0, 1)


def counted(x: np.ndarray, gain: float, read: float, rng: np.random.Generator) -> np.ndarray:
    """gain Poisson(x / gain) + read noise, all in the unit of x >= 0; not clipped."""
    photons = rng.poisson(np.clip(x, 0, None).astype(np.float64) / gain) * gain
    noise = rng.standard_normal(x.shape, dtype=np.float32)
    return photons.astype(np.float32) + np.float32(read) * noise
