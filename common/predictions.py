"""What a network may be trained to output, and the one rule that turns it into x0.

Every target is linear in the ends and the noise: o = p x0 + q y + r eps. At x = a x0 + b y + s eps

    x0  = (r x - s o - (r b - s q) y) / (r a - s p)
    eps = (a (o - q y) - p (x - b y)) / (a r - p s)

`PREDICTIONS` gives (p, q, r) for each name; nothing else in the package knows them. "balanced" is
the velocity of the angle frame, F = sin(psi) (x0 - c)/sigma_d - cos(psi) eps with psi = atan2(s, a
sigma_d): it has unit variance at all times and is never singular (Salimans and Ho 2022 for VP).
"""

from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.processes.process import Process, angle, over

Weights = tuple[Tensor, Tensor, Tensor]
Rule = Callable[[Process, Tensor, float], Weights]


def _constant(p: float, q: float, r: float) -> Rule:
    def rule(process: Process, t: Tensor, sigma_d: float) -> Weights:
        one = torch.ones_like(t)
        return p * one, q * one, r * one

    return rule


def _scaled_noise(process: Process, t: Tensor, sigma_d: float) -> Weights:
    return torch.zeros_like(t), torch.zeros_like(t), process.s(t)


def _displacement(process: Process, t: Tensor, sigma_d: float) -> Weights:
    return process.a(t) - 1, process.b(t), process.s(t)  # x_t - x0, BBDM's "grad"


def _velocity(process: Process, t: Tensor, sigma_d: float) -> Weights:
    one = torch.ones_like(t)
    slopes = [torch.func.jvp(f, (t,), (one,))[1] for f in (process.a, process.b, process.s)]
    return slopes[0], slopes[1], slopes[2]


def _balanced(process: Process, t: Tensor, sigma_d: float) -> Weights:
    psi = angle(process, t, sigma_d)
    return torch.sin(psi) / sigma_d, -torch.sin(psi) / sigma_d, -torch.cos(psi)


PREDICTIONS: dict[str, Rule] = {
    "x0": _constant(1.0, 0.0, 0.0),
    "eps": _constant(0.0, 0.0, 1.0),
    "eps-scaled": _scaled_noise,
    "residual": _constant(-1.0, 1.0, 0.0),
    "displacement": _displacement,
    "velocity": _velocity,
    "balanced": _balanced,
}


def weights(name: str, process: Process, t: Tensor, sigma_d: float = 1.0) -> Weights:
    """Returns (p, q, r) of a named target at t; raises InputError for an unknown name."""
    if name not in PREDICTIONS:
        raise InputError(
            f"prediction {name!r} is not one of {', '.join(PREDICTIONS)}"
            f"{nearest(name, PREDICTIONS)}"
        )
    return PREDICTIONS[name](process, t, sigma_d)


def target(pqr: Weights, x0: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    """Returns o = p x0 + q y + r eps; x0, y, noise: (b, c, *space)."""
    p, q, r = (over(w, x0) for w in pqr)
    return p * x0 + q * y + r * noise


def to_x0(pqr: Weights, abs_: Weights, o: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Returns x0 from an output o at state x; abs_ = (a, b, s) at the same time."""
    p, q, r = (over(w, x) for w in pqr)
    a, b, s = (over(w, x) for w in abs_)
    return (r * x - s * o - (r * b - s * q) * y) / (r * a - s * p)


def to_eps(pqr: Weights, abs_: Weights, o: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Returns eps from an output o at state x; finite wherever `to_x0` is."""
    p, q, r = (over(w, x) for w in pqr)
    a, b, _ = (over(w, x) for w in abs_)
    return (a * (o - q * y) - p * (x - b * y)) / (over(abs_[0], x) * r - p * over(abs_[2], x))
