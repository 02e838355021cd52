"""Rounds of back-projection on the grid of the small picture.

A round gives the residual r = low - D x back, x <- x + U r (Irani & Peleg, "Improving resolution by
image registration", 1991, Eq. 2), with D the bicubic reduction and U the enlargement. Both are
linear, so that the next residual is r - D U r, which needs no x, and n rounds are
x + U (r_0 + ... + r_{n-1}): one reduction and one enlargement of the large picture, however many
rounds. Both kernels work on each axis for itself, and so does D U: a narrow band, since a small
pixel is seen by large ones less than two small pixels away, and these by small ones less than two
further.
"""

from functools import lru_cache

import torch
from torch import Tensor

from undrift.common.banded import Banded, banded
from undrift.common.resize import taps

REACH = 4  # small pixels that D U sees to each side, and one


def given_back(rest: Tensor, size: tuple[int, int], scale: float) -> Tensor:
    """The residual after one more round, r - D U r.

    rest: (..., h, w), of a picture of `size` (H, W) pixels. Values in any unit.
    """
    down, across = (
        _there_and_back(small, large, scale, rest.dtype, rest.device)
        for small, large in zip(rest.shape[-2:], size, strict=True)
    )
    return rest - across.columns(down.rows(rest))


@lru_cache(maxsize=64)
def _there_and_back(
    small: int, large: int, scale: float, dtype: torch.dtype, device: torch.device
) -> Banded:
    """D U of an axis, (small, small)."""
    seen, share = taps(large, small, 1 / scale)
    known, part = taps(small, large, scale)
    index, weight = known[seen], share[..., None] * part[seen]
    return banded(index.reshape(small, -1), weight.reshape(small, -1), dtype, device)
