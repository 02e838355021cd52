"""The covariance of x0 given x_t as that of a stationary field: no derivative of the network.

    D_m = D + V A^H (A V A^H + sigma^2)^-1 (m - A D),     V = (C^-1 + a^2/s^2)^-1

with C diagonal in frequencies (`spectrum`): what a Wiener filter would leave open. It knows that
errors are smooth, as moment matching does, but not the edges; and where a network's derivative is
poor (small networks in noise above the signal) it is far better than moment matching. The solve is
closed form for circular blurs, whose Fourier basis it shares, and preconditioned conjugate
gradients, begun at the solution of the step before, elsewhere. A non-linear A is linearised at D.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.blur import Blur
from undrift.common.operators.conjugate_gradient import conjugate_gradient
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator
from undrift.common.posterior.conditional import Conditional, replaced
from undrift.common.posterior.spectrum import Field, Spectrum

FLOOR = 1e-3  # least sigma over the spread of a pixel: below it a measurement counts as exact


@dataclass(frozen=True)
class Stationary(Conditional):
    """spectrum: C. tol, iterations: of the conjugate gradients, where they are needed.

    For signals of 1 to 3 spatial axes, else InputError. sigma = 0 counts as 1e-3 of the spread.
    """

    spectrum: Spectrum = field(default_factory=Spectrum)
    tol: float = 1e-2
    iterations: int = 50
    noiseless = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= len(self.operator.shape_in) - 1 <= 3:
            raise InputError(
                f"Stationary got signals of {self.operator.shape_in}; expected (c, *space) with 1 "
                "to 3 axes of space; use moment matching for others"
            )
        object.__setattr__(self, "_known", {})

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        return replaced(estimate, estimate.x0 + self._correction(operator, left, t, x))

    def _correction(self, operator: LinearOperator, left: Tensor, t: float, like: Tensor) -> Tensor:
        """V A^H (A V A^H + sigma^2)^-1 left."""
        kernel = transfer_of(operator.at(like))
        known = self._field(like, circular=kernel is not None)
        mean, rest = known.spread_at(*self.ends_at(t))
        noise = max(self.sigma, FLOOR * self.spectrum.spread) ** 2
        if kernel is not None:
            power = kernel.abs() ** 2
            gains = (kernel.conj() * v / (power * v + noise) for v in (mean, rest))
            return known.times(left, *gains)

        def apply(w: Tensor) -> Tensor:
            return operator(known.times(operator.adjoint(w), mean, rest)) + noise * w

        near = self._near(operator, known, like, mean, rest, noise)
        begin = None if self.warm is None else self.warm.start(t, left)
        w = conjugate_gradient(apply, left, begin, self.tol, self.iterations, near).x
        if self.warm is not None:
            self.warm.keep(t, w)
        return known.times(operator.adjoint(w), mean, rest)

    def _near(
        self,
        operator: LinearOperator,
        known: Field,
        like: Tensor,
        mean: Tensor,
        rest: Tensor,
        noise: float,
    ) -> Callable[[Tensor], Tensor] | None:
        """The inverse of A V A^H + sigma^2 if A were stationary with the power |K|^2 that its
        answer to one pixel has; None where measurements are not on the grid of the signal."""
        if operator.shape_out != operator.shape_in or operator.field_out == "complex":
            return None
        seen, power = self._remember("response", lambda: response(operator, known, like))
        below = (power * v + noise for v in (mean, rest))
        gains = tuple(1 / v for v in below)
        return lambda w: seen * known.times(seen * w, *gains)

    def _field(self, like: Tensor, circular: bool) -> Field:
        basis = "fourier" if circular else "cosine"
        return self._remember(
            basis, lambda: Field(self.spectrum, self.operator.shape_in, like, basis)
        )

    def _remember(self, name: str, make: Callable):
        known: dict = self.__dict__["_known"]
        if name not in known:
            known[name] = make()
        return known[name]


def transfer_of(operator: Operator) -> Tensor | None:
    """The transfer function of a circular blur with one kernel for all channels, (*space)."""
    if isinstance(operator, Blur) and operator.border == "circular" and len(operator.transfer) == 1:
        return operator.transfer[0]
    return None


def response(operator: LinearOperator, known: Field, like: Tensor) -> tuple[Tensor, Tensor]:
    """Where an operator on one grid measures anything, 0 or 1, and the power of its answer to one
    pixel at the centre, (*space) in the order of cosines; 1 where that pixel is not measured."""
    space = operator.shape_in[1:]
    seen = (operator(operator.adjoint(torch.ones_like(like[:1]))).abs() > 0).to(like)
    point = torch.zeros_like(like[:1])
    point[(..., *(n // 2 for n in space))] = 1
    answer = operator(point).mean(1)[0]
    power = torch.fft.fftn(answer, s=[2 * n for n in space]).abs() ** 2
    power = power[tuple(slice(0, n) for n in space)]
    return seen, power if bool(power.any()) else torch.ones_like(power)
