"""STSL (Rout et al. 2024, "Beyond First-Order Tweedie"): gradient steps on the state at each time.

    x <- x - grad_x [ weight |m - A(D(x))|^p + (bend/d) mean_i e_i^T (S(x + h e_i) - S(x)) / h ]

`inner` times, S = (a D - x)/s^2 the score, e_i normal; then one step of the prior from there. p = 1
("norm") or 2 ("square", DPS with R = sigma^2 if weight = 1/(2 sigma^2)). The second term estimates
the trace of the Hessian of ln p_t from `probes` directions, where the paper has one and h = 1.

What the trace does: it stands for tr(A Cov A^T) of Jensen's bound, but leaves A out. For a Gaussian
prior the Hessian is constant and its gradient exactly zero, so that STSL is DPS with inner steps
(and no more right: W2 .3 to .8 of the posterior's spread). On mixtures it makes results worse, with
any number of probes, and above bend .2 they explode. h = 1 is no derivative where s is small: the
default is h = s. No code of the authors exists, their schedule of weights is not known; moment
matching is the second-order method to use. Latents: an operator seen through `latent.Latent`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.posterior.conditional import Conditional
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise, Draw, Watch, run_plan
from undrift.common.solvers.plan import Step

Directions = Callable[[int, int], Tensor]  # step, inner step -> normals (probes, b, c, *space)


@dataclass(frozen=True)
class STSL(Conditional):
    """weight: of the data; rule: "norm" or "square". bend: the paper's eta, of the trace; 0: none.

    inner: gradient steps at a time. probes: directions of the trace. reach: h, None for s.
    Raises InputError for numbers that cannot be.
    """

    weight: float = 0.3
    rule: Literal["norm", "square"] = "norm"
    bend: float = 0.02
    inner: int = 5
    probes: int = 1
    reach: float | None = None
    noiseless = True  # sigma is not used: weight stands for it
    derivative = True
    price = "5 (2F+2B) + 1F (`inner`, `probes`)"

    def __post_init__(self) -> None:
        super().__post_init__()
        off = self.reach is not None and self.reach <= 0
        if self.rule not in ("norm", "square") or min(self.inner, self.probes) < 1 or off:
            raise InputError(
                f"STSL got rule {self.rule!r}, inner {self.inner}, probes {self.probes}, reach "
                f"{self.reach}; expected 'norm' or 'square', and numbers from 1, a reach above 0"
            )

    def run(
        self,
        x: Tensor,
        steps: Sequence[Step],
        *,
        directions: Directions | None = None,
        y: Tensor | None = None,
        level: Tensor | None = None,
        draw: Draw | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Carries x (b, c, *space) through a plan of first order; steps: as `DDIM().plan`.

        directions: of the trace, by step and inner step; needed unless bend is 0. Raises UsageError
        for other plans, InputError without directions.
        """
        if any(step.depth != 1 or not step.calls for step in steps):
            raise UsageError("STSL moves the state before steps of first order; use DDIM")
        if self.bend and directions is None:
            raise InputError("the trace of STSL needs normals; pass directions, or bend=0")
        for number, step in enumerate(steps):
            for k in range(self.inner):
                normals = directions(number, k) if self.bend and directions is not None else None
                x = x - self.gradient(x, step.t, normals, y, level)
            shown = None if watch is None else _numbered(watch, number)
            fresh = None if draw is None else _from(draw, number)
            x = run_plan(self.denoise, x, [step], y=y, level=level, draw=fresh, watch=shown)
        return x

    def gradient(
        self,
        x: Tensor,
        t: float,
        normals: Tensor | None = None,
        y: Tensor | None = None,
        level: Tensor | None = None,
    ) -> Tensor:
        """Of the surrogate at a state x; normals: (probes, *x.shape), None without the trace."""
        point = self.prior_moments(x, t, y, level)
        operator, left = self.linearised(point.x0)
        pulled = point.pull(operator.adjoint(left))
        length = torch.linalg.vector_norm(left.flatten(1), dim=1).clamp(min=1e-12)
        scale = 1 / length if self.rule == "norm" else torch.full_like(length, 2.0)
        data = -self.weight * scale.reshape(-1, *[1] * (x.ndim - 1)) * pulled
        if normals is None or not self.bend:
            return data
        if normals.shape != (self.probes, *x.shape):
            raise InputError(
                f"directions of shape {tuple(normals.shape)} came; expected "
                f"{(self.probes, *x.shape)}"
            )
        return data + self._trace_gradient(x, t, normals.to(x), y, level)

    def _trace_gradient(
        self, x: Tensor, t: float, normals: Tensor, y: Tensor | None, level: Tensor | None
    ) -> Tensor:
        """(bend/d) grad of the mean of e^T (S(x + h e) - S(x)) / h."""
        a, s = self.ends_at(t)
        reach = s if self.reach is None else self.reach
        with torch.inference_mode(False), torch.enable_grad():
            state = x.clone().requires_grad_()
            here = self.denoise(state, t, y, level).x0
            total = torch.zeros((), dtype=x.dtype, device=x.device)
            for normal in normals:
                # the terms of S in x itself are constant and fall out
                there = self.denoise(state + reach * normal, t, y, level).x0
                total = total + (normal * (there - here)).sum()
            found = torch.autograd.grad(total, state)[0]
        size = x[0].numel()
        return self.bend / size * a / s**2 / (reach * len(normals)) * found


def inverted(denoise: Denoise, process: Process, x0: Tensor, times: Sequence[float]) -> Tensor:
    """Where STSL begins: DDIM backwards, along the times above 0, from a signal like A^+ m.

    x0: (b, c, *space), without a degraded signal of its own. Returns the state at the first time.
    """
    x, clean, eps = x0, x0, torch.zeros_like(x0)
    for t in sorted(t for t in times if t > 0):
        time = torch.tensor(t, dtype=torch.float64)
        a, s = float(process.a(time)), float(process.s(time))
        x = a * clean + s * eps
        clean = denoise(x, t, None, None).x0
        eps = (x - a * clean) / s
    return x


def _from(draw: Draw, number: int) -> Draw:
    return lambda k: draw(number + k)


def _numbered(watch: Watch, number: int) -> Watch:
    def shown(k: int, x: Tensor, estimate: Estimate) -> None:
        watch(number, x, estimate)

    return shown
