"""Symmetries as a wrapper of the denoiser: the mean of its estimates over turned pictures.

A picture and its mirror image are equally likely, so the exact denoiser commutes with the eight
symmetries of the square; a trained one does so only roughly. Averaging over the group makes it
exact and removes the part of its error that depends on the orientation (self-ensemble, Timofte et
al. 2016), at the cost of one call per symmetry.

A network that works on blocks of pixels sees them laid from the first row and column. Sides are
filled up to whole blocks first, so that all the turned ones have the blocks of the straight one,
and a window that begins on a block has those of the whole. The mean then commutes with the group
exactly where the sides are whole blocks; elsewhere the blocks of a turned picture lie otherwise.
"""

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.networks.local_nafnet import pad_to_multiple
from undrift.common.solvers.loop import Denoise

# Quarter turns and a flip of the last axis, ordered so that every prefix of 1, 2, 4, 8 is a group.
ELEMENTS = (
    *((0, False), (2, False), (1, False), (3, False)),
    *((0, True), (2, True), (1, True), (3, True)),
)


class Symmetrised:
    """Wraps a denoiser of (b, c, h, w); `count` is 1, 2 (half turn), 4 (turns) or 8 (and flips).

    multiple: side of the blocks of pixels that the network works on.
    """

    def __init__(self, denoise: Denoise, count: int, multiple: int = 1):
        if count not in (1, 2, 4, 8):
            raise UsageError(f"symmetries {count}: expected 1, 2, 4 or 8")
        self.denoise, self.count, self.multiple = denoise, count, multiple

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As the denoiser, with the mean of `count` estimates (of y and of the variance too)."""
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, self.multiple)
        y = None if y is None else pad_to_multiple(y, self.multiple)
        sums: dict[str, Tensor] = {}
        for turns, flip in ELEMENTS[: self.count]:
            turned = None if y is None else _apply(y, turns, flip)
            estimate = self.denoise(_apply(x, turns, flip), t, turned, level)
            for name, value in vars(estimate).items():
                if value is not None:
                    straight = turned_back(value, turns, flip)
                    sums[name] = sums[name] + straight if name in sums else straight
        means = {name: total / self.count for name, total in sums.items()}
        return Estimate(**{name: mean[..., :height, :width] for name, mean in means.items()})


def _apply(x: Tensor, turns: int, flip: bool) -> Tensor:
    turned = torch.rot90(x, turns, (-2, -1))
    return turned.flip(-1) if flip else turned


def turned_back(x: Tensor, turns: int, flip: bool) -> Tensor:
    """Undoes a flip of the last axis and quarter turns of the last two before it."""
    return torch.rot90(x.flip(-1) if flip else x, -turns, (-2, -1))
