"""Singular value decomposition A = U S V^H of an operator, as functions instead of matrices.

Both sides use the coordinates of V: `vh` is unitary from signals to coordinates, `s` holds one
singular value a coordinate with 0 on the null space, and `uh` puts a measurement at the
coordinates that it measures, with 0 elsewhere. So A x = u(s vh(x)), A^H y = v(s uh(y)) and every
function of A^H A is diagonal. What of y lies outside the range of A, uh drops.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError

Map = Callable[[Tensor], Tensor]


def _only_one(weight: Tensor) -> Tensor | None:
    return weight.reshape(()) if weight.numel() == 1 else None


@dataclass(frozen=True)
class SVD:
    """s: (*coordinates) or (b, *coordinates), real, not sorted. b is the one batch axis.

    vh: (b, *shape_in) -> (b, *coordinates) and v its inverse; uh: (b, *shape_out) -> (b,
    *coordinates), zero where s is, and u: back, reading only where s > 0. Coordinates may be
    complex for real signals; v and u then return complex values whose imaginary part is round-off,
    which the functions below remove.
    weigh: if multiplying measurements by a weight (broadcast to (b, *shape_out)) keeps U, the
    weight of each coordinate, else None. axes: number of axes of the coordinates, if s has a batch
    axis before them.
    """

    s: Tensor
    vh: Map
    v: Map
    uh: Map
    u: Map
    weigh: Callable[[Tensor], Tensor | None] = _only_one
    axes: int | None = None

    def known(self, rcond: float | None = None) -> Tensor:
        """Where s counts as more than zero: s > rcond max(s), rcond 10 n eps by default."""
        if rcond is None:
            rcond = 10 * max(self.s.shape) * torch.finfo(self.s.dtype).eps
        return self.s > rcond * self.s.max()

    def pinv(self, y: Tensor, rcond: float | None = None) -> Tensor:
        """A^+ y; singular values up to rcond max(s) count as zero."""
        known = self.known(rcond)
        gain = torch.where(known, 1 / torch.where(known, self.s, 1), 0)
        return like(y, self.v(gain * self.uh(y)))

    def solve(self, rhs: Tensor, weight: Tensor | float, precision: Tensor | float) -> Tensor:
        """(weight A^H A + precision)^-1 rhs."""
        below = self._beside(weight) * self.s**2 + self._beside(precision)
        return like(rhs, self.v(self.vh(rhs) / below))

    def gain(self, y: Tensor, variance: Tensor | float, noise: Tensor | float) -> Tensor:
        """variance A^H (variance A A^H + noise)^-1 y; with noise = 0 the minimum-norm solution."""
        above = self._beside(variance) * self.s
        below = above * self.s + self._beside(noise)
        known = below > 0
        share = torch.where(known, above / torch.where(known, below, 1), 0)
        return like(y, self.v(share * self.uh(y)))

    def scaled(self, weight: Tensor) -> "SVD | None":
        """The decomposition of weight * A, if it is as cheap."""
        on_coordinates = self.weigh(weight)
        if on_coordinates is None or on_coordinates.is_complex() or bool((weight < 0).any()):
            return None
        s = self.s * on_coordinates
        zero = s == 0  # coordinates that a weight of zero hides

        def uh(y: Tensor) -> Tensor:
            return torch.where(zero, 0, self.uh(y))

        return SVD(s, self.vh, self.v, uh, self.u, self.weigh, self.axes)

    def _beside(self, value: Tensor | float) -> Tensor | float:
        """One number an item, (b, 1, ...), against coordinates."""
        if isinstance(value, float | int) or value.ndim == 0:
            return value
        if value.numel() != value.shape[0]:
            raise InputError(
                f"got values of shape {tuple(value.shape)}; expected a number, or one an item"
            )
        return value.reshape(-1, *[1] * (self.s.ndim if self.axes is None else self.axes))


def like(given: Tensor, found: Tensor) -> Tensor:
    """`found`, without its round-off imaginary part if what was given is real."""
    return found.real if found.is_complex() and not given.is_complex() else found
