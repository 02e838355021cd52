"""A measurement: y, the operator that made it and its noise, and what samplers ask of the three.

log p(y | x), its gradient, chi, and for linear operators the posterior mean under N(z, variance):
z + variance B^H (variance B B^H + 1)^-1 R^(-1/2) (y - A z), with B = R^(-1/2) A whitened.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.diagonal import Diagonal
from undrift.common.operators.linear import LinearOperator, Number
from undrift.common.operators.noise_models import Gaussian, NoiseModel
from undrift.common.operators.operator import Operator


@dataclass(frozen=True, eq=False)
class Measurement:
    """y: (b, *shape_out), finite; operator; noise. Raises InputError if y does not fit."""

    y: Tensor
    operator: Operator
    noise: NoiseModel

    def __post_init__(self) -> None:
        self.operator.check_measurement(self.y)
        if self.y.ndim != 1 + len(self.operator.shape_out):
            raise InputError(
                f"a measurement of shape {tuple(self.y.shape)} has "
                f"{self.y.ndim - len(self.operator.shape_out)} batch axes; expected one: y[None] "
                "for a single one"
            )

    def residual(self, x: Tensor) -> Tensor:
        """y - A(x)."""
        return self.y - self.operator(x)

    def chi(self, x: Tensor) -> Tensor:
        """The misfit of each item in units of the noise, (b,); 1 is right."""
        return self.noise.chi(self.y, self.operator(x))

    def log_likelihood(self, x: Tensor) -> Tensor:
        """log p(y | x) of each item, (b,)."""
        return self.noise.log_likelihood(self.y, self.operator(x))

    def gradient(self, x: Tensor) -> Tensor:
        """J^H R^-1 (y - A(x)): the gradient of log p(y | x) with the variance held as it is."""
        value, jacobian = self.operator.linearise(x)
        return jacobian.adjoint((self.y - value) * self.noise.precision(value))

    def whitened(self, signal: Tensor | None = None) -> tuple[LinearOperator, Tensor]:
        """R^(-1/2) A and R^(-1/2) y, whose noise is standard normal, for a linear operator.

        signal: A(x) where the variance depends on it, by default y. Closed forms of A survive where
        the weights allow. Raises InputError for a non-linear operator or noise of 0.
        """
        if not isinstance(self.operator, LinearOperator):
            raise InputError(
                f"{self.operator!r} is not linear; expected a linear operator; linearise it first: "
                "value, jacobian = operator.linearise(x)"
            )
        root = torch.sqrt(self.noise.precision(self.y if signal is None else signal))
        weight = root.reshape([1] * (1 + len(self.operator.shape_out) - root.ndim) + [*root.shape])
        weight = weight[0] if weight.shape[0] == 1 else weight
        whiten = Diagonal(weight, self.operator.shape_out)
        return whiten @ self.operator, whiten(self.y)

    def posterior_mean(
        self, z: Tensor, variance: Number, start: Tensor | None = None, tol: float | None = None,
        iterations: int = 500,
    ) -> Tensor:  # fmt: skip
        """E[x | y] under the prior N(z, variance): the proximal step of a linear operator.

        variance: a number or one an item, (b, 1, ...). Closed form with an SVD; conjugate gradients
        on the side of the measurement elsewhere.
        """
        if isinstance(self.noise, Gaussian) and torch.as_tensor(self.noise.sigma).numel() == 1:
            operator, noise = self.operator, float(self.noise.sigma) ** 2
            if isinstance(operator, LinearOperator):
                gap = self.residual(z)
                return z + operator.gain(gap, variance, noise, start, tol, iterations)
        operator, y = self.whitened(self.operator(z))
        return z + operator.gain(y - operator(z), variance, 1.0, start, tol, iterations)
