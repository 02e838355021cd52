"""Guidance by the gradient of the likelihood at the estimate (DPS, Chung et al. 2023, and kin).

    D_m = D + V A^T (m - A D) / R,        V A^T r = (s^2/a) grad_x of |m - A D|^2 / 2

R = sigma^2 takes D for x0 itself ("gauss"): stiff, it needs hundreds of steps. Adding the spread
of x0 around D makes it stable: "annealed" R = sigma^2 + rho^2; "sda" R = sigma^2 + gamma rho^2
(Rozet and Louppe 2023, Eq. (15)). "norm" divides by |m - A D| as the DPS code does: a step of one
length, `weight`, that does not know sigma. A may be non-linear. One product a call.
Where several measurements are stacked in units of their own noise, `units` brings rho into those.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, nearest
from undrift.common.posterior.conditional import Conditional, replaced

Rule = Literal["gauss", "annealed", "sda", "norm"]
RULES = ("gauss", "annealed", "sda", "norm")


@dataclass(frozen=True)
class DPS(Conditional):
    """rule: how the residual is weighed, see above. gamma: of "sda". weight: of every rule.

    units: (*shape_out), of each value of m, what a signal of 1 everywhere shows; by default 1.
    """

    rule: Rule = "sda"
    gamma: float = 0.01
    weight: float = 1.0
    units: Tensor | None = None
    derivative = True
    price = "1F+1B"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rule not in RULES:
            raise InputError(
                f"rule {self.rule!r} is not one of {', '.join(RULES)}{nearest(self.rule, RULES)}"
            )

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        pulled = point.times(operator.adjoint(left / self._scale(t, left)))
        return replaced(point.estimate, point.x0 + self.weight * pulled)

    def _scale(self, t: float, left: Tensor) -> Tensor | float:
        if self.rule == "norm":
            length = torch.linalg.vector_norm(left.flatten(1), dim=1)
            return length.clamp(min=1e-12).reshape(-1, *[1] * (left.ndim - 1))
        a, s = self.ends_at(t)
        ratio = s / a if a > 0 else math.inf
        share = {"gauss": 0.0, "annealed": 1.0, "sda": self.gamma}[self.rule]
        spread = min(ratio, _FLAT * self.sigma_d)
        scale = 1.0 if self.units is None else self.units.to(left) ** 2
        return self.sigma**2 + share * spread**2 * scale


_FLAT = 1e4
