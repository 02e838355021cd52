"""First and second moment of x0 given the state: the estimate D and its covariance V, as products.

    x_t = a x0 + b y + s eps   =>   E[x0|x_t] = D(x_t),   Cov[x0|x_t] = (s^2/a) dD/dx_t =: V

(Tweedie's formula and its derivative; Efron 2011). V is symmetric, so V u is one vector-Jacobian
product of the network. At pure noise (a = 0) the state says nothing and V is the prior's own
covariance, taken as sigma_d^2 I.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise

_BLIND = 1e-6  # below this a, the state holds nothing of x0


@dataclass(frozen=True)
class Moments:
    """x0: D, (b, c, *space); times: u -> V u, like x0; gap: s/a, inf at pure noise; a, s."""

    estimate: Estimate
    times: Callable[[Tensor], Tensor]
    a: float
    s: float

    @property
    def x0(self) -> Tensor:
        """The estimate D."""
        return self.estimate.x0


def moments(
    denoise: Denoise,
    process: Process,
    x: Tensor,
    t: float,
    y: Tensor | None,
    level: Tensor | None,
    sigma_d: float,
) -> Moments:
    """D and products with V at a state x: (b, c, *space); the graph lives as long as the result."""
    time = torch.tensor(t, dtype=torch.float64)
    a, s = float(process.a(time)), float(process.s(time))
    if a < _BLIND:
        estimate = denoise(x, t, y, level)
        return Moments(estimate, lambda u: sigma_d**2 * u, a, s)
    with torch.inference_mode(False), torch.enable_grad():
        state = x.clone().requires_grad_()
        estimate = denoise(state, t, y, level)

    def times(u: Tensor) -> Tensor:
        (pulled,) = torch.autograd.grad(estimate.x0, state, u, retain_graph=True)
        return s**2 / a * pulled

    return Moments(_detached(estimate), times, a, s)


def _detached(estimate: Estimate) -> Estimate:
    return Estimate(**{k: v.detach() for k, v in vars(estimate).items() if v is not None})
