"""Recorded degradations of clean pictures, and the exact bicubic resize they rest on.

`bicubic` follows MATLAB's imresize: Keys' cubic kernel h (a = -1/2; Keys, "Cubic convolution
interpolation", 1981, Eq. 15), widened by the factor when shrinking (antialiasing), weights
normalised, borders mirrored with the edge pixel repeated.  Output pixel i (from 0) sits at input
coordinate (i + 1/2) / f - 1/2 for the factor f = output / input.
Every degradation is a frozen dataclass: call it with its noise, `record()` it, `replay` it.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest

_DENSE = 2**18  # largest input x output length applied as one dense matrix


def _cubic(x: np.ndarray) -> np.ndarray:
    a = np.abs(x)
    near = (1.5 * a - 2.5) * a * a + 1
    far = ((-0.5 * a + 2.5) * a - 4) * a + 2
    return np.where(a <= 1, near, np.where(a < 2, far, 0.0))


def _taps(old: int, new: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Input indices and weights, both (new, taps), of the resize of one axis."""
    shrink = min(factor, 1.0)
    width = 4 / shrink
    centre = (np.arange(new) + 0.5) / factor - 0.5
    first = np.floor(centre - width / 2).astype(np.int64)
    index = first[:, None] + np.arange(math.ceil(width) + 2)
    weight = _cubic(shrink * (centre[:, None] - index))
    weight /= weight.sum(1, keepdims=True)
    used = np.any(weight != 0, axis=0)
    index = np.mod(index[:, used], 2 * old)  # mirror: period 2 n of 0..n-1, n-1..0
    return np.where(index < old, index, 2 * old - 1 - index), weight[:, used]


@lru_cache(maxsize=512)
def _axis(
    old: int, new: int, factor: float, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Dense matrix (new, old) if small, else None; and the taps, as tensors on `device`."""
    index, weight = _taps(old, new, factor)
    with torch.inference_mode(False):  # a cached inference tensor would break later training
        dense = None
        if old * new <= _DENSE:
            matrix = np.zeros((new, old))
            np.add.at(matrix, (np.arange(new)[:, None], index), weight)
            dense = torch.tensor(matrix, dtype=dtype, device=device)
        taps = torch.tensor(weight, dtype=dtype, device=device)
        return dense, torch.tensor(index, device=device), taps


def _rows(x: Tensor, new: int, factor: float) -> Tensor:
    """Resize axis -2 of x to `new`."""
    old = x.shape[-2]
    if old == new and factor == 1:
        return x
    dense, index, weight = _axis(old, new, factor, x.dtype, x.device)
    if dense is not None:
        return dense @ x
    out = x.new_zeros(*x.shape[:-2], new, x.shape[-1])
    for k in range(index.shape[1]):
        out = torch.addcmul(out, x.index_select(-2, index[:, k]), weight[:, k, None])
    return out


def bicubic(x: Tensor, size: tuple[int, int], factor: tuple[float, float] | None = None) -> Tensor:
    """Resize like MATLAB's imresize(x, size, 'bicubic'), antialiased when shrinking.

    x: (b, c, h, w) or (c, h, w), any float dtype (half types are computed in float32), any range;
    the output may overshoot it.  `size` = (height, width) of the output.  `factor` is the sampling
    factor per axis, output / input by default; giving it reproduces imresize(x, factor), whose
    output sizes are rounded up.  Raises InputError on a bad shape, dtype, size or factor.
    """
    if x.ndim not in (3, 4) or not x.is_floating_point() or 0 in x.shape:
        raise InputError(
            f"bicubic got {x.dtype} of shape {tuple(x.shape)}; expected float (b, c, h, w) or "
            "(c, h, w) with no empty axis; convert with x.float() / 255 or add the channel axis"
        )
    if min(size) < 1 or (factor is not None and not min(factor) > 0):
        raise InputError(
            f"bicubic got size={size}, factor={factor}; expected (height, width) >= 1 and "
            "factors > 0"
        )
    fy, fx = factor or (size[0] / x.shape[-2], size[1] / x.shape[-1])
    work = x if x.dtype in (torch.float32, torch.float64) else x.float()
    # the axis that shrinks most goes first: fewer pixels for the other
    if fy <= fx:
        work = _rows(_rows(work, size[0], fy).mT, size[1], fx).mT
    else:
        work = _rows(_rows(work.mT, size[1], fx).mT, size[0], fy)
    return work.contiguous().to(x.dtype)


def resized(length: int, factor: float) -> int:
    """Length of a resized axis: ceil(length * factor), as imresize does, safe to round-off."""
    return max(1, math.ceil(length * factor - 1e-9))


def downscale(x: Tensor, scale: float) -> Tensor:
    """Shrink by `scale` >= 1 (imresize(x, 1 / scale)): h -> ceil(h / scale), w likewise.

    Output pixel i covers inputs scale * i ... scale * (i + 1); for a size that `scale` does not
    divide, the last output pixel reaches beyond the picture, into its mirror image.
    """
    h, w = x.shape[-2:]
    return bicubic(x, (resized(h, 1 / scale), resized(w, 1 / scale)), (1 / scale, 1 / scale))


def upscale(y: Tensor, scale: float, size: tuple[int, int] | None = None) -> Tensor:
    """Enlarge by `scale` >= 1: h -> ceil(h * scale), or the first `size` pixels of that grid.

    With `size` the shape of x, `upscale(downscale(x, s), s, size)` lies on x without a shift, even
    where `s` does not divide the size.
    """
    h, w = y.shape[-2:]
    return bicubic(y, size or (resized(h, scale), resized(w, scale)), (scale, scale))


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


Degradation = Bicubic | GaussianNoise
DEGRADATIONS: dict[str, type[Bicubic] | type[GaussianNoise]] = {
    "bicubic": Bicubic,
    "gaussian-noise": GaussianNoise,
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
