"""What a network may be trained to output, and the one rule that turns it into x0.

Every target is linear in the ends and the noise: o = p x0 + q y + r eps. At x = a x0 + b y + s eps

    x0  = (r x - s o - (r b - s q) y) / (r a - s p)
    eps = (a (o - q y) - p (x - b y)) / (a r - p s)

`PREDICTIONS` gives (p, q, r) for each name; nothing else in the package knows them. Where r a = s p
the output says nothing of x0 (eps at pure noise) and the estimate falls back on y. Two outputs with
different targets also fix y (`to_ends`): RDDM's residual and noise, an interpolant's drift and
score. "balanced" is the velocity of the angle frame, F = sin(psi) (x0 - c)/sigma_d - cos(psi) eps
with psi = atan2(s, a sigma_d): of unit variance and never singular (Salimans and Ho 2022 for VP).
"""

from collections.abc import Callable, Sequence

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


def _score(process: Process, t: Tensor, sigma_d: float) -> Weights:
    return torch.zeros_like(t), torch.zeros_like(t), -1 / process.s(t).clamp(min=1e-12)


def _displacement(process: Process, t: Tensor, sigma_d: float) -> Weights:
    return process.a(t) - 1, process.b(t), process.s(t)  # x_t - x0, BBDM's "grad"


def _scaled_displacement(process: Process, t: Tensor, sigma_d: float) -> Weights:
    p, q, r = _displacement(process, t, sigma_d)  # the label of I2SB
    scale = process.forward_std(t)
    return p / scale, q / scale, r / scale


def _resnoise(process: Process, t: Tensor, sigma_d: float) -> Weights:
    # eps + k (y - x0), k = (1 - sqrt(alpha)) s / (1 - alpha), Resfusion Eq. (10)
    k = process.s(t) / (1 + process.last_multiplier(t))
    return -k, k, torch.ones_like(k)


def _state_matching(process: Process, t: Tensor, sigma_d: float) -> Weights:
    # What IR-SDE's loss makes of eps: its Euler step over q = theta dt stands for the exact one,
    # (sinh q / q) eps - k (x - y), k = (1 - a^2)/(2 s) (e^q - 1 - q)/q. Eps itself where q = 0.
    a, b, s = process.a(t), process.b(t), process.s(t)
    q = -torch.log(process.last_multiplier(t))
    small = q.abs() < 1e-4
    safe = torch.where(small, 1.0, q)
    k = (
        (1 - a**2)
        / (2 * s.clamp(min=1e-12))
        * torch.where(small, q / 2, (torch.expm1(safe) - safe) / safe)
    )
    gain = torch.where(small, 1 + q**2 / 6, torch.sinh(safe) / safe)
    return -k * a, k * (1 - b), gain - k * s


def _velocity(process: Process, t: Tensor, sigma_d: float) -> Weights:
    one = torch.ones_like(t)
    slopes = [torch.func.jvp(f, (t,), (one,))[1] for f in (process.a, process.b, process.s)]
    return slopes[0], slopes[1], slopes[2]


def _drift(process: Process, t: Tensor, sigma_d: float) -> Weights:
    # of the reverse SDE with the chain's own noise, as time runs to x0: (-a', -b', f s - 2 s')
    p, q, r = _velocity(process, t, sigma_d)
    slope = torch.func.jvp(process.phi, (t,), (torch.ones_like(t),))[1]
    return -p, -q, slope / process.phi(t) * process.s(t) - 2 * r


def _balanced(process: Process, t: Tensor, sigma_d: float) -> Weights:
    psi = angle(process, t, sigma_d)
    return torch.sin(psi) / sigma_d, -torch.sin(psi) / sigma_d, -torch.cos(psi)


PREDICTIONS: dict[str, Rule] = {
    "x0": _constant(1.0, 0.0, 0.0),
    "eps": _constant(0.0, 0.0, 1.0),
    "eps-scaled": _scaled_noise,
    "score": _score,
    "residual": _constant(-1.0, 1.0, 0.0),
    "residual+eps": _constant(-1.0, 1.0, 1.0),
    "displacement": _displacement,
    "displacement-scaled": _scaled_displacement,
    "resnoise": _resnoise,
    "state-matching": _state_matching,
    "velocity": _velocity,
    "drift": _drift,
    "balanced": _balanced,
}

# Targets that mix x0 and eps as the process does: such a network cannot move to another one.
OWN = (
    "displacement",
    "displacement-scaled",
    "resnoise",
    "state-matching",
    "velocity",
    "drift",
)
_EDGE = 1e-9


def weights(name: str, process: Process, t: Tensor, sigma_d: float = 1.0) -> Weights:
    """Returns (p, q, r) of a named target at t; raises InputError for an unknown name.

    Where a slope has no value at an end of time, that just inside is taken.
    """
    if name not in PREDICTIONS:
        raise InputError(
            f"prediction {name!r} is not one of {', '.join(PREDICTIONS)}"
            f"{nearest(name, PREDICTIONS)}"
        )
    found = PREDICTIONS[name](process, t, sigma_d)
    if all(bool(w.isfinite().all()) for w in found):
        return found
    inside = PREDICTIONS[name](process, t.clamp(_EDGE, 1 - _EDGE), sigma_d)
    p, q, r = (torch.where(w.isfinite(), w, v) for w, v in zip(found, inside, strict=True))
    return p, q, r


def target(pqr: Weights, x0: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    """Returns o = p x0 + q y + r eps; x0, y, noise: (b, c, *space)."""
    p, q, r = (over(w, x0) for w in pqr)
    return p * x0 + q * y + r * noise


def to_x0(pqr: Weights, abs_: Weights, o: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Returns x0 from an output o at state x; abs_ = (a, b, s) at the same time.

    Without noise (r = s = 0) x and o are two equations for x0 and y, and y is not used. Where the
    output says nothing of x0 the result is y.
    """
    p, q, r = (over(w, x) for w in pqr)
    a, b, s = (over(w, x) for w in abs_)
    unit = r * a - s * p
    known = unit != 0
    x0 = (r * x - s * o - (r * b - s * q) * y) / torch.where(known, unit, 1)
    if bool(known.all()):
        return x0
    return torch.where(known, x0, _cold_x0((p, q, r), (a, b, s), o, x, y))


def _cold_x0(pqr: Weights, abs_: Weights, o: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """x0 of a state without noise: from x and o, or if x is x0 already from o alone; else y."""
    (p, q, r), (a, b, s) = pqr, abs_
    both, alone = q * a - b * p, p != 0
    x0 = (q * x - b * o) / torch.where(both != 0, both, 1)
    x0 = torch.where(both != 0, x0, torch.where(alone, o / torch.where(alone, p, 1), y))
    return torch.where((r == 0) & (s == 0) & ((both != 0) | alone), x0, y)


def to_eps(pqr: Weights, abs_: Weights, o: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Returns eps from an output o at state x; where s = 0 = r there is no noise, and it is 0."""
    p, q, r = (over(w, x) for w in pqr)
    a, b, s = (over(w, x) for w in abs_)
    unit = a * r - p * s
    known = unit != 0
    eps = (a * (o - q * y) - p * (x - b * y)) / torch.where(known, unit, 1)
    return torch.where(known, eps, torch.where(r != 0, (o - q * y) / torch.where(r != 0, r, 1), 0))


def to_ends(
    pqrs: Sequence[Weights], abs_: Weights, outputs: Sequence[Tensor], x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns (x0, y, eps) from two outputs at state x: three linear equations, three unknowns.

    Raises InputError if the two targets and the state do not fix the ends, as for two targets
    that are the same.
    """
    rows = [tuple(over(w, x) for w in row) for row in (abs_, *pqrs)]
    right = (x, *outputs)
    unit = _determinant(rows)
    if bool((unit == 0).any()):
        raise InputError("these two outputs do not fix both ends; take residual and eps, say")
    ends = []
    for column in range(3):
        replaced = [
            tuple(right[i] if k == column else row[k] for k in range(3))
            for i, row in enumerate(rows)
        ]
        ends.append(_determinant(replaced) / unit)
    return ends[0], ends[1], ends[2]


def _determinant(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
