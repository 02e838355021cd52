"""Schedulers of diffusers on the exact problems: their own classes, called as they ask for it.

A variance preserving process of 1000 betas, and straight-line flow. At every call the denoiser is
told the noise level that the scheduler itself works with, also between its integer steps.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch import Tensor

from undrift.common.exact import abs_at
from undrift.common.papers.exact_problems import Trial
from undrift.common.processes.variance_preserving import discrete

BETAS = np.linspace(1e-4, 2e-2, 1000)
VP = discrete(BETAS.tolist())
Run = Callable[[int, Trial], Tensor]  # calls, trial -> samples; ValueError: not with so many

TRAILING = {"timestep_spacing": "trailing"}
_MULTI = "DPMSolverMultistepScheduler"
NOISE_TO_DATA: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("DDIM, leading (its default)", "DDIMScheduler", {"clip_sample": False}),
    ("DDIM, trailing", "DDIMScheduler", {"clip_sample": False, **TRAILING}),
    ("PNDM (PLMS start), leading", "PNDMScheduler", {"skip_prk_steps": True}),
    ("PNDM (PLMS start), trailing", "PNDMScheduler", {"skip_prk_steps": True, **TRAILING}),
    ("iPNDM", "IPNDMScheduler", {}),
    ("Euler (its default)", "EulerDiscreteScheduler", {}),
    ("Euler, trailing", "EulerDiscreteScheduler", TRAILING),
    ("Euler, Karras", "EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    ("Euler ancestral, trailing", "EulerAncestralDiscreteScheduler", TRAILING),
    ("Heun (its default)", "HeunDiscreteScheduler", {}),
    ("Heun, Karras", "HeunDiscreteScheduler", {"use_karras_sigmas": True}),
    ("DPM-Solver++ 2M (its default)", _MULTI, {}),
    ("DPM-Solver++ 2M, trailing", _MULTI, TRAILING),
    ("DPM-Solver++ 2M, Karras", _MULTI, {"use_karras_sigmas": True}),
    ("DPM-Solver++ 2M, lambda", _MULTI, {"use_lu_lambdas": True}),
    ("DPM-Solver++ 3M", _MULTI, {"solver_order": 3}),
    ("DPM-Solver++ 3M, Karras", _MULTI, {"solver_order": 3, "use_karras_sigmas": True}),
    ("DPM-Solver++ 3M, lambda", _MULTI, {"solver_order": 3, "use_lu_lambdas": True}),
    ("SDE-DPM-Solver++ 2M, Karras", _MULTI,
     {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True}),
    ("SDE-DPM-Solver++ 2M, lambda", _MULTI,
     {"algorithm_type": "sde-dpmsolver++", "use_lu_lambdas": True}),
    ("DPM-Solver++ 2S, Karras", "DPMSolverSinglestepScheduler",
     {"use_karras_sigmas": True, "lower_order_final": True, "final_sigmas_type": "zero"}),
    ("UniPC 2 (its default)", "UniPCMultistepScheduler", {}),
    ("UniPC 2, Karras", "UniPCMultistepScheduler", {"use_karras_sigmas": True}),
    ("UniPC 3, Karras", "UniPCMultistepScheduler",
     {"solver_order": 3, "use_karras_sigmas": True}),
    ("DEIS 2 (its default)", "DEISMultistepScheduler", {}),
    ("DEIS 2, Karras", "DEISMultistepScheduler", {"use_karras_sigmas": True}),
    ("DEIS 3, Karras", "DEISMultistepScheduler", {"solver_order": 3, "use_karras_sigmas": True}),
)  # fmt: skip
FLOWS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("flow Euler (its default)", "FlowMatchEulerDiscreteScheduler", {}),
    ("flow Euler, shift 3", "FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
    ("flow Heun", "FlowMatchHeunDiscreteScheduler", {}),
    ("flow DPM-Solver++ 2M", _MULTI,
     {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}),
    ("flow UniPC 2", "UniPCMultistepScheduler",
     {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}),
)  # fmt: skip


def noise_to_data() -> Iterator[tuple[str, Run]]:
    """Samplers of the VP process, with their names."""
    for label, name, options in NOISE_TO_DATA:
        yield f"diffusers {label}", _runner(name, options, flow=False)


def flows() -> Iterator[tuple[str, Run]]:
    """Samplers of straight-line flow, with their names."""
    for label, name, options in FLOWS:
        yield f"diffusers {label}", _runner(name, options, flow=True)


def _runner(name: str, options: dict[str, Any], flow: bool) -> Run:
    def run(n: int, trial: Trial) -> Tensor:
        with warnings.catch_warnings():  # of numpy, about tensors
            warnings.simplefilter("ignore")
            scheduler = _scheduler(name, options, n)
            x = trial.draw(0) * (1.0 if flow else float(scheduler.init_noise_sigma))
            for place, step in enumerate(scheduler.timesteps):
                output = (_velocity if flow else _noise)(scheduler, place, step, x, trial)
                more = {"generator": trial.generator} if _draws(options, name) else {}
                x = scheduler.step(output, step, x, **more).prev_sample.double()
        return x

    return run


def _scheduler(name: str, options: dict[str, Any], n: int) -> Any:
    """With as many steps as fit into n calls; raises ValueError if there are none."""
    import diffusers

    own = "FlowMatch" in name or "IPNDM" in name
    base: dict[str, Any] = {} if own else {"trained_betas": BETAS}
    fitting = None
    for count in range((n + 1) // 2, n + 1):
        scheduler = getattr(diffusers, name)(**base, **options)
        try:
            scheduler.set_timesteps(count)
        except (IndexError, ValueError, ZeroDivisionError):
            continue
        if len(scheduler.timesteps) <= n:
            fitting = scheduler
    if fitting is None:
        raise ValueError(f"{name} has no run of {n} calls")
    return fitting


def _draws(options: dict[str, Any], name: str) -> bool:
    return "sde" in str(options.get("algorithm_type")) or "Ancestral" in name


def _noise(scheduler: Any, place: int, step: Tensor, x: Tensor, trial: Trial) -> Tensor:
    """eps at the scheduler's own noise level; its states may be scaled as x/a."""
    if "IPNDM" in type(scheduler).__name__:
        s = float(scheduler.betas[place])
        a = float(scheduler.alphas[place])
        return _eps(x, a, s, trial)
    if not hasattr(scheduler, "sigmas"):
        a, _, s = abs_at(VP, (float(step) + 1) / 1000)
        return _eps(x, a, s, trial)
    rho = float(scheduler.sigmas[place])
    a = 1 / np.sqrt(1 + rho**2)
    shown = scheduler.scale_model_input(x, step).double()
    return _eps(shown, a, rho * a, trial)


def _eps(x: Tensor, a: float, s: float, trial: Trial) -> Tensor:
    return (x - a * trial.posterior_mean(x, a, s)) / s


def _velocity(scheduler: Any, place: int, step: Tensor, x: Tensor, trial: Trial) -> Tensor:
    """eps - x0 at x = (1 - sigma) x0 + sigma eps."""
    sigma = float(scheduler.sigmas[place])
    return (x - trial.posterior_mean(x, 1 - sigma, sigma)) / sigma
