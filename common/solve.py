"""Any known operator, any prior: `undrift.solve` draws signals that explain a measurement.

    y = A(x) + noise,      x ~ prior        ->      samples of x given y

Conditional denoisers, solvers and samplers are those of `undrift.common.posterior`; here is the
door: what is given is checked once, what is left open is chosen and said, and the result says how
well it explains the data.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from undrift.common.devices import free_memory, resolve_device, resolve_dtype
from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.noise_models import NoiseModel
from undrift.common.posterior.choice import Asked, Choice, choose
from undrift.common.posterior.methods import sample
from undrift.common.posterior.priors import Prior, read_prior
from undrift.common.posterior.problem import Problem
from undrift.common.posterior.running import Counted, Run
from undrift.common.results import Restored
from undrift.common.solve_inputs import read_measurement, read_noise, read_operator
from undrift.common.solve_outcome import Outcome, Setting, restored
from undrift.common.wishes import counted

DEFAULT_PRIOR = "photos-prior"


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
    max_memory: int | None = None,
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
    like x. seed, item: of the noise. device, dtype: of the network. max_memory: bytes for its
    activations; where they would take more, it sees tiles (methods without its derivative).

    Returns a `Restored` of the kind of y; `.residual` is y - A(value), `.info` has method, why,
    solver, grid, steps, temperature (below 1: a single value of "auto" is drawn with less noise, so
    that it is nearer to the mean; several samples are not), nfe (network calls) and products
    (backward calls), seconds, chi (1: the data are explained to within their noise), chi_samples,
    and warnings.
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
    known, shape = read_noise(noise, model.noise), model.operator.shape_in
    base = read_prior(prior, device)
    asked = Asked(method, solver, grid, steps, samples, budget, dict(options or {}))
    memory = max_memory or free_memory(device) // 3
    kind = resolve_dtype(dtype, device)
    setting = Setting(samples, seed, item or given.item, device, kind, memory)
    parts = _items(given.y, model.operator.shape_out)
    beside = None if degraded is None else _items(read_measurement(degraded).y, shape)
    outcomes = []
    for k, part in enumerate(parts):
        own = None if beside is None else beside[k][None]
        problem = Problem(base.for_signals(shape), model.operator, part[None], known, own)
        choice = choose(problem, asked)
        if not choice.method.kind.derivative:
            problem = replace(problem, prior=base.tiled(shape, memory).for_signals(shape))
        problem = problem.to(device, _precision(base, given.y))
        key = f"{setting.item}/{k}" if len(parts) > 1 else setting.item
        outcomes.append(_run(problem, choice, setting, key))
    batched = given.y.ndim > len(model.operator.shape_out)
    return restored(given, outcomes, setting, batched, time.monotonic() - began)


def _run(problem: Problem, choice: Choice, setting: Setting, key: str) -> Outcome:
    counter = Counted(problem.prior.denoise, setting.device, setting.dtype)
    drawn = []
    with torch.no_grad():
        for number in range(setting.samples):
            noise = Noise(setting.seed, key, number)
            drawn.append(sample(choice.method, Run(
                problem, counter, choice.solver, choice.grid, choice.steps, noise, choice.options,
                choice.temperature,
            )))  # fmt: skip
    samples = torch.cat(drawn)
    _check_finite(samples, choice)
    residual = problem.residual(samples.mean(0, keepdim=True))[0]
    chi = None if problem.exact else problem.chi(samples)
    return Outcome(problem, choice, samples, residual, chi, counter.forward, counter.backward)


def _check_finite(samples: Tensor, choice: Choice) -> None:
    if not bool(torch.isfinite(samples).all()):
        raise InputError(
            f"{choice.name} with {choice.steps} steps of {choice.solver} diverged: the result is "
            "not finite; take more steps, a smaller weight, or method='auto'"
        )


def _items(y: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(b, *shape); what does not fit is left for the operator to refuse."""
    return y if y.ndim == len(shape) + 1 else y[None]


def _precision(prior: Prior, y: Tensor) -> torch.dtype:
    """Of the state: float32 for networks of less, that of the measurement for exact denoisers."""
    network = prior.autoencoder if prior.network is None else prior.network
    if network is None:
        return y.dtype.to_real() if y.is_complex() else y.dtype
    kinds = {p.dtype for p in network.parameters()}
    return torch.float64 if kinds == {torch.float64} else torch.float32
