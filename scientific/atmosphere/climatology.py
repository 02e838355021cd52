"""The covariance of x0 given x_t as the climatology has it: no derivative of the network.

    D_m = D + V A^T (A V A^T + 1)^-1 (m - A D),     V = (C^-1 + a^2/s^2)^-1

with C that of all states, channels together (`spectral`): what the best linear denoiser would leave
open. It is exact for Gaussian fields, where it and the products with the network's derivative are
one, and costs one call of the network a step and transforms beside. The solve is conjugate
gradients, begun at the solution of the step before.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.conjugate_gradient import conjugate_gradient
from undrift.common.posterior.conditional import Conditional, replaced
from undrift.scientific.atmosphere.spectral import Spectral


@dataclass(frozen=True)
class KnownCovariance(Conditional):
    """climatology: C. tol, iterations: of the conjugate gradients. Raises InputError without C."""

    climatology: Spectral | None = None
    tol: float = 1e-3
    iterations: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.known.shape != self.operator.shape_in:
            raise InputError(
                f"got a climatology of {self.known.shape} for fields of {self.operator.shape_in}; "
                "expected one of the same shape"
            )

    @property
    def known(self) -> Spectral:
        """The climatology."""
        if self.climatology is None:
            raise InputError(f"fields of {self.operator.shape_in} need a climatology; got none")
        return self.climatology

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        a, s = self.ends_at(t)
        open_ = self.known.function(lambda v: v * s**2 / (a**2 * v + s**2))

        def apply(w: Tensor) -> Tensor:
            return operator(open_.times(operator.adjoint(w))) + self.sigma**2 * w

        begin = None if self.warm is None else self.warm.start(t, left)
        w = conjugate_gradient(apply, left, begin, self.tol, self.iterations).x
        if self.warm is not None:
            self.warm.keep(t, w)
        return replaced(estimate, estimate.x0 + open_.times(operator.adjoint(w)))
