"""What lies beyond the borders, as a wrapper of the denoiser: each call continues the state there.

Networks see nothing, or zeros, beyond a picture. Periodic data (a texture, a cell with periodic
boundaries, longitudes) go on with their other side: `wrap`. A scene goes on as its mirror image
about the border pixel, at best: `reflect`. Each call pads state and measurement by the network's
reach, and crops the estimate; noise and sampling know nothing of it. Under `wrap` the network is
then a periodic operator: it commutes with every roll by a multiple of its grid, if that divides
the side. A network without bounded reach gets `OVERLAP` pixels, and nearly that.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.solvers.loop import Denoise
from undrift.common.windows import OVERLAP


def continued(side: int, mode: str, below: int, above: int) -> Tensor:
    """Where the elements -below ... side + above - 1 of an axis are found in [0, side).

    "wrap" has the period side, "reflect" the period 2 (side - 1); both go on for ever.
    """
    at = torch.arange(-below, side + above)
    if mode == "wrap":
        return at % side
    period = max(1, 2 * (side - 1))
    at = at % period
    return torch.minimum(at, period - at) if side > 1 else torch.zeros_like(at)


def margins(side: int, mode: str, reach: int, multiple: int = 1) -> tuple[int, int]:
    """Elements below and above an axis, so that grids keep their phase and sides fit them."""
    if mode == "none":
        return 0, 0
    margin = math.ceil(reach / multiple) * multiple
    return margin, margin + -side % multiple


def pad(x: Tensor, modes: Sequence[str], sizes: Sequence[tuple[int, int]]) -> Tensor:
    """x (..., *space) continued by `sizes` (below, above) along the last axes."""
    for axis, mode, (below, above) in zip(range(-len(modes), 0), modes, sizes, strict=True):
        if below or above:
            x = x.index_select(axis, continued(x.shape[axis], mode, below, above).to(x.device))
    return x


def crop(x: Tensor, sizes: Sequence[tuple[int, int]]) -> Tensor:
    """Undoes `pad`."""
    sides = x.shape[-len(sizes) :]
    inner = (slice(low, side - high) for side, (low, high) in zip(sides, sizes, strict=True))
    return x[(..., *inner)]


class Padded:
    """Wraps a denoiser; call it as one. modes: "none", "wrap" or "reflect" an axis.

    network: tells `reach` and `multiple`.
    """

    def __init__(self, denoise: Denoise, modes: Sequence[str], network: object):
        self.denoise, self.modes = denoise, tuple(modes)
        reach = getattr(network, "reach", None)
        self.reach = OVERLAP if reach is None else int(reach)
        self.multiple = int(getattr(network, "multiple", 1))

    def sizes(self, space: Sequence[int]) -> list[tuple[int, int]]:
        """Elements that are added below and above each axis."""
        pairs = zip(space, self.modes, strict=True)
        return [margins(side, mode, self.reach, self.multiple) for side, mode in pairs]

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As the denoiser; x, y: (b, c, *space)."""
        sizes = self.sizes(x.shape[2:])
        y = None if y is None else pad(y, self.modes, sizes)
        estimate = self.denoise(pad(x, self.modes, sizes), t, y, level)
        parts = {name: v for name, v in vars(estimate).items() if v is not None}
        return Estimate(**{name: crop(value, sizes) for name, value in parts.items()})
