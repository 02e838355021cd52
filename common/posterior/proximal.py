"""Corrections without a derivative of the network: proximal steps and projections.

DiffPIR (Zhu et al. 2023, Eq. (12a)): D counts as a measurement of x0 with variance r^2, so

    D_m = argmin over z of |m - A z|^2 / sigma^2 + |z - D|^2 / r^2
        = D + r^2 A^T (r^2 A A^T + sigma^2)^-1 (m - A D)

with r^2 = rho^2 / weight, rho = s/a; weight 1 is Bayes' rule for a flat prior (the paper's lambda
is four times that: it mixes the ranges [0, 1] and [-1, 1]). DDNM (Wang et al. 2023) is the limit
sigma = 0: D_m = D + A^+ (m - A D), which throws the measured part of D away. DDNM+ scales each
singular direction by lambda = min(1, S rho / sigma) (Eq. (19) at eta = 0), so that no more noise of
the measurement enters than the state has.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.svd import SVD, like
from undrift.common.posterior.conditional import Conditional, replaced


@dataclass(frozen=True)
class DiffPIR(Conditional):
    """weight: of the prior against the measurement, 1 for Bayes' rule; above 0."""

    weight: float = 1.0

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        a, s = self.ends_at(t)
        ratio = s / a if a > 0 else math.inf
        variance = min(ratio**2 / self.weight, (_FLAT * self.sigma_d) ** 2)
        return replaced(estimate, estimate.x0 + operator.gain(left, variance, self.sigma**2))


@dataclass(frozen=True)
class DDNM(Conditional):
    """For noiseless measurements: sigma is not used."""

    noiseless = True
    operators = "linear"

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        return replaced(estimate, estimate.x0 + operator.pinv(left))


@dataclass(frozen=True)
class ScaledDDNM(Conditional):
    """DDNM+ as a conditional denoiser, for linear operators with a cheap SVD and noise above 0.

    `ddnm.DDNMPlus` is the same with the noise of the published step.
    """

    operators = "svd"

    def __post_init__(self) -> None:
        super().__post_init__()
        operator = self.operator
        if not isinstance(operator, LinearOperator) or operator.svd() is None:
            raise InputError(
                f"ScaledDDNM needs a linear operator with a cheap SVD, got {self.operator!r}; "
                "DiffPIR weighs the measurement of any operator"
            )

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        estimate = self.denoise(x, t, y, level)
        operator, left = self.linearised(estimate.x0)
        svd = cast(SVD, operator.at(estimate.x0).svd())
        a, s = self.ends_at(t)
        known = svd.known()
        values = torch.where(known, svd.s, 1)
        share = (values * (s / (a * self.sigma))).clamp(max=1) if a > 0 else torch.ones_like(values)
        moved = svd.v(torch.where(known, share / values, 0) * svd.uh(left))
        return replaced(estimate, estimate.x0 + like(estimate.x0, moved))


_FLAT = 1e4  # signals of this many sigma_d are as unlikely as any: keeps r^2 finite at pure noise
