"""The one integral behind every multistep solver: a polynomial against the exponential measure.

Between two nodes the exact solution for the centred state z = x - b y is, w = a/s, rho = s/a,

    data:  z1 = (s1/s0) e^{-eta h} z0 + s1 w1^{-eta} int D d(w^{1+eta})   + noise
    noise: z1 = (a1/a0) z0            + (1 + eta) a1 int eps d(rho)       + noise

(Lu et al. 2022, Eqs. (3.4) and (9), for every path). The unknown D or eps is replaced by the
polynomial through known values in a variable tau; what multiplies value j is C_j, the integral of
its Lagrange polynomial. tau = lambda = ln w (or log rho, the same): closed form, the steps of
DPM-Solver, UniPC and MRS. tau = t, rho, w or the angle: integrated by parts, so that no measure is
differentiated: DEIS (Zhang and Chen 2023, Eq. (15)).
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from undrift.common.errors import UsageError, nearest
from undrift.common.processes.process import Process
from undrift.common.solvers.plan import Node

VARIABLES = ("lambda", "t", "rho", "w", "angle", "cosine")
FORMS = ("data", "noise")
_SERIES = 2.0  # below this the moments of the exponential are summed, above it recursed


@dataclass(frozen=True)
class Rule:
    """form: "data" or "noise". variable: of the polynomial. eta: noise rate. sigma_d: of the angle.

    Raises UsageError for other names.
    """

    form: str = "data"
    variable: str = "lambda"
    eta: float = 0.0
    sigma_d: float = 0.3

    def __post_init__(self) -> None:
        for name, known in ((self.form, FORMS), (self.variable, VARIABLES)):
            if name not in known:
                raise UsageError(f"{name!r} is not one of {'|'.join(known)}{nearest(name, known)}")

    def place(self, node: Node) -> float:
        """tau at a node; infinite where the variable has no value."""
        if self.variable == "lambda":
            return node.lam
        if self.variable == "t":
            return node.t
        if self.variable in ("angle", "cosine"):
            psi = math.pi / 2 if node.a <= 0 else math.atan2(node.s, node.a * self.sigma_d)
            return psi if self.variable == "angle" else math.cos(psi)
        if self.variable == "rho":
            return math.inf if node.a <= 0 else node.s / node.a
        return math.exp(node.lam) if node.lam < math.inf else math.inf

    def usable(self, node: Node) -> bool:
        """Whether a value at this node can carry a polynomial."""
        return math.isfinite(self.place(node)) and (self.form == "data" or node.s > 0)

    def keep(self, old: Node, new: Node) -> float:
        """What multiplies the state z0: 0 where all of it is forgotten."""
        if self.form == "noise":
            return new.a / old.a
        h = new.lam - old.lam
        return new.s / old.s * math.exp(-self.eta * h) if self.eta else new.s / old.s

    def sigma(self, old: Node, new: Node) -> float:
        """Noise drawn in the step."""
        h = new.lam - old.lam
        if self.form == "data":
            return new.s * math.sqrt(max(0.0, -math.expm1(-2 * self.eta * h)))
        return new.s * math.sqrt(max(0.0, self.eta * math.expm1(2 * h))) if self.eta else 0.0


def weights(
    rule: Rule,
    process: Process,
    known: Sequence[Node],
    old: Node,
    new: Node,
    bend: Callable[[list[float]], list[float]] | None = None,
) -> list[float]:
    """C_j for values at the nodes `known`, in their order, over the step from `old` to `new`.

    known may hold `new` itself (a corrector) or nodes between (single-step methods). bend: changes
    the moments of 1, x, x^2, ... before they meet the polynomials, x = 0 at old and 1 at new.
    """
    first, last = rule.place(old), rule.place(new)
    if not math.isfinite(first):
        places = [0.0] * len(known)  # a start at minus infinity: only a constant is left
    elif first == last:
        return [0.0] * len(known)
    else:
        places = [(rule.place(node) - first) / (last - first) for node in known]
    moments = _moments(rule, process, old, new, len(known))
    if bend is not None:
        moments = bend(moments)
    return [math.fsum(c * m for c, m in zip(row, moments, strict=True)) for row in lagrange(places)]


def lagrange(places: Sequence[float]) -> list[list[float]]:
    """Coefficients of 1, x, x^2, ... in each Lagrange polynomial of these places."""
    rows = []
    for j, own in enumerate(places):
        row = [1.0]
        for i, other in enumerate(places):
            if i != j:
                up, scale = [0.0, *row], own - other
                row = [(u - other * v) / scale for u, v in zip(up, [*row, 0.0], strict=True)]
        rows.append(row)
    return rows


def _moments(rule: Rule, process: Process, old: Node, new: Node, count: int) -> list[float]:
    """a1 int x^k d(w/w1)^{1+eta}, or (1 + eta) a1 int x^k d(rho)."""
    if rule.form == "data" and new.s <= 0:
        return [new.a] * count  # all of the measure sits at the clean end
    h = new.lam - old.lam
    if rule.variable == "lambda" or (math.isinf(h) and count == 1):
        if rule.form == "data":
            return [new.a * m for m in exponential_moments((1 + rule.eta) * h, count)]
        if math.isinf(h):
            return [-(1 + rule.eta) * new.a * old.s / old.a]
        return [(1 + rule.eta) * new.s * m for m in exponential_moments(-h, count)]
    x, share = _quadrature()
    gain, measure = _measure(rule, process, old, new, x)
    begin, end = _ends(rule, old, new)
    parts = [float(share @ (k * x ** (k - 1) * measure)) if k else 0.0 for k in range(count)]
    return [gain * (end - (begin if k == 0 else 0.0) - part) for k, part in enumerate(parts)]


def exponential_moments(total: float, count: int) -> list[float]:
    """int_0^1 x^k H e^{-H (1 - x)} dx for k < count; H of either sign, also infinite.

    >>> [round(m, 6) for m in exponential_moments(1.0, 2)]
    [0.632121, 0.367879]
    """
    if math.isinf(total):
        return [1.0] * count
    if abs(total) < _SERIES:
        return [_series(total, k) for k in range(count)]
    found = [-math.expm1(-total)]
    for k in range(1, count):
        found.append(1 - k / total * found[-1])
    return found


def _series(total: float, k: int) -> float:
    """H k! sum_m (-H)^m / (m + k + 1)!"""
    term = total / (k + 1)
    value = term
    for m in range(1, 30):
        term *= -total / (m + k + 1)
        value += term
    return value


def _ends(rule: Rule, old: Node, new: Node) -> tuple[float, float]:
    """The measure function at both ends of the step."""
    if rule.form == "data":
        return math.exp(-(1 + rule.eta) * (new.lam - old.lam)), 1.0
    return 1.0, (new.s / new.a) / (old.s / old.a)


def _measure(
    rule: Rule, process: Process, old: Node, new: Node, x: np.ndarray
) -> tuple[float, np.ndarray]:
    """Its gain and values at x in (0, 1): (w/w1)^{1+eta} or rho/rho0."""
    first, last = rule.place(old), rule.place(new)
    tau = first + x * (last - first)
    if rule.variable == "t":
        time = torch.from_numpy(tau)
        rho = (process.s(time) / process.a(time)).numpy()
    elif rule.variable == "angle":
        rho = np.tan(tau) * rule.sigma_d
    elif rule.variable == "cosine":
        rho = np.sqrt(1 - tau**2) / tau * rule.sigma_d
    else:
        rho = tau if rule.variable == "rho" else 1 / tau
    if rule.form == "data":
        return new.a, (new.s / new.a / rho) ** (1 + rule.eta)
    return (1 + rule.eta) * new.a * old.s / old.a, rho / (old.s / old.a)


@functools.cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre on panels that shrink twofold towards both ends, where measures pile up."""
    halves = 0.5 ** np.arange(1, 25)
    edges = np.concatenate([[0.0], halves[::-1], 1 - halves[1:], [1.0]])
    node, share = np.polynomial.legendre.leggauss(10)
    width = np.diff(edges)[:, None]
    x = edges[:-1, None] + width * (node + 1) / 2
    return x.ravel(), (width * share / 2).ravel()
