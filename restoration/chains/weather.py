"""Links of weather: rain and haze.

Haze is atmospheric scattering (Koschmieder; Narasimhan & Nayar 2002), y = x t + A (1 - t), with
the transmission t = exp(-beta d) of the depth d; A and beta in the ranges of RESIDE (Li et al.
2019). Rain is bright streaks added in layers and a veil of drops too far to be seen one by one
(Li, Cheong & Tan 2019, Eq. 4), y = T (x + strength S) + A (1 - T).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from undrift.restoration.chains.fields import fractal
from undrift.restoration.chains.link import Limits, Link, stream


@dataclass(frozen=True)
class Haze(Link):
    """Depth is a ramp, far at the top, mixed with a `rough` share of a smooth random field.

    beta: scattering over the whole depth; airlight: A, of the green channel; tint: how much more
    red it has, and less blue; near, far: depths at the bottom and the top, of 1.
    """

    beta: float = 1.2
    airlight: float = 0.85
    tint: float = 0.0
    near: float = 0.0
    far: float = 1.0
    rough: float = 0.5
    seed: int = 0
    name = "haze"
    limits: ClassVar[Limits] = {
        "beta": (0, 10), "airlight": (0, 1), "tint": (-0.5, 0.5), "near": (0, 10), "far": (0, 10),
        "rough": (0, 1),
    }  # fmt: skip

    def __call__(self, x: np.ndarray) -> np.ndarray:
        t = self.transmission((x.shape[1], x.shape[2]))
        return np.clip(x * t + self.light(len(x)) * (1 - t), 0, 1)

    def transmission(self, size: tuple[int, int]) -> np.ndarray:
        """t = exp(-beta d), (h, w) float32."""
        ramp = np.linspace(1, 0, size[0])[:, None]
        share = (1 - self.rough) * ramp + self.rough * fractal(size, 3.0, stream(self.seed))
        depth = self.near + (self.far - self.near) * share
        return np.exp(-self.beta * depth).astype(np.float32)

    def light(self, channels: int) -> np.ndarray:
        """A, (channels, 1, 1) float32."""
        tints = [1 + self.tint, 1, 1 - self.tint] if channels == 3 else [1.0]
        return np.clip(self.airlight * np.array(tints, np.float32), 0, 1)[:, None, None]


@dataclass(frozen=True)
class Rain(Link):
    """Streaks of `length` pixels at `angle` degrees, counter-clockwise from the x-axis.

    coverage: of the picture by the lines of one layer; layers: how many, their angles spread by up
    to `spread` degrees and their lengths by 30 %; width: of a streak across, the deviation in
    pixels; strength: what a full streak adds; veil: 1 - T; airlight: A.
    """

    coverage: float = 0.1
    length: float = 25.0
    angle: float = 90.0
    layers: int = 1
    spread: float = 8.0
    width: float = 0.6
    strength: float = 0.6
    veil: float = 0.0
    airlight: float = 0.8
    seed: int = 0
    name = "rain"
    limits: ClassVar[Limits] = {
        "coverage": (0, 2), "length": (1, 500), "layers": (1, 20), "spread": (0, 90),
        "width": (0.2, 20), "strength": (0, 2), "veil": (0, 1), "airlight": (0, 1),
    }  # fmt: skip

    def __call__(self, x: np.ndarray) -> np.ndarray:
        t = np.float32(1 - self.veil)
        streaks = self.streaks((x.shape[1], x.shape[2]))
        rained = t * (x + np.float32(self.strength) * streaks)
        return np.clip(rained + np.float32(self.airlight) * (1 - t), 0, 1)

    def streaks(self, size: tuple[int, int]) -> np.ndarray:
        """S, the sum of the layers, each in [0, 1]: (h, w) float32."""
        rng = stream(self.seed)
        return sum((self._layer(size, rng) for _ in range(self.layers)), np.zeros(size, np.float32))

    def streak(self, length: float, angle: float) -> np.ndarray:
        """One drop smeared: a kernel of odd sides whose largest value is 1."""
        from scipy.ndimage import gaussian_filter

        from undrift.common.operators.kernels import motion_kernel

        edge = int(4 * self.width + 0.5)
        kernel = gaussian_filter(np.pad(motion_kernel(length, angle).numpy(), edge), self.width)
        return kernel / kernel.max()

    def _layer(self, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        from scipy.signal import fftconvolve

        length = self.length * float(rng.uniform(0.7, 1.3)) if self.layers > 1 else self.length
        turn = float(rng.uniform(-self.spread, self.spread)) if self.layers > 1 else 0.0
        kernel = self.streak(length, self.angle + turn)
        wide = [n + k - 1 for n, k in zip(size, kernel.shape, strict=True)]  # drops outside, too
        drops = (rng.random(wide) < self.coverage / length) * rng.uniform(0.3, 1.0, wide)
        return np.clip(fftconvolve(drops, kernel, "valid"), 0, 1).astype(np.float32)
