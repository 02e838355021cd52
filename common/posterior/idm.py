"""IDM (Chen et al. 2025, "Invertible diffusion models for compressed sensing"): few steps, trained.

A sampler of a few DDNM-like steps is unrolled and trained end to end as one network:

    D = denoise(x, t),   D_m = D - A^T (A D - m),   f(x) = a' D_m + s' (x - a D) / s

from x = a A^T m, signals counted from the denoiser's centre. Each step but the last is coupled to
the one before, (u, x) -> (x, v u + (1 - v) f(x)) with a learned v, which makes it invertible:
training holds the graph of one step, however many there are (`networks.reversible`). The last one
gives D_m itself, which keeps the measurement. It is deterministic and trained for one operator,
with the L1 loss; A A^T has to be 1 (orthonormal rows), as `BlockSample` has it.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.grids import Grid, by_angle, time_of_ratio
from undrift.common.networks.reversible import Coupled, run_plainly, run_reversible
from undrift.common.operators.linear import LinearOperator
from undrift.common.processes.process import Process


class Unrolled(nn.Module):
    """m, (b, *shape_out) -> x0, (b, *shape_in). times: descending, one more than steps, last 0.

    The denoiser is shared by all steps and trained. Raises InputError for a non-linear operator,
    a process that needs y, or times that do not end clean.
    """

    def __init__(self, denoiser: Denoiser, operator: LinearOperator, times: Sequence[float]):
        super().__init__()
        process = denoiser.process
        falling = all(later < now for now, later in pairwise(times))
        if not isinstance(operator, LinearOperator) or process.needs_degraded:
            raise InputError(
                f"Unrolled got {operator!r} and {process}; expected a linear operator and a process"
                " from noise, such as VariancePreserving()"
            )
        if len(times) < 2 or not falling or times[-1] != 0:
            raise InputError(f"Unrolled got times {list(times)}; expected descending ones, last 0")
        self.denoiser, self.operator, self.times = denoiser, operator, tuple(times)
        self.shares = nn.ModuleList(Coupled(torch.clone) for _ in times[2:])

    def forward(self, measurement: Tensor, reversible: bool = True) -> Tensor:
        """reversible: False stores all activations: the same values and gradients.

        Raises InputError if the measurement does not fit.
        """
        self.operator.check_measurement(measurement, finite=False)
        centre = torch.full_like(self.operator.adjoint(measurement), self._centre())
        told = centre + self.operator.adjoint(measurement - self.operator(centre))
        x = _ends(self.denoiser.process, self.times[0])[0] * told
        bodies = [self._body(measurement, *pair) for pair in pairwise(self.times)]
        steps = [step for step in self.shares if isinstance(step, Coupled)]
        for step, body in zip(steps, bodies[:-1], strict=True):
            step.body = body
        if reversible:
            x = run_reversible(steps, x, x, list(self.denoiser.parameters()))[1]
        else:
            x = run_plainly(steps, x, x)[1]
        return bodies[-1](x)

    def _centre(self) -> float:
        return self.denoiser.scaling.centre or 0.0

    def _body(self, measurement: Tensor, t: float, later: float) -> Callable[[Tensor], Tensor]:
        (a, s), (a1, s1) = (_ends(self.denoiser.process, v) for v in (t, later))

        def body(x: Tensor) -> Tensor:
            x0 = self.denoiser(x, t).x0
            told = x0 - self.operator.adjoint(self.operator(x0) - measurement)
            return a1 * told + s1 / s * (x - a * x0)

        return body


def matched_times(process: Process, steps: int, sigma_d: float) -> Grid:
    """Times for `Unrolled` from where s/a is sigma_d, the error of A^T m for few measured values.

    From the noisy end of a process, a is next to 0 and the start would hold nothing of m.
    """
    return by_angle(process, steps, sigma_d, time_of_ratio(process, sigma_d, sigma_d))


def train_unrolled(
    model: Unrolled, batches: Iterator[Tensor], iterations: int, rate: float = 1e-4
) -> list[float]:
    """Trains in place on clean batches (b, *shape_in) with Adam and the L1 loss; the losses.

    rate: 1e-4 in the paper, which starts from trained weights; falls by a cosine to 0. Raises
    InputError, before the weights change, if the loss is not finite.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, iterations))
    losses = []
    for number in range(iterations):
        x0 = next(batches)
        loss = (model(model.operator(x0)) - x0).abs().mean()
        if not bool(torch.isfinite(loss)):
            raise InputError(f"iteration {number + 1}: the loss is {float(loss)}; lower the rate")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        fall.step()
        losses.append(float(loss.detach()))
    return losses


def _ends(process: Process, t: float) -> tuple[float, float]:
    time = torch.tensor(t, dtype=torch.float64)
    return float(process.a(time)), float(process.s(time))
