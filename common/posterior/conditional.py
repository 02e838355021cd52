"""A denoiser that also knows a measurement: E[x0 | x_t, m] in place of E[x0 | x_t].

m = A(x0) + sigma n. Whatever corrects the estimate of x0 is a denoiser again, so every solver, grid
and process of the core runs it: x_t of a bridge already holds one degraded signal y, and m is a
second one. Subclasses say how the estimate is corrected; all of them keep the form

    D_m = D + (something) (m - A(D)),

exact where the posterior of x0 given x_t is Gaussian with the covariance the method assumes.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator, require_finite
from undrift.common.posterior.tweedie import Moments, moments
from undrift.common.posterior.warm import Warm
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise


@dataclass(frozen=True)
class Conditional:
    """Call it as a denoiser: (x, t, y, level) -> Estimate.

    denoise, process: the prior. operator, measurement: A and m, (b or 1, *shape_out). sigma: the
    standard deviation of the noise of m, in its own units; 0 is allowed where a subclass says so.
    sigma_d: standard deviation of x0 where nothing is known. warm: a memory for one run, in which
    iterative solves begin at the solution of the step before. Raises InputError for a measurement
    that does not fit its operator or has NaN, and for a sigma that cannot be.
    """

    denoise: Denoise
    process: Process
    operator: Operator
    measurement: Tensor
    sigma: float
    sigma_d: float = 0.5
    warm: Warm | None = field(default=None, kw_only=True)

    noiseless = False  # whether sigma = 0 makes sense
    operators = "any"  # or "linear", or "svd": linear with a cheap decomposition
    derivative = False  # whether the network is differentiated
    latents = False  # whether it takes a `latent.Latent`, and A of pictures, for latents only
    price = "1F"  # calls of the network a step: forward F, backward B

    def __post_init__(self) -> None:
        self.operator.check_measurement(self.measurement)
        require_finite(torch.tensor([self.sigma, self.sigma_d]), "sigma and sigma_d")
        if self.sigma < 0 or self.sigma_d <= 0 or (self.sigma == 0 and not self.noiseless):
            raise InputError(
                f"{type(self).__name__} got sigma {self.sigma:g} and sigma_d {self.sigma_d:g}; "
                "expected the noise of the measurement, above 0 "
                f"({'0 only for' if not self.noiseless else 'or 0, as for'} Projection), and the "
                "spread of the signals; give a small sigma for an almost noiseless measurement"
            )

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """The estimate of x0 given the state and the measurement."""
        raise NotImplementedError(f"{type(self).__name__} corrects nothing")

    def prior_moments(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Moments:
        """D and the products with its covariance, without the measurement."""
        return moments(self.denoise, self.process, x, t, y, level, self.sigma_d)

    def linearised(self, x0: Tensor) -> tuple[LinearOperator, Tensor]:
        """A at x0 as a linear operator, and what is left of the measurement, m - A(x0)."""
        found, operator = self.operator.linearise(x0)
        return operator, self.measurement - found

    def ends_at(self, t: float) -> tuple[float, float]:
        """a and s of the prior's process at t."""
        time = torch.tensor(t, dtype=torch.float64)
        return float(self.process.a(time)), float(self.process.s(time))

    def shrunk_variance(self, t: float) -> float:
        """r^2 = rho^2 v0 / (rho^2 + v0), rho = s/a, v0 = sigma_d^2: if all pixels were alone."""
        a, s = self.ends_at(t)
        if a == s == 0:  # a bridge pinned to its end
            return self.sigma_d**2
        return (s * self.sigma_d) ** 2 / (s**2 + (a * self.sigma_d) ** 2)

    def gained(self, operator: LinearOperator, left: Tensor, t: float) -> Tensor:
        """r^2 A^T (r^2 A A^T + sigma^2)^-1 left with r^2 = `shrunk_variance`, like x0.

        Where that takes iterations they begin at the weights that `warm` holds, and leave theirs.
        """
        variance, noise = self.shrunk_variance(t), self.sigma**2
        if self.warm is None or noise == 0 or operator.svd() is not None:
            return operator.gain(left, variance, noise)
        found = operator.gain(left, variance, noise, self.warm.start(t, left))
        self.warm.keep(t, (left - operator(found)) / noise)
        return found


def replaced(estimate: Estimate, x0: Tensor) -> Estimate:
    """The same with another x0; its variance is no longer that of the prior."""
    return Estimate(x0, estimate.y)
