"""Twisted sequential Monte Carlo (TDS; Wu et al. 2023): particles weighed, for several modes.

Every conditional denoiser follows the mode it is in; only weights tell how likely a mode is. The
particles move by q = N(step with D_m, sigma^2) and are weighed by (Eq. (10))

    w = p~(m | x') p(x' | x) / (p~(m | x) q(x' | x)),      p~(m | x) = N(m; A D, A V A^T + sigma^2)

with systematic resampling where fewer than half of them count. V = r^2 I and D_m from PiGDM, or
`matched`, V = Cov[x0 | x] and D_m from moment matching: one vector-Jacobian product a measured
value, and steadier weights. The last step returns D itself and the likelihood N(m; A D, sigma^2).
Exact for many particles and steps; a few dozen steps are not enough.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.svd import SVD
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.tweedie import Moments
from undrift.common.solvers.loop import Draw
from undrift.common.solvers.plan import Step

_MATCHED = 64  # measured values


@dataclass(frozen=True)
class Particles:
    """x: (n, c, *space); weights: (n,), of sum 1."""

    x: Tensor
    weights: Tensor

    def resampled(self, generator: torch.Generator) -> Tensor:
        """n particles of equal weight, (n, c, *space)."""
        return self.x[systematic(self.weights, generator)]


@dataclass(frozen=True)
class TwistedSMC(Conditional):
    """For linear operators and one measurement, (1, *shape_out), real.

    enough: share of effective particles below which they are resampled. matched: see above; for up
    to 64 measured values. Without it the operator needs a cheap SVD.
    """

    enough: float = 0.5
    matched: bool = False
    operators = "svd"
    derivative = True
    price = "1F+1B"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.measurement) != 1:
            raise InputError(
                f"TwistedSMC got {len(self.measurement)} measurements; expected 1: all particles "
                "are for the same one; run it once for each"
            )

    def run(
        self,
        x: Tensor,
        steps: Sequence[Step],
        draw: Draw,
        generator: torch.Generator,
        y: Tensor | None = None,
        level: Tensor | None = None,
    ) -> Particles:
        """Carries particles x (n, c, *space), draws of the start, through a plan of first order.

        The steps have to draw noise, but for the last one, as those of `ancestral()` do. draw:
        normals like x by number, k + 1 in step k; generator: of the resampling. Raises InputError
        for other plans and where the operator has no cheap SVD.
        """
        if not steps or any(step.depth != 1 or step.sigma <= 0 for step in steps[:-1]):
            raise InputError("TwistedSMC needs steps of first order that draw noise: ancestral()")
        self._check()
        weights = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        before, ends = torch.zeros_like(weights), x
        for number, step in enumerate(steps):
            free, told, twist = self._look(x, step.t, y, level)
            weights = weights + twist - before
            if self._share(weights) < self.enough:
                chosen = systematic(torch.softmax(weights, 0), generator)
                x, free, told, twist = (v[chosen] for v in (x, free, told, twist))
                weights = torch.zeros_like(weights)
            before = twist
            ends = free
            if number + 1 == len(steps):
                break
            noise = draw(number + 1).to(x)
            x = step.advance([x], [told], y, functools.partial(_same, noise))
            # ln p - ln q of the move, whose means differ by B (D - D_m)
            gap = step.B[0] / step.sigma * (free - told)
            weights = weights + (noise * gap - gap**2 / 2).flatten(1).sum(1).double()
        weights = weights + self._log_density(ends, 0.0) - before
        return Particles(ends, torch.softmax(weights, 0))

    def _look(
        self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """D, D_m, and ln p~(m | x) but for a constant."""
        point = self.prior_moments(x, t, y, level)
        if self.matched:
            return (point.x0, *self._match(point))
        variance = self.shrunk_variance(t)
        operator, left = self.linearised(point.x0)
        pulled = operator.gain(left, variance, self.sigma**2) / variance
        twist = self._log_density(point.x0, variance)
        return point.x0, point.x0 + point.times(pulled), twist

    def _match(self, point: Moments) -> tuple[Tensor, Tensor]:
        """D_m and ln p~ with the covariance of Tweedie's formula, made symmetric and positive."""
        operator, left = self.linearised(point.x0)
        count, n = math.prod(self.operator.shape_out), len(point.x0)
        units = torch.eye(count).to(point.x0).reshape(count, 1, *self.operator.shape_out)
        rows = operator.adjoint(units)
        moved = torch.stack([point.times(row.expand_as(point.x0)) for row in rows], 1)
        seen = operator(moved).reshape(n, count, count)
        values, vectors = torch.linalg.eigh(((seen + seen.mT) / 2).double())
        values = values.clamp(min=0) + self.sigma**2
        inner = (left.reshape(n, 1, count).double() @ vectors)[:, 0]
        solved = ((inner / values)[:, None] @ vectors.mT).to(left)
        correction = (solved @ moved.flatten(2)).reshape(point.x0.shape)
        twist = -(inner**2 / values + values.log()).sum(1) / 2
        return point.x0 + correction, twist

    def _log_density(self, x0: Tensor, variance: float) -> Tensor:
        """ln N(m; A x0, variance A A^T + sigma^2) without its constants, (n,) in float64."""
        left = self.measurement.to(x0) - self.operator(x0)
        if variance == 0:
            return -(left**2).flatten(1).sum(1).double() / (2 * self.sigma**2)
        svd = self._spectrum()
        spread = variance * svd.s**2 + self.sigma**2
        return -(svd.uh(left).abs() ** 2 / spread).flatten(1).sum(1).double() / 2

    def _share(self, weights: Tensor) -> float:
        known = torch.softmax(weights, 0)
        return float(1 / (known**2).sum()) / len(known)

    def _spectrum(self) -> SVD:
        svd = None
        if isinstance(self.operator, LinearOperator):
            svd = self.operator.at(self.measurement).svd()
        if svd is None:
            raise InputError(
                f"TwistedSMC got {self.operator!r}, which has no cheap singular value "
                f"decomposition; its weights need one, or matched=True and up to {_MATCHED} "
                "measured values"
            )
        return svd

    def _check(self) -> None:
        if not self.matched:
            self._spectrum()
        elif math.prod(self.operator.shape_out) > _MATCHED or self.measurement.is_complex():
            raise InputError(
                f"matched weights take a product a measured value; got {self.operator!r}, expected "
                f"up to {_MATCHED} real values; use matched=False"
            )


def _same(noise: Tensor) -> Tensor:
    return noise


def systematic(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Indices drawn by one uniform and equal strides (Kitagawa 1996): (n,) for weights (n,)."""
    count = len(weights)
    first = torch.rand((), generator=generator, dtype=torch.float64).to(weights.device)
    places = (torch.arange(count, device=weights.device) + first) / count
    total = torch.cumsum(weights, 0)
    return torch.searchsorted(total / total[-1], places).clamp(max=count - 1)
