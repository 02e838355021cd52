"""First and second moment of x0 given the state: the estimate D and its covariance V, as products.

    x_t = a x0 + b y + s eps   =>   E[x0|x_t] = D(x_t),   Cov[x0|x_t] = (s^2/a) dD/dx_t =: V

(Tweedie's formula and its derivative; Efron 2011). V is symmetric, so V u is one vector-Jacobian
product of the network. A trained network is a derivative of nothing: its Jacobian has a skew part,
which the mean of a vector-Jacobian and a Jacobian-vector product leaves out. At pure noise (a = 0)
the state says nothing and V is the prior's own covariance, taken as sigma_d^2 I.
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
    """x0: D, (b, c, *space); pull: u -> (dD/dx)^T u, like x0; a, s: of the process there.

    blind: the variance of x0 where the state holds nothing of it, else None. push: u -> (dD/dx) u.
    """

    estimate: Estimate
    pull: Callable[[Tensor], Tensor]
    a: float
    s: float
    blind: float | None = None
    push: Callable[[Tensor], Tensor] | None = None

    @property
    def x0(self) -> Tensor:
        """The estimate D."""
        return self.estimate.x0

    def times(self, u: Tensor, symmetric: bool = False) -> Tensor:
        """V u, shaped like u; symmetric: (V + V^T) u / 2, where `push` is known."""
        if self.blind is not None:
            return self.blind * u
        moved = self.pull(u)
        if symmetric and self.push is not None:
            moved = (moved + self.push(u)) / 2
        return self.s**2 / self.a * moved


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
        slope = sigma_d**2 * a / s**2 if s > 0 else 0.0
        return Moments(estimate, lambda u: slope * u, a, s, sigma_d**2)
    with torch.inference_mode(False), torch.enable_grad():
        state = x.clone().requires_grad_()
        estimate = denoise(state, t, y, level)

    def pull(u: Tensor) -> Tensor:
        return torch.autograd.grad(estimate.x0, state, u, retain_graph=True)[0]

    def push(u: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.no_grad():
            point, along = state.detach(), u.clone()  # inference tensors have no tangents
            return torch.func.jvp(lambda z: denoise(z, t, y, level).x0, (point,), (along,))[1]

    return Moments(_detached(estimate), pull, a, s, push=push)


def _detached(estimate: Estimate) -> Estimate:
    return Estimate(**{k: v.detach() for k, v in vars(estimate).items() if v is not None})
