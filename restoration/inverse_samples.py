"""Several samples of a restoration, drawn by `undrift.solve` around the tiled prior of a task."""

import torch
from torch import Tensor

from undrift.common.operators.noise_models import Gaussian
from undrift.common.posterior.priors import Prior
from undrift.common.posterior.spectrum import Spectrum
from undrift.common.solve import solve
from undrift.restoration.inverse_problem import PriorSampler, Problem, called


def drawn(problem: Problem, sampler: PriorSampler, fidelity: float) -> Tensor:
    """(k, c, h, w) samples of the posterior on the processor; notes calls and choice."""
    denoiser, choice = sampler.model.denoiser, sampler.choice
    spread = denoiser.scaling.sigma_d
    prior = Prior(
        called(sampler, problem.start.shape[2:]),
        denoiser.process,
        spread,
        problem.start.shape[1],
        Spectrum(spread=spread),
        denoiser.network,
        name=sampler.model.id,
        sha256=sampler.model.sha256,
    )
    result = solve(
        problem.y[0],
        problem.operator,
        prior,
        noise=Gaussian(problem.noise / fidelity),
        method=sampler.method,
        steps=choice.steps,
        solver=sampler.wishes.solver,
        samples=choice.samples,
        seed=sampler.wishes.seed,
        item=sampler.wishes.item,
        device=sampler.device,
    )
    samples = result.samples or (result.value,)
    sampler.calls = result.info["nfe"]
    found = {key: result.info[key] for key in ("solver", "grid", "steps")}
    sampler.choice = choice.model_copy(update=found)
    sampler.how = {key: result.info[key] for key in ("method", "why", "products", "warnings")}
    return problem.keep(torch.stack([torch.as_tensor(sample) for sample in samples]))
