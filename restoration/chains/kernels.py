"""Blur kernels of blind restoration (Real-ESRGAN, Wang et al. 2021, section 3 and their code).

With q = r^T S^-1 r, S the covariance of deviations sx, sy turned by theta:

    gaussian     exp(-q / 2)
    generalised  exp(-q^beta / 2)             beta < 1 peaked, > 1 flat
    plateau      1 / (1 + q^beta)
    sinc         w J1(w r) / (2 pi r)         a circular low pass at w radians a pixel; it rings

All are normalised to sum 1.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from undrift.common.errors import InputError, nearest

Shape = Literal["gaussian", "generalised", "plateau", "sinc"]
SHAPES = ("gaussian", "generalised", "plateau", "sinc")


@dataclass(frozen=True)
class Kernel:
    """size: odd side in pixels. sx, sy: deviations in pixels, theta: radians, of all but "sinc".

    beta: of "generalised" and "plateau". cutoff: of "sinc", radians a pixel in (0, pi].
    Raises InputError for values that cannot be.
    """

    shape: Shape
    size: int
    sx: float = 1.0
    sy: float = 1.0
    theta: float = 0.0
    beta: float = 1.0
    cutoff: float = float(np.pi)

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise InputError(
                f"kernel {self.shape!r} is not one of {', '.join(SHAPES)}"
                f"{nearest(self.shape, SHAPES)}"
            )
        good = self.size > 0 and self.size % 2 and min(self.sx, self.sy, self.beta) > 0
        if not (good and 0 < self.cutoff <= np.pi + 1e-9):
            raise InputError(
                f"got {self}; expected an odd size, deviations and beta above 0, and a cutoff "
                "above 0 up to pi"
            )

    def taps(self) -> np.ndarray:
        """(size, size) float64 of sum 1."""
        t = np.arange(self.size) - self.size // 2
        y, x = t[:, None].astype(float), t[None].astype(float)
        if self.shape == "sinc":
            from scipy.special import j1

            r, w = np.hypot(x, y), self.cutoff
            safe = np.where(r > 0, r, 1.0)
            out = np.where(r > 0, w * j1(w * safe) / (2 * np.pi * safe), w * w / (4 * np.pi))
            return out / out.sum()
        c, s = np.cos(self.theta), np.sin(self.theta)
        q = ((x * c + y * s) / self.sx) ** 2 + ((y * c - x * s) / self.sy) ** 2
        if self.shape == "plateau":
            out = 1 / (1 + q**self.beta)
        else:
            out = np.exp(-0.5 * (q if self.shape == "gaussian" else q**self.beta))
        return out / out.sum()
