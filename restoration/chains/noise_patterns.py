"""Links that add noise with a pattern or a law of its own; all clip to [0, 1].

Deviations are on the 0..255 scale, that of speckle is relative.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undrift.restoration.chains.link import Limits, Link, Words, stream


@dataclass(frozen=True)
class Speckle(Link):
    """x times a factor of mean 1 and deviation `sigma`; law "log-normal" or "gamma" (radar)."""

    sigma: float
    law: str = "log-normal"
    seed: int = 0
    name = "speckle"
    limits: ClassVar[Limits] = {"sigma": (1e-6, 10)}
    words: ClassVar[Words] = {"law": ("log-normal", "gamma")}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        rng, variance = stream(self.seed), self.sigma**2
        if self.law == "gamma":
            factor = rng.gamma(1 / variance, variance, x.shape)
        else:
            spread = np.log1p(variance)
            factor = np.exp(np.sqrt(spread) * rng.standard_normal(x.shape) - spread / 2)
        return np.clip(x * factor.astype(np.float32), 0, 1)


@dataclass(frozen=True)
class SaltAndPepper(Link):
    """A `share` of the pixels is lost, `salt` of these to white, the others to black."""

    share: float
    salt: float = 0.5
    seed: int = 0
    name = "salt-and-pepper"
    limits: ClassVar[Limits] = {"share": (0, 1), "salt": (0, 1)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        rng = stream(self.seed)
        lost = rng.random(x.shape[1:]) < self.share
        tone = (rng.random(x.shape[1:]) < self.salt).astype(np.float32)
        return np.where(lost, tone, x)


@dataclass(frozen=True)
class MosaicNoise(Link):
    """White noise of `sigma` on a Bayer mosaic (RGGB), interpolated bilinearly to three channels.

    So the noise of a photograph is coloured, and neighbours are alike: the variance of red is
    sigma^2 at its own pixels, a half beside them, and a quarter between four of them.
    """

    sigma: float
    seed: int = 0
    name = "mosaic-noise"
    limits: ClassVar[Limits] = {"sigma": (0, 1000)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.clip(x + np.float32(self.sigma / 255) * self._unit(x.shape), 0, 1)

    def _unit(self, shape: tuple[int, ...]) -> np.ndarray:
        from scipy.ndimage import correlate

        noise = stream(self.seed).standard_normal(shape[1:], dtype=np.float32)
        row, column = np.indices(shape[1:])
        red, blue = (row % 2 == 0) & (column % 2 == 0), (row % 2 == 1) & (column % 2 == 1)
        cross = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
        tent = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4
        green = correlate(noise * ~(red | blue), cross, mode="mirror")
        if shape[0] == 1:
            return green[None]
        sides = [correlate(noise * at, tent, mode="mirror") for at in (red, blue)]
        return np.stack([sides[0], green, sides[1]])


@dataclass(frozen=True)
class CorrelatedNoise(Link):
    """Gaussian noise of deviation `sigma` that a Gaussian of `radius` pixels has smoothed."""

    sigma: float
    radius: float = 1.0
    grey: bool = False
    seed: int = 0
    name = "correlated-noise"
    limits: ClassVar[Limits] = {"sigma": (0, 1000), "radius": (0.1, 100)}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        shape = (1, *x.shape[1:]) if self.grey else x.shape
        white = stream(self.seed).standard_normal(shape, dtype=np.float32)
        reach = int(4 * self.radius + 0.5)
        impulse = np.zeros(2 * reach + 1)
        impulse[reach] = 1
        line = gaussian_filter(impulse, self.radius)
        smooth = gaussian_filter(white, (0, self.radius, self.radius), mode="wrap")
        return np.clip(x + np.float32(self.sigma / 255 / np.sum(line**2)) * smooth, 0, 1)


@dataclass(frozen=True)
class Banding(Link):
    """An offset of deviation `sigma` for each row (or column), equal in all channels."""

    sigma: float
    along: str = "rows"
    seed: int = 0
    name = "banding"
    limits: ClassVar[Limits] = {"sigma": (0, 1000)}
    words: ClassVar[Words] = {"along": ("rows", "columns")}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        lines = (x.shape[1], 1) if self.along == "rows" else (1, x.shape[2])
        offsets = stream(self.seed).standard_normal(lines, dtype=np.float32)
        return np.clip(x + np.float32(self.sigma / 255) * offsets, 0, 1)
