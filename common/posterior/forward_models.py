"""Training a denoiser through a forward model, where clean signals are never seen.

Further corruption (Daras et al. 2023, "Ambient diffusion", Eq. (4)): of m = A x0 the network is
shown only a part, B A, of the noisy state, and is judged by all that was measured,

    | A D(~A^T ~A x_t) - m |^2,   ~A = B A,   ~A x_t = B (a m + s A eps)

Its optimum is E[x0 | ~A x_t, ~A] if every direction is measured by some A that shares ~A: without
the further corruption nothing teaches the values that A hides. Diffusion with forward models
(Tewari et al. 2023): the state is a noisy observation of one view, D = A(S(x_t)), and the signal S
is judged by that view and by others, whose union has to see all of it. m has to be noiseless in
the first; noise of m that the network is not shown changes no optimum of the second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator
from undrift.common.processes.process import Process, over
from undrift.common.solvers.loop import Denoise


def further_corrupted(
    process: Process,
    operator: LinearOperator,
    further: LinearOperator,
    measurement: Tensor,
    t: Tensor,
    noise: Tensor,
) -> Tensor:
    """~A^T ~A x_t, (b, *shape_in): what the network is shown.

    operator: A; further: B, which acts on measurements (b, *shape_out of A). t: () or (b,); noise:
    (b, *shape_in). Raises InputError if the operators do not meet, or the process needs y.
    """
    if process.needs_degraded:
        raise InputError(
            f"{process} joins x0 to y, and no x0 is known here; expected a process from noise"
        )
    whole = further @ operator
    time = over(t, measurement)
    seen = process.a(time) * further(measurement) + process.s(time) * whole(noise)
    return whole.adjoint(seen.to(measurement))


def further_corruption_loss(
    denoise: Denoise,
    process: Process,
    operator: LinearOperator,
    further: LinearOperator,
    measurement: Tensor,
    t: float,
    noise: Tensor,
    *,
    y: Tensor | None = None,
    level: Tensor | None = None,
) -> Tensor:
    """Mean of |A D - m|^2 over all values of the batch; arguments as `further_corrupted`.

    y: what tells the network of ~A, such as the mask B A of a Mask; None if it is always the same.
    """
    time = torch.tensor(t, dtype=torch.float64, device=measurement.device)
    state = further_corrupted(process, operator, further, measurement, time, noise)
    return _misfit(operator(denoise(state, t, y, level).x0), measurement)


@dataclass(frozen=True)
class Rendered:
    """A denoiser of observations that goes through the signal: D = A(S(x_t)).

    signal: called as a denoiser with x_t (b, *shape_out) and returning the signal (b, *shape_in).
    After sampling an observation, `signal` at the last state is what was wanted.
    """

    signal: Denoise
    operator: Operator

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        return Estimate(self.operator(self.signal(x, t, y, level).x0))


def rendered_loss(
    signal: Denoise,
    process: Process,
    views: Sequence[tuple[Operator, Tensor]],
    t: float,
    noise: Tensor,
    *,
    weights: Sequence[float] | None = None,
    y: Tensor | None = None,
    level: Tensor | None = None,
) -> Tensor:
    """Weighed sum over the views of the mean of |A_k(S(x_t)) - m_k|^2.

    views: pairs of operator and observation (b, *shape_out); the state is that of the first,
    x_t = a m_1 + s noise. y: context, such as another observation. Raises InputError for no view
    or as many weights as there are not views.
    """
    weights = [1.0] * len(views) if weights is None else weights
    if not views or len(weights) != len(views):
        raise InputError(
            f"got {len(views)} views and {len(weights)} weights; expected 1 view or more, and a "
            "weight for each"
        )
    observed = views[0][1]
    time = torch.tensor(t, dtype=torch.float64, device=observed.device)
    state = process.a(time).to(observed) * observed + process.s(time).to(observed) * noise
    found = signal(state, t, y, level).x0
    terms = [w * _misfit(A(found), m) for w, (A, m) in zip(weights, views, strict=True)]
    return sum(terms[1:], terms[0])


def _misfit(found: Tensor, measurement: Tensor) -> Tensor:
    return (found - measurement).abs().square().mean()
