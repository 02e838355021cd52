"""Downscaling in two steps: a mean by regression, then a diffusion of what it leaves open.

    x = M(y) + r,     r ~ p(r | M(y)) given A_s(M + r) = y_s + e_s

(CorrDiff, Mardani et al. 2023). The residual is small and less correlated, so that a small network
does more with it; its mean is nearly 0. Observations are moved to the residual: what is explained
is y_s - A_s M, by A_s r. In terms of z = (r, in deviations) nothing changes but the place where
the operator is asked: A_s at M + r, with its slope there, also where a transform bends it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator
from undrift.scientific.atmosphere.mean import factor_level


class Beside(Operator):
    """r -> A(mean + r). mean: (c, rows, columns) in the units of z."""

    def __init__(self, operator: Operator, mean: Tensor):
        super().__init__(operator.shape_in, operator.shape_out, "real", "real")
        self.operator, self.mean = operator, mean

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator._forward(self.mean + x)

    def linearise(self, x: Tensor) -> tuple[Tensor, LinearOperator]:
        """A(mean + r), and the Jacobian there."""
        return self.operator.linearise(self.mean.to(x) + x)


@dataclass(frozen=True)
class Residual:
    """Call it as a denoiser of r. denoiser: of x0 given y = M. mean: (c, rows, columns), of z."""

    denoiser: Denoiser
    mean: Tensor
    factor: int

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """E[r | r_t], where the network restores x0 = M + r from the state M-centred."""
        shown = self.mean.to(x).expand_as(x)
        told = factor_level(self.factor).to(x).expand(len(x), 1)
        a = float(self.denoiser.process.a(torch.tensor(t, dtype=torch.float64)))
        found = self.denoiser(x + a * shown, t, shown, told)
        return Estimate(found.x0 - shown)
