"""A solver is a plan: a list of linear steps, all coefficients known before the first call.

    D_k = denoise(x_k, t_k)
    x_{k+1} = sum_j A_j x_{k-j} + sum_j B_j D_{k-j} + C y + sigma z

newest first. Every sampler here has this form: it is written for the centred state z = x - b y,
for which every process is a plain (a, s) diffusion; C = b_{k+1} - sum_j A_j b_{k-j} brings y back.
Coefficients are computed once in float64 from the four functions of the process at the nodes.
A step with no B calls nothing: it only moves the newest state, x = A_0 x + C y + sigma z, as when
noise is put back (churn, time travel). The few moves that look at values have their own `advance`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes.process import Process

Noise = Callable[[], Tensor]  # a fresh standard normal like the state


@dataclass(frozen=True)
class Step:
    """One call of the denoiser at time t (none if B is empty), then the update; newest first."""

    t: float
    A: tuple[float, ...]
    B: tuple[float, ...]
    C: float
    sigma: float = 0.0

    @property
    def calls(self) -> bool:
        """Whether the denoiser is called."""
        return bool(self.B)

    @property
    def depth(self) -> int:
        """How many past states and values the step looks at."""
        return max(len(self.A), len(self.B))

    def advance(
        self, states: Sequence[Tensor], values: Sequence[Tensor], y: Tensor | None, noise: Noise
    ) -> Tensor:
        """The next state; states[0] is where the step begins. Raises InputError if y is needed."""
        if self.B:
            x = values[0] * self.B[0] if self.B[0] != 1 else values[0].clone()
        else:
            x = states[0] * self.A[0]
        for weight, value in zip(self.B[1:], list(values)[1:], strict=False):
            x.add_(value, alpha=weight)
        for weight, state in zip(self.A if self.B else (), states, strict=False):
            if weight:
                x.add_(state, alpha=weight)
        if self.C:
            if y is None:
                raise InputError("this process joins x0 to y; pass y")
            x.add_(y, alpha=self.C)
        return x.add_(noise(), alpha=self.sigma) if self.sigma > 0 else x


def calls(steps: Sequence[Step]) -> int:
    """Number of denoiser calls of a plan."""
    return sum(step.calls for step in steps)


@dataclass(frozen=True)
class Node:
    """The four functions at one time; lam = ln(a/s), -inf where a = 0, +inf where s = 0."""

    t: float
    a: float
    b: float
    s: float
    phi: float
    lam: float


class Solver(Protocol):
    """Makes a plan for a process on a grid of times (descending, the last one clean or not)."""

    @property
    def order(self) -> int: ...

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]: ...


def nodes(process: Process, times: Sequence[float]) -> list[Node]:
    """Evaluates a process at the times of a grid, in float64.

    Raises InputError unless there are at least two times, strictly descending within [0, 1].
    """
    t = torch.as_tensor(times, dtype=torch.float64)
    if t.ndim != 1 or len(t) < 2 or bool((t[1:] >= t[:-1]).any()) or t[0] > 1 or t[-1] < 0:
        raise InputError(
            f"a grid needs two or more strictly descending times within [0, 1], got {list(times)}"
        )
    columns = [f(t).tolist() for f in (process.a, process.b, process.s, process.phi)]
    rows = zip(t.tolist(), *columns, strict=True)
    return [Node(*row, lam=_log_ratio(row[1], row[3])) for row in rows]


def _log_ratio(a: float, s: float) -> float:
    if a <= 0:
        return -math.inf
    return math.inf if s <= 0 else math.log(a) - math.log(s)


def step(old: Node, new: Node, A: float, B: Sequence[float], sigma: float = 0.0) -> Step:
    """A step with weights on the newest state only; C follows from the centring."""
    return Step(old.t, (A,), tuple(B), new.b - A * old.b, sigma)


def first_order(old: Node, new: Node, keep: float, sigma: float) -> Step:
    """z1 = a1 D + keep eps + sigma xi with eps = (z0 - a0 D)/s0.

    Where s0 = 0 the state holds no noise (a pinned bridge start): all of s1 is drawn afresh. Where
    both are 0 (a cold process) the share of the degraded end falls as b does, whatever y it is.
    """
    if new.s <= 0 and old.s <= 0 and old.b > 0:
        A = new.b / old.b
        return step(old, new, A, (new.a - A * old.a,))
    if new.s <= 0:
        return step(old, new, 0.0, (new.a,))
    if old.s <= 0:
        return step(old, new, 0.0, (new.a,), new.s)
    A = keep / old.s
    return step(old, new, A, (new.a - A * old.a,), sigma)
