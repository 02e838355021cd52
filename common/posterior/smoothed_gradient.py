"""Operators that are programs: their Jacobian from calls at random points (Gaussian smoothing).

    J = 1/K sum_k (A(x + mu z_k) - A(x - mu z_k)) / (2 mu) z_k^T,      E z z^T = I

(Nesterov and Spokoiny 2017, Eq. (22), as a matrix). Its adjoint is its exact transpose, so every
method that differentiates A runs on a simulator: DPS, DiffPIR and GDP are then the "GSG" methods of
derivative-free guidance. Unbiased for linear and quadratic A; the variance falls as n / K. The
directions of a block of up to n are orthogonal: K = n is plain finite differences.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator
from undrift.common.posterior.ensemble import ensemble_noise


class BlackBox(Operator):
    """A function (b, *shape_in) -> (b, *shape_out) that nothing is known of; never differentiated.

    function: may leave torch; it gets tensors without a graph. Raises InputError if what it
    returns does not fit.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...],
    ):
        super().__init__(shape_in, shape_out, "real", "real")
        self.function = function

    def _forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            out = self.function(x.detach())
        if tuple(out.shape) != (len(x), *self.shape_out):
            raise InputError(
                f"the black box gave {tuple(out.shape)} for {tuple(x.shape)}; expected "
                f"{(len(x), *self.shape_out)}; correct the function or the shapes"
            )
        return out.to(x)


class Smoothed(Operator):
    """An operator with a Jacobian of 2 `directions` calls at each linearisation, real only.

    width: mu, in units of the signal. noise: of the directions; linearisation k takes draw k, so a
    run is repeated with a new object. Raises InputError for numbers that cannot be.
    """

    def __init__(
        self, operator: Operator, directions: int, width: float = 1e-3, noise: Noise | None = None
    ):
        super().__init__(operator.shape_in, operator.shape_out, "real", "real")
        if directions < 1 or not width > 0:
            raise InputError(
                f"Smoothed got {directions} directions and width {width:g}; expected 1 or more, "
                "and a width above 0"
            )
        self.operator, self.directions, self.width = operator, directions, width
        self.noise = noise or Noise(0, "smoothed gradient")
        self.taken = 0

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator._forward(x)

    def linearise(self, x: Tensor) -> tuple[Tensor, LinearOperator]:
        """A(x) and the estimated Jacobian at x: (b, *shape_in)."""
        along = self._directions(x)
        moved = self.width * along
        with torch.no_grad():
            ahead = self.operator(x[:, None] + moved)
            behind = self.operator(x[:, None] - moved)
            value = self.operator(x)
        slopes = (ahead - behind) / (2 * self.width)
        return value, _Estimated(slopes, along, self.shape_in, self.shape_out)

    def _directions(self, x: Tensor) -> Tensor:
        """(directions, *shape_in), orthogonal in blocks, of mean square 1."""
        n = x[0].numel()
        drawn = ensemble_noise(
            self.noise, self.directions, x.shape[1:], self.taken, x.dtype, x.device
        )
        self.taken += 1
        blocks = []
        for block in drawn.flatten(1).split(n):
            q, r = torch.linalg.qr(block.T)
            blocks.append((q * r.diagonal().sign()).T * n**0.5)
        return torch.cat(blocks).reshape(drawn.shape)


class _Estimated(LinearOperator):
    """slopes: (b, K, *shape_out) along directions (K, *shape_in), of each item."""

    def __init__(
        self, slopes: Tensor, along: Tensor, shape_in: tuple[int, ...], shape_out: tuple[int, ...]
    ):
        super().__init__(shape_in, shape_out, "real", "real")
        self.slopes, self.along = slopes, along

    def _forward(self, x: Tensor) -> Tensor:
        weights = x.flatten(1) @ self.along.flatten(1).T / len(self.along)
        return torch.einsum("bk,bkm->bm", weights, self.slopes.flatten(2)).reshape(
            -1, *self.shape_out
        )

    def _adjoint(self, v: Tensor) -> Tensor:
        weights = torch.einsum("bkm,bm->bk", self.slopes.flatten(2), v.flatten(1))
        return (weights @ self.along.flatten(1) / len(self.along)).reshape(-1, *self.shape_in)
