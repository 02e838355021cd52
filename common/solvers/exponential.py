"""Multistep exponential integrators of order 1 to 3 (DPM-Solver++ and its SDE form, any process).

With h = lambda1 - lambda0, H = (1 + eta) h and a polynomial through past values in lambda:

    data:  z1 = (s1/s0) e^{-eta h} z0 + a1 (E0 D + E1 D' + E2 D'') + s1 sqrt(1 - e^{-2 eta h}) xi
    noise: z1 = (a1/a0) z0 - (1 + eta) s1 (N0 e + N1 e' + N2 e'') + s1 sqrt(eta (e^{2h} - 1)) xi

E0 = 1 - e^{-H}, E1 = 1 - E0/H, E2 = 1/2 - E1/H; N0 = e^h - 1, N1 = N0/h - 1, N2 = N1/h - 1/2
(Lu et al. 2022; k-diffusion's eta: a constant noise rate in lambda). The published third order
lacks a factor 2 in D'' and is of order 2; `published_third` keeps it so, for comparison.
Order 3 also needs a first step of order 2, which costs one extra call in the middle of that step.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from undrift.common.errors import UsageError
from undrift.common.processes.process import Process, time_of_angle
from undrift.common.solvers.plan import Node, Step, first_order, nodes, step

_FEW = 15  # with fewer steps than this the order is lowered towards the end


@dataclass(frozen=True)
class Exponential:
    """order: 1 to 3. eta: noise rate, exponential convention. form: "data" or "noise".

    rule: "midpoint" or "taylor", how order 2 uses the slope. lower_final: in runs of fewer than 15
    steps, lower the order in the last steps and start at order 1 without the extra call.
    Raises UsageError for other values.
    """

    order: int = 2
    eta: float = 0.0
    form: str = "data"
    rule: str = "midpoint"
    lower_final: bool = True
    published_third: bool = False

    def __post_init__(self) -> None:
        if self.order not in (1, 2, 3):
            raise UsageError(f"order is {self.order}; expected 1, 2 or 3")
        if self.form not in ("data", "noise") or self.rule not in ("midpoint", "taylor"):
            raise UsageError(
                f"form {self.form!r}, rule {self.rule!r}; expected data|noise, midpoint|taylor"
            )

    def plan(self, process: Process, times: Sequence[float]) -> list[Step]:
        grid = nodes(process, times)
        last = len(grid) - 2
        few = self.lower_final and last + 1 < _FEW
        steps = []
        if self.order == 3 and not few and self._regular(grid[0], grid[1]):
            steps = self._first_step(process, grid[0], grid[1])
        for k in range(1 if steps else 0, last + 1):
            order = min(self.order, k + 1, last - k + 1 if few else self.order)
            taken = self._step(grid, k, order)
            steps.append(_skip(taken, k) if len(steps) > k else taken)
        return steps

    def _regular(self, old: Node, new: Node) -> bool:
        return self.eta == 0 and not self.published_third and math.isfinite(new.lam - old.lam)

    def _first_step(self, process: Process, old: Node, new: Node) -> list[Step]:
        """Two calls, order 2: to the middle in lambda, then over the whole step (2S)."""
        angle = torch.tensor(math.atan(math.exp(-(old.lam + new.lam) / 2)), dtype=torch.float64)
        middle, _ = nodes(process, [float(time_of_angle(process, angle, 1.0)), new.t])
        half = replace(self, order=1)._step([old, middle], 0, 1)
        slopes = [[0.0, 1.0], [2.0, -2.0]]  # value at the start; slope from the middle
        whole = replace(self, order=2, rule="taylor")
        return [half, whole._over(old, middle, new, slopes)]

    def _step(self, grid: list[Node], k: int, order: int) -> Step:
        old, new = grid[k], grid[k + 1]
        if new.s <= 0 or math.isinf(old.lam):
            return self._end(old, new)
        h = new.lam - old.lam
        while order > 1 and math.isinf(grid[k - order + 1].lam):
            order -= 1  # a singular start in the history carries no slope in lambda
        ratios = [(grid[k - j].lam - grid[k - j - 1].lam) / h for j in range(order - 1)]
        slopes = self._derivatives(ratios)
        if self.form == "data":
            return self._data(old, new, h, slopes)
        return self._noise(grid[k - order + 1 : k + 2], h, slopes)

    def _end(self, old: Node, new: Node) -> Step:
        if new.s <= 0 or old.s <= 0 or self.eta == 0:
            return first_order(old, new, new.s, 0.0)
        return first_order(old, new, 0.0, new.s)  # a0 = 0: lambda0 = -inf, all noise is redrawn

    def _derivatives(self, ratios: list[float]) -> list[list[float]]:
        """Weights of the past values, newest first, in the value, h D' and h^2 D''."""
        if not ratios:
            return [[1.0]]
        if len(ratios) == 1:
            return [[1.0, 0.0], [1 / ratios[0], -1 / ratios[0]]]
        r0, r1 = ratios
        d10, d11 = [1 / r0, -1 / r0, 0.0], [0.0, 1 / r1, -1 / r1]
        second = [(u - v) / (r0 + r1) for u, v in zip(d10, d11, strict=True)]
        first = [u + r0 * v for u, v in zip(d10, second, strict=True)]
        factor = 1.0 if self.published_third else 2.0
        return [[1.0, 0.0, 0.0], first, [factor * v for v in second]]

    def _mix(self, weights: Sequence[float], slopes: list[list[float]]) -> list[float]:
        if self.rule == "midpoint" and len(slopes) == 2:
            weights = (weights[0], weights[0] / 2)
        columns = zip(*slopes, strict=True)
        return [sum(w * v for w, v in zip(weights, column, strict=False)) for column in columns]

    def _over(self, old: Node, middle: Node, new: Node, slopes: list[list[float]]) -> Step:
        """A step from `old` to `new` that begins when the newest state is at `middle`."""
        h = new.lam - old.lam
        if self.form == "data":
            full = self._data(old, new, h, slopes)
            return Step(middle.t, (0.0, *full.A), full.B, full.C)
        n0 = math.expm1(h)
        gains = [-new.s * w for w in self._mix((n0, n0 / h - 1), slopes)]
        A = [gains[0] / middle.s, gains[1] / old.s + new.a / old.a]
        B = (-gains[0] * middle.a / middle.s, -gains[1] * old.a / old.s)
        return Step(middle.t, tuple(A), B, new.b - A[0] * middle.b - A[1] * old.b)

    def _data(self, old: Node, new: Node, h: float, slopes: list[list[float]]) -> Step:
        total = (1 + self.eta) * h
        e0 = -math.expm1(-total)
        e1 = 1 - e0 / total
        weights = (e0, e1, 0.5 - e1 / total)
        B = [new.a * w for w in self._mix(weights, slopes)]
        sigma = new.s * math.sqrt(-math.expm1(-2 * self.eta * h))
        return step(old, new, new.s / old.s * math.exp(-self.eta * h), B, sigma)

    def _noise(self, past: list[Node], h: float, slopes: list[list[float]]) -> Step:
        """The same in past noises e_j = (z_j - a_j D_j)/s_j, written with states and estimates."""
        *history, new = past
        history = history[::-1]
        n0 = math.expm1(h)
        n1 = n0 / h - 1
        mixed = self._mix((n0, n1, n1 / h - 0.5), slopes)
        gains = [-(1 + self.eta) * new.s * w for w in mixed]
        A = [gain / node.s for gain, node in zip(gains, history, strict=True)]
        B = [-gain * node.a / node.s for gain, node in zip(gains, history, strict=True)]
        A[0] += new.a / history[0].a
        C = new.b - sum(w * node.b for w, node in zip(A, history, strict=True))
        sigma = new.s * math.sqrt(self.eta * math.expm1(2 * h))
        return Step(history[0].t, tuple(A), tuple(B), C, sigma)


def _skip(step: Step, place: int) -> Step:
    """The same step where the history holds one more entry, the extra call, at `place`."""

    def padded(weights: tuple[float, ...]) -> tuple[float, ...]:
        return weights if len(weights) <= place else (*weights[:place], 0.0, *weights[place:])

    return Step(step.t, padded(step.A), padded(step.B), step.C, step.sigma)
