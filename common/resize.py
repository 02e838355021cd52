"""The exact bicubic resize of MATLAB's imresize.

Keys' cubic kernel h (a = -1/2; Keys, "Cubic convolution interpolation", 1981, Eq. 15), widened by
the factor when shrinking (antialiasing), weights normalised, borders mirrored with the edge pixel
repeated.  Output pixel i (from 0) sits at input coordinate (i + 1/2) / f - 1/2 for the factor
f = output / input.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from undrift.common.banded import Banded, banded
from undrift.common.errors import InputError

_DENSE = 2**18  # largest input x output length applied as one dense matrix


def _cubic(x: np.ndarray) -> np.ndarray:
    a = np.abs(x)
    near = (1.5 * a - 2.5) * a * a + 1
    far = ((-0.5 * a + 2.5) * a - 4) * a + 2
    return np.where(a <= 1, near, np.where(a < 2, far, 0.0))


def taps(old: int, new: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
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


def resize_matrix(old: int, new: int, factor: float) -> Tensor:
    """The (new, old) float64 matrix that resizes one axis."""
    index, weight = taps(old, new, factor)
    matrix = np.zeros((new, old))
    np.add.at(matrix, (np.arange(new)[:, None], index), weight)
    return torch.from_numpy(matrix)


@lru_cache(maxsize=512)
def _axis(
    old: int, new: int, factor: float, dtype: torch.dtype, device: torch.device
) -> Tensor | Banded:
    """What resizes an axis, on `device`: a dense matrix (new, old) if small, else its band."""
    with torch.inference_mode(False):  # a cached inference tensor would break later training
        if old * new <= _DENSE:
            return resize_matrix(old, new, factor).to(device, dtype)
        return banded(*taps(old, new, factor), dtype, device)


def _rows(x: Tensor, new: int, factor: float) -> Tensor:
    """Resize axis -2 of x to `new`."""
    old = x.shape[-2]
    if old == new and factor == 1:
        return x
    matrix = _axis(old, new, factor, x.dtype, x.device)
    return matrix.rows(x) if isinstance(matrix, Banded) else matrix @ x


def _columns(x: Tensor, new: int, factor: float) -> Tensor:
    """Resize axis -1 of x to `new`."""
    old = x.shape[-1]
    if old == new and factor == 1:
        return x
    matrix = _axis(old, new, factor, x.dtype, x.device)
    return matrix.columns(x) if isinstance(matrix, Banded) else (matrix @ x.mT).mT


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
        work = _columns(_rows(work, size[0], fy), size[1], fx)
    else:
        work = _rows(_columns(work, size[1], fx), size[0], fy)
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
