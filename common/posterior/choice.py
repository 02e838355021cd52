"""What `method="auto"` does: method, solver, grid and steps from operator, noise, prior and budget.

Networks of ordinary size know the clean signal well and its covariance badly, so that a trained
prior gets the covariance of a stationary field; an exact prior gets moment matching, which is then
exact too. Both are conditional denoisers; the second order multistep solver runs moment matching,
the noisy one of first order the field, which forgets its errors. Where one value is asked for, that
noise is drawn smaller: the value is then nearer to the posterior mean than a sample is. One value
of a blur, which hides little of any frequency, is found by half-quadratic splitting. These choices
were made on validation photographs (docs/posterior_comparison.md). Behind a decoder, whose Jacobian
is too dear to solve systems with, a method of plain gradients runs. Whatever is named wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from undrift.common.errors import UsageError
from undrift.common.operators.blur import Blur
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.noise_models import Gaussian
from undrift.common.posterior.methods import METHODS, Method, find_method
from undrift.common.posterior.problem import Problem

_MOST = 2.0  # of PiGDM's derivative, where it is that of a trained network; from validation


@dataclass(frozen=True)
class Asked:
    """What a caller named; None and "auto" leave the choice open. budget: calls in all."""

    method: str = "auto"
    solver: str | None = None
    grid: str | None = None
    steps: int | None = None
    samples: int = 1
    budget: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """A method with everything settled, and why it was taken."""

    name: str
    method: Method
    why: str
    solver: str
    grid: str
    steps: int
    options: Mapping[str, Any]
    temperature: float = 1.0


def choose(problem: Problem, asked: Asked) -> Choice:
    """Settles what was left open.

    Raises UsageError for unknown names and a budget that allows no step, InputError for a method
    that the operator or the noise is not for.
    """
    name, why = asked.method, "named by the caller"
    if name == "auto":
        name, why = _automatic(problem, asked)
    method = find_method(name)
    method.check(name, problem)
    options = method.checked(name, asked.options)
    if name == "stationary" and problem.prior.spectrum is not None:
        options = {"spectrum": problem.prior.spectrum, **options}
    if name == "pigdm" and problem.prior.spectrum is not None:
        options = {"most": _MOST, **options}
    if asked.solver is not None and not method.any_solver:
        raise UsageError(f"{name} has a law of its own; it takes no solver, got {asked.solver!r}")
    several = method.several if asked.samples > 1 else ""
    solver = asked.solver or several or method.solver
    alone = asked.samples == 1 and asked.solver is None
    return Choice(
        name, method, why, solver, asked.grid or method.grid, _steps(name, method, asked, options),
        options, method.temperature if alone else 1.0,
    )  # fmt: skip


def _automatic(problem: Problem, asked: Asked) -> tuple[str, str]:
    operator, prior = problem.operator, problem.prior
    kind = "linear" if isinstance(operator, LinearOperator) else "non-linear"
    if prior.latent is not None:
        return _of_latents(problem, kind)
    spatial = 1 <= len(operator.shape_in) - 1 <= 3
    if prior.spectrum is not None and spatial:
        if _splits(problem, asked):
            what = "a blur" if kind == "linear" else "a non-linear operator"
            return "half-quadratic", f"{what}, a trained prior, one value: no draw is needed"
        return "stationary", f"{kind} operator, a trained prior: no derivative of the network"
    if problem.exact:
        return "pigdm", f"{kind} operator, an exact measurement"
    return "moment-matching", f"{kind} operator, a prior whose derivative is exact"


def _of_latents(problem: Problem, kind: str) -> tuple[str, str]:
    """What takes A o Dec, not linear, without solving systems with its Jacobian."""
    if not problem.exact:
        return "lgd", f"{kind} operator behind a decoder: gradients at points, no solves"
    name = "psld" if kind == "linear" else "stsl"
    return name, f"{kind} operator behind a decoder, an exact measurement"


def _splits(problem: Problem, asked: Asked) -> bool:
    """Whether one value is wanted, of a blur or what is not linear with plain noise, not how."""
    noise = problem.noise
    plain = isinstance(noise, Gaussian) and torch.as_tensor(noise.sigma).numel() == 1
    named = asked.solver is not None or asked.grid is not None or bool(asked.options)
    fit = isinstance(problem.operator, Blur) or not isinstance(problem.operator, LinearOperator)
    fit = fit and problem.degraded is None
    return fit and plain and not problem.exact and not named and asked.samples == 1


def _steps(name: str, method: Method, asked: Asked, options: Mapping[str, Any]) -> int:
    price = method.calls(options) * asked.samples
    if asked.budget is None:
        return asked.steps or method.steps
    most = asked.budget // price
    if most < 1:
        raise UsageError(
            f"budget {asked.budget}: one step of {name} takes {price} calls of the network for "
            f"{asked.samples} sample(s); raise the budget, or take another of {', '.join(METHODS)}"
        )
    if asked.steps is not None and asked.steps > most:
        raise UsageError(
            f"{asked.steps} steps of {name} take {asked.steps * price} calls, the budget is "
            f"{asked.budget}: name one of the two"
        )
    return asked.steps or most
