"""DDRM (Kawar et al. 2022): every singular direction of the operator on its own.

In coordinates z = V^T x / a the noise is rho = s/a, and m/S measures z with noise sigma/S.
A step to rho' (Eqs. (7), (8)), with D and eps_hat in the same coordinates:

    unmeasured (S = 0)    z' = D + sqrt(1 - eta^2) rho' eps_hat             + eta rho' n
    S rho' < sigma        z' = D + sqrt(1 - eta^2) rho' (m/S - D) S / sigma + eta rho' n
    S rho' >= sigma       z' = (1 - eta_b) D + eta_b m/S + sqrt(rho'^2 - eta_b^2 sigma^2/S^2) n

The paper's eta = .85 and eta_b = 1. No setting gives the posterior, and on blurs more steps make it
worse; it is here because people compare with it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.svd import SVD, like
from undrift.common.posterior.conditional import Conditional
from undrift.common.solvers.loop import Draw


@dataclass(frozen=True)
class DDRM(Conditional):
    """For linear operators with a cheap SVD, and priors without a degraded signal of their own."""

    eta: float = 0.85
    eta_b: float = 1.0
    noiseless = True
    operators = "svd"

    def run(
        self,
        times: Sequence[float],
        draw: Draw,
        level: Tensor | None = None,
        start: Tensor | None = None,
        watch: Callable[[Tensor, Estimate], None] | None = None,
    ) -> Tensor:
        """Samples along descending times; the last one may be 0. Returns (b, c, *space).

        draw: normals in the coordinates of the SVD, (b, *coordinates); 0 is the start's and k + 1
        that of step k. start: a state to begin at in place of the drawn one. watch: called with
        the new state and the estimate after each step. Raises InputError where the operator has no
        cheap SVD.
        """
        x = self.start(times[0], draw) if start is None else start
        for number, (t, later) in enumerate(zip(times, [*times[1:], 0.0], strict=False)):
            x, estimate = self.move(x, t, later, draw(number + 1), level)
            if watch is not None:
                watch(x, estimate)
        return x

    def move(
        self, x: Tensor, t: float, later: float, noise: Tensor, level: Tensor | None = None
    ) -> tuple[Tensor, Estimate]:
        """The state at `later` and the prior's estimate; noise: in the coordinates of the SVD."""
        svd, given, sure = self._spectrum()
        estimate = self.denoise(x, t, None, level)
        a, s = self.ends_at(t)
        clean, eps = svd.vh(estimate.x0), self.placed(svd, (x - a * estimate.x0) / s)
        moved = self._step(clean, eps, given, sure, self._rho(later), noise.to(clean))
        return self.ends_at(later)[0] * like(x, svd.v(moved)), estimate

    def placed(self, svd: SVD, noise: Tensor) -> Tensor:
        """The noise of a state, (b, c, *space), in the coordinates of the SVD."""
        return svd.vh(noise)

    def start(self, t: float, draw: Draw) -> Tensor:
        """The state to begin at: around the measurement where rho exceeds its noise, else noise."""
        svd, given, sure = self._spectrum()
        rho, n = self._rho(t), draw(0).to(given)
        near = given + (rho**2 - sure**2).clamp(min=0).sqrt() * n
        x = svd.v(torch.where(sure < rho, near, rho * n))
        return self.ends_at(t)[0] * like(self.measurement, x)

    def _step(
        self, clean: Tensor, noise: Tensor, given: Tensor, sure: Tensor, rho: float, n: Tensor
    ) -> Tensor:
        """One step in the coordinates; `sure` is sigma / S, inf where nothing is measured."""
        keep = math.sqrt(1 - self.eta**2) * rho
        missing = clean + keep * noise + self.eta * rho * n
        pull = (given - clean) / torch.where(sure > 0, sure, 1)
        early = clean + keep * pull + self.eta * rho * n
        spread = (rho**2 - (self.eta_b * sure) ** 2).clamp(min=0).sqrt()
        late = (1 - self.eta_b) * clean + self.eta_b * given + spread * n
        moved = torch.where(sure < rho, late, torch.where(sure > rho, early, missing))
        return torch.where(sure.isinf(), missing, moved)

    def _rho(self, t: float) -> float:
        a, s = self.ends_at(t)
        return s / a

    def _spectrum(self) -> tuple[SVD, Tensor, Tensor]:
        """The decomposition, m/S (0 where nothing is measured) and sigma/S (inf there)."""
        operator, seen = self.operator, self.measurement
        svd = operator.at(seen).svd() if isinstance(operator, LinearOperator) else None
        if svd is None:
            raise InputError(
                f"DDRM got {operator!r}, which has no cheap singular value decomposition; use "
                "moment matching or PiGDM, which need only A and its adjoint"
            )
        known = svd.known()
        size = torch.where(known, svd.s, 1)
        sure = torch.where(known, self.sigma / size, math.inf)
        return svd, torch.where(known, svd.uh(seen) / size, 0), sure
