"""Recorded degradations of clean pictures.

Every degradation is a frozen dataclass: call it with its noise, `record()` it, `replay` it. The
resize they rest on is the bicubic one of `undrift.common.resize`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.resize import bicubic, downscale, resized, upscale
from undrift.restoration.degrade_operators import OPERATED, Operated


def quantise(x: Tensor, levels: int = 255) -> Tensor:
    """Clip to [0, 1] and round to multiples of 1 / levels (255: an 8-bit file)."""
    return (x.clamp(0, 1) * levels).round() / levels


def add_gaussian_noise(x: Tensor, sigma: float | Tensor, noise: Tensor) -> Tensor:
    """x + sigma * noise, not clipped.

    `noise` is standard normal of the shape of x; `sigma` is in units of the [0, 1] range, a number
    or a tensor that broadcasts to x.  Raises InputError if the shapes differ.
    """
    if noise.shape != x.shape:
        raise InputError(
            f"noise has shape {tuple(noise.shape)} but the picture {tuple(x.shape)}; expected "
            "equal shapes; draw it with torch.randn(x.shape, generator=...)"
        )
    return x + sigma * noise


def back_project(x: Tensor, y_low: Tensor, scale: float, iterations: int = 5) -> Tensor:
    """Make x agree with the small picture it came from: x <- x + up(y_low - down(x)).

    x: (..., h, w); y_low: (..., ceil(h / scale), ceil(w / scale)), or one pixel less.  Iterative
    back-projection (Irani & Peleg, "Improving resolution by image registration", 1991, Eq. 2)
    with the bicubic pair of this module.  Raises InputError if the sizes do not fit.
    """
    low, size = tuple(y_low.shape[-2:]), tuple(x.shape[-2:])
    if any(abs(n / scale - k) >= 1 for n, k in zip(size, low, strict=True)):
        raise InputError(
            f"back_project got x of {size} and y_low of {low}; at scale {scale} y_low should be "
            f"{tuple(resized(n, 1 / scale) for n in size)}; check the scale"
        )
    for _ in range(iterations):
        rest = y_low - bicubic(x, (low[0], low[1]), (1 / scale, 1 / scale))
        x = x + upscale(rest, scale, (size[0], size[1]))
    return x


@dataclass(frozen=True)
class Bicubic:
    """Shrink by `scale`; with `levels` also clip and round to that many steps (255: 8 bit)."""

    scale: float
    levels: int | None = 255

    def __call__(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """x: (..., h, w) in [0, 1] -> (..., ceil(h / scale), ceil(w / scale)); takes no noise."""
        y = downscale(x, self.scale)
        return y if self.levels is None else quantise(y, self.levels)

    def record(self) -> dict[str, Any]:
        """Name and parameters: all that `replay` needs."""
        return {"name": "bicubic", **asdict(self)}


@dataclass(frozen=True)
class GaussianNoise:
    """Add white Gaussian noise of `sigma` (unit range); `clip` cuts the result to [0, 1]."""

    sigma: float
    clip: bool = False

    def __call__(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """x, noise: equal shapes, noise standard normal -> x + sigma * noise."""
        if noise is None:
            raise InputError("GaussianNoise got no noise; expected standard normal like x")
        y = add_gaussian_noise(x, self.sigma, noise)
        return y.clamp(0, 1) if self.clip else y

    def record(self) -> dict[str, Any]:
        """Name and parameters: all that `replay` needs."""
        return {"name": "gaussian-noise", **asdict(self)}


Degradation = Bicubic | GaussianNoise | Operated
DEGRADATIONS: dict[str, type[Bicubic] | type[GaussianNoise] | type[Operated]] = {
    "bicubic": Bicubic,
    "gaussian-noise": GaussianNoise,
    **OPERATED,
}


def replay(record: Mapping[str, Any]) -> Degradation:
    """The degradation whose `record()` this is.  Raises InputError on unknown names or keys."""
    name, values = record.get("name"), {k: v for k, v in record.items() if k != "name"}
    if name not in DEGRADATIONS:
        hint = nearest(str(name), DEGRADATIONS)
        raise InputError(
            f"unknown degradation {name!r}; expected one of {', '.join(DEGRADATIONS)}{hint}"
        )
    try:
        return DEGRADATIONS[name](**values)
    except TypeError as error:
        raise InputError(f"record of {name!r} does not fit: {error}; see its fields") from error
