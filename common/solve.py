"""Any known operator, any prior: `undrift.solve` draws signals that explain a measurement.

    y = A(x) + noise,      x ~ prior        ->      samples of x given y

Conditional denoisers, solvers and samplers are those of `undrift.common.posterior`; here is the
door: what is given is checked once, what is left open is chosen and said, and the result says how
well it explains the data.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undrift.common.devices import autocast, resolve_device, resolve_dtype
from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.noise_models import NoiseModel
from undrift.common.posterior.choice import Asked, Choice, choose
from undrift.common.posterior.methods import sample
from undrift.common.posterior.priors import Prior, read_prior
from undrift.common.posterior.problem import Problem
from undrift.common.posterior.running import Counted, Run
from undrift.common.results import Restored
from undrift.common.solve_files import write_signal
from undrift.common.solve_inputs import Given, read_measurement, read_noise, read_operator
from undrift.common.wishes import counted

DEFAULT_PRIOR = "leaves-prior"
GOOD_CHI = (0.8, 1.25)  # outside of it a result says so


def solve(
    y: Any,
    operator: Any,
    prior: Any = DEFAULT_PRIOR,
    *,
    noise: float | NoiseModel | None = None,
    method: str = "auto",
    steps: int | None = None,
    solver: str | None = None,
    grid: str | None = None,
    samples: int = 1,
    seed: int = 0,
    item: str = "",
    device: str = "auto",
    dtype: str = "auto",
    budget: int | None = None,
    degraded: Any = None,
    options: Mapping[str, Any] | None = None,
) -> Restored:
    """Signals x that explain a measurement y = A(x) + noise.

    y: array or tensor shaped as the operator's output, (*shape_out), or with items before it,
    (b, *shape_out), each solved for itself; or a path (.npy, .npz, PNG, TIFF, JPEG). Values are in
    units of the prior: [0, 1] for pictures, (c, h, w).
    operator: an `Operator`, a YAML file or mapping (docs/operators.md), or two functions
    (A, adjoint) for tensors with one batch axis.
    prior: model id or weight file, a `Denoiser`, a pipeline folder of diffusers, or (function,
    process) for an exact denoiser. noise: standard deviation of y in its units (a complex value has
    it in each part), 0 if exact, or a noise model; by default the description's.
    method: "auto" or a name of `undrift.common.posterior.methods.METHODS`; options: its fields.
    steps, solver, grid: of sampling; budget: network calls at most, in all. samples: how many, with
    their mean as `.value` and their deviation as `.std`. degraded: the y of a bridge prior, shaped
    like x. seed, item: of the noise. device, dtype: of the network.

    Returns a `Restored` of the kind of y; `.residual` is y - A(value), `.info` has method, why,
    solver, grid, steps, nfe (network calls) and products (backward calls), seconds, chi (1: the
    data are explained to within their noise), chi_samples, and warnings.
    Raises InputError for measurements, operators, noise and priors that do not fit one another;
    UsageError for unknown names, numbers that cannot be, and a missing noise.
    """
    began = time.monotonic()
    counted("seed", seed, 0)
    for name, value in (("samples", samples), ("steps", steps), ("budget", budget)):
        if value is not None:
            counted(name, value)
    device = resolve_device(device)
    given = read_measurement(y)
    model = read_operator(operator, given.y)
    known = read_noise(noise, model.noise)
    trained = read_prior(prior, device).for_signals(model.operator.shape_in)
    asked = Asked(method, solver, grid, steps, samples, budget, dict(options or {}))
    beside = None if degraded is None else read_measurement(degraded).y
    setting = _Setting(asked, seed, item or given.item, device, resolve_dtype(dtype, device))
    parts = _items(given.y, model.operator.shape_out)
    outcomes = []
    for k, part in enumerate(parts):
        y_own = None if beside is None else _items(beside, model.operator.shape_in)[k][None]
        problem = Problem(trained, model.operator, part[None], known, y_own)
        problem = problem.to(device, _precision(trained, given.y))
        key = f"{setting.item}/{k}" if len(parts) > 1 else setting.item
        outcomes.append(_run(problem, setting, key))
    batched = given.y.ndim > len(model.operator.shape_out)
    return _restored(given, outcomes, setting, batched, time.monotonic() - began)


@dataclass(frozen=True)
class _Setting:
    """What all items of a call share."""

    asked: Asked
    seed: int
    item: str
    device: str
    dtype: torch.dtype


@dataclass(frozen=True, eq=False)
class _Outcome:
    """Of one item: samples (k, c, *space), residual (*shape_out) of their mean, chi (k,)."""

    problem: Problem
    choice: Choice
    samples: Tensor
    residual: Tensor
    chi: Tensor | None
    forward: int
    backward: int


def _run(problem: Problem, setting: _Setting, key: str) -> _Outcome:
    choice = choose(problem, setting.asked)
    counter = Counted(problem.prior.denoise)
    drawn = []
    with torch.no_grad(), autocast(setting.device, setting.dtype):
        for number in range(setting.asked.samples):
            noise = Noise(setting.seed, key, number)
            run = Run(
                problem, counter, choice.solver, choice.grid, choice.steps, noise, choice.options
            )
            drawn.append(sample(choice.method, run))
        samples = torch.cat(drawn)
        _check_differ(samples, choice)
        residual = problem.residual(samples.mean(0, keepdim=True))[0]
        chi = None if problem.exact else problem.chi(samples)
    return _Outcome(problem, choice, samples, residual, chi, counter.forward, counter.backward)


def _check_differ(samples: Tensor, choice: Choice) -> None:
    if not bool(torch.isfinite(samples).all()):
        raise InputError(
            f"{choice.name} with {choice.steps} steps of {choice.solver} diverged: the result is "
            "not finite; take more steps, a smaller weight, or method='auto'"
        )


def _items(y: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(b, *shape); what does not fit is left for the operator to refuse."""
    return y if y.ndim == len(shape) + 1 else y[None]


def _precision(prior: Prior, y: Tensor) -> torch.dtype:
    """float32 for networks; that of the measurement for exact denoisers."""
    if prior.network is not None:
        return next((p.dtype for p in prior.network.parameters()), torch.float32)
    return y.dtype.to_real() if y.is_complex() else y.dtype


def _restored(
    given: Given, outcomes: list[_Outcome], setting: _Setting, batched: bool, seconds: float
) -> Restored:
    first, several = outcomes[0], setting.asked.samples > 1
    joined = torch.stack([one.samples for one in outcomes], 1)  # (k, b, c, *space)
    residual = torch.stack([one.residual for one in outcomes])
    if not batched:
        joined, residual = joined[:, 0], residual[0]
    return Restored(
        value=given.back(joined.mean(0)),
        std=given.back(joined.std(0)) if several else None,
        samples=tuple(given.back(one) for one in joined) if several else (),
        residual=given.back(residual),
        info={**_choice_of(first), **_fit_of(outcomes), **_setting_of(setting, seconds)},
        writer=write_signal,
    )


def _choice_of(one: _Outcome) -> dict[str, Any]:
    import undrift

    choice, problem = one.choice, one.problem
    return {
        "task": "solve",
        "undrift": undrift.__version__,
        "torch": torch.__version__,
        "model": problem.prior.name,
        "weights": problem.prior.sha256,
        "operator": repr(problem.operator),
        "noise": repr(problem.noise),
        "method": choice.name,
        "why": choice.why,
        "options": {k: v for k, v in choice.options.items() if not callable(v)},
        "solver": choice.solver,
        "grid": choice.grid,
        "steps": choice.steps,
    }


def _fit_of(outcomes: list[_Outcome]) -> dict[str, Any]:
    """Calls, misfit and warnings."""
    chis = [c for one in outcomes if one.chi is not None for c in one.chi.tolist()]
    chi = (sum(c**2 for c in chis) / len(chis)) ** 0.5 if chis else None
    rms = torch.stack([one.residual.abs().square().mean() for one in outcomes]).mean().sqrt()
    return {
        "nfe": sum(one.forward for one in outcomes),
        "products": sum(one.backward for one in outcomes),
        "chi": None if chi is None else round(chi, 4),
        "chi_samples": tuple(round(c, 4) for c in chis),
        "residual_rms": float(rms),
        "warnings": [] if chi is None or GOOD_CHI[0] <= chi <= GOOD_CHI[1] else [_misfit(chi)],
    }


def _misfit(chi: float) -> str:
    """What a chi outside of `GOOD_CHI` means."""
    if chi < GOOD_CHI[0]:
        return (
            f"chi is {chi:.3g}, below {GOOD_CHI[0]:g}: the result follows the measurement more "
            "closely than its noise allows; is the noise less than stated?"
        )
    return (
        f"chi is {chi:.3g}, above {GOOD_CHI[1]:g}: the result does not explain the measurement; "
        "are operator and noise those of the data? take more steps or another method"
    )


def _setting_of(setting: _Setting, seconds: float) -> dict[str, Any]:
    return {
        "samples": setting.asked.samples,
        "seed": setting.seed,
        "item": setting.item,
        "device": setting.device,
        "dtype": str(setting.dtype).removeprefix("torch."),
        "seconds": round(seconds, 3),
    }
