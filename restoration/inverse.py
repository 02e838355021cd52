"""From a measurement with a known operator to a picture: the engine of deblur, inpaint and others.

One picture is found by half-quadratic splitting, which ends at the sharpest picture that the
measurement and the prior agree on; several samples, or any `method` by name, are drawn from the
posterior by `undrift.solve`, and their mean and spread returned.
"""

import torch
from torch import Tensor

from undrift.common.posterior.half_quadratic import HalfQuadratic, falling
from undrift.restoration.channels import GreyAsColour
from undrift.restoration.filling import Filling
from undrift.restoration.inverse_problem import SPLITTING, PriorSampler, Problem, called
from undrift.restoration.inverse_samples import drawn


def solved(problem: Problem, sampler: PriorSampler, fidelity: float = 1.0) -> Tensor:
    """(k, c, h, w) restored samples on the processor; one if no samples are asked for."""
    sampler.model = GreyAsColour.around(sampler.model, problem.start)
    alone = sampler.method in ("auto", SPLITTING) and sampler.choice.samples == 1
    if not alone:
        return drawn(problem, sampler, fidelity).float().cpu()
    found = split(problem, sampler, fidelity)
    sampler.how = {"method": SPLITTING, "why": "one picture"}
    return problem.keep(found.float().cpu())


def split(problem: Problem, sampler: PriorSampler, fidelity: float = 1.0) -> Tensor:
    """The one picture of half-quadratic splitting, (1, c, h, w), on the sampler's device.

    The sampler's model has to fit the channels.
    """
    denoiser = sampler.model.denoiser
    common = (
        called(sampler, problem.start.shape[2:]),
        denoiser.process,
        problem.operator,
        problem.noise / fidelity,
        denoiser.scaling.sigma_d,
        problem.weight,
    )
    method = HalfQuadratic(*common)
    if problem.known is not None:
        method = Filling(*common, known=problem.known)
    steps = sampler.choice.steps
    bottom = problem.noise if problem.bottom is None else problem.bottom
    levels = falling(steps, max(problem.top, bottom), bottom)
    with torch.inference_mode():
        found = method(problem.y.to(sampler.device), problem.start.to(sampler.device), levels)
    sampler.calls = steps
    return found
