"""Stochastic interpolants: paths, gammas, losses and integrators."""

import functools
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from parity.case import Case, load, relative, tensor, worst
from torch import Tensor

from undrift.common.predictions import target, weights
from undrift.common.processes import StochasticInterpolant
from undrift.common.processes.stochastic_interpolant import GAMMAS, PATHS
from undrift.common.solvers.fields import integrate

SOURCE = "stochastic-interpolants c9bc956"
FILE = "stochastic_interpolants"
GRID = np.linspace(0, 1, 9).tolist()
LINEAR = StochasticInterpolant()  # linear path, brownian gamma


def _drift(x: Tensor, u: float) -> Tensor:
    return torch.tanh(0.3 * x) * (1 + 0.1 * u) + 0.2


def _score(x: Tensor, u: float) -> Tensor:
    return -x / (1 + u)


def _slope(function: Callable[[Tensor], Tensor], u: Tensor) -> Tensor:
    return torch.func.jvp(function, (u,), (torch.ones_like(u),))[1]


def _gamma(name: str) -> float:
    """Without a gamma theirs is 0; ours is called zero."""
    data, process = load(FILE), StochasticInterpolant(gamma="zero" if name == "None" else name)
    u = tensor(data["t"])
    gamma, half = process.amplitude(u), process.half_slope(u)
    return max(
        relative(gamma, data[f"gamma.{name}.gamma"]),
        relative(torch.where(gamma > 0, half / gamma, gamma), data[f"gamma.{name}.gamma_dot"]),
        relative(half, data[f"gamma.{name}.gg_dot"]),
    )


def _path(name: str) -> float:
    data, process = load(FILE), StochasticInterpolant(name)
    u, key = tensor(data["t"]), f"path.{name}"
    return max(
        relative(process.alpha(u), data[f"{key}.a"]),
        relative(process.beta(u), data[f"{key}.b"]),
        worst(_slope(process.alpha, u), data[f"{key}.adot"]),  # of cosines, which cross 0
        worst(_slope(process.beta, u), data[f"{key}.bdot"]),
    )


def _sde(level: float, method: str) -> float:
    """dx = (b + eps s) du + sqrt(2 eps) dW with a free eps."""
    data = load(FILE)
    noise = tensor(data["noise"])
    found = integrate(
        lambda x, u: _drift(x, u) + level * _score(x, u), tensor(data["x0"]), GRID,
        diffusion=math.sqrt(2 * level), draw=lambda k: noise[k - 1],
        method={"em": "euler", "heun": "heun"}[method],
    )  # fmt: skip
    return worst(found[-1], data[f"sde.eps{level}.{method}.n9"])


def _reverse(method: str) -> float:
    """One step from u = .5 back, with the drift b - eps s and eps .5."""
    data = load(FILE)
    noise = tensor(data["noise"])
    _, found = integrate(
        lambda x, u: _drift(x, u) - 0.5 * _score(x, u), tensor(data["x0"]), [0.5, 0.375],
        diffusion=1.0, draw=lambda k: noise[k - 1], method=method,
    )  # fmt: skip
    name = "step_reverse" if method == "euler" else "step_reverse_heun"
    return worst(found, data[f"sde.{name}.t0.5"])


def _flow(method: str, count: int) -> float:
    data = load(FILE)
    times = np.linspace(0, 1, count).tolist()
    found = integrate(_drift, tensor(data["x0"]), times, method=method)
    return worst(found, data[f"pflow.{method}.n{count}"])


def _loss(name: str) -> float:
    """Their losses are |f|^2/2 - f target; b and s are summed over both signs of z.

    Our targets are those of time from the data, hence the signs: b = -velocity, eta = -eps.
    """
    data, u = load(FILE), 0.3
    y, x0, z = (tensor(data[key]).flatten(0, -2)[:1] for key in ("x0", "x1", "noise"))
    t = torch.tensor(1 - u, dtype=torch.float64)
    still = StochasticInterpolant(gamma="zero")  # v is the drift of the path without its noise
    ours, process = {
        "b": ("velocity", LINEAR),
        "s": ("score", LINEAR),
        "eta": ("eps", LINEAR),
        "v": ("velocity", still),
    }[name]
    net = {"b": _drift, "s": _score, "eta": _score, "v": _drift}[name]
    sign = 1.0 if name == "s" else -1.0
    pqr, total = weights(ours, process, t), torch.zeros((), dtype=torch.float64)
    for draw in (z, -z) if name in ("b", "s") else (z,):
        x = LINEAR.a(t) * x0 + LINEAR.b(t) * y + LINEAR.s(t) * draw
        out, aim = net(x, u), sign * target(pqr, x0, y, draw)
        total = total + (out**2).sum() / 2 - (aim * out).sum()
    theirs = data[f"loss.{name}.t0.3"]
    return relative(total.reshape(theirs.shape), theirs)


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, error: functools.partial[float]) -> Case:
        source = f"{SOURCE} {function}"
        return Case(f"interpolant {name}", source, 1e-9, error, "stochastic-interpolant")

    for name in (*GAMMAS, "None"):
        yield case(f"gamma {name}", "make_gamma", functools.partial(_gamma, name))
    for name in PATHS:
        yield case(f"path {name}", "make_It", functools.partial(_path, name))
    for level in (0.0, 0.5):
        for method in ("em", "heun"):
            error = functools.partial(_sde, level, method)
            yield case(f"SDE eps {level} {method}", "rollout_forward", error)
    for method in ("euler", "heun"):
        yield case(f"one step back {method}", "step_reverse", functools.partial(_reverse, method))
    for method, count in (("euler", 9), ("rk4", 5)):
        error = functools.partial(_flow, method, count)
        yield case(f"flow {method}", "PFlowIntegrator.rollout", error)
    for name in ("b", "s", "eta", "v"):
        yield case(f"loss {name}", f"loss_per_sample_{name}", functools.partial(_loss, name))
