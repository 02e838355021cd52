"""Defects of installed libraries, seen by running them; if one is repaired its test fails.

`common/README.md` has a row for each test here.
"""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.common.exact import gaussian
from undrift.common.grids import by_angle
from undrift.common.processes.variance_preserving import discrete
from undrift.common.solvers import UniPC, ancestral
from undrift.common.solvers.loop import run_plan

BETAS = np.linspace(1e-4, 2e-2, 1000)
DATA = gaussian([0.3], [0.2])
COUNT = 4000


def noise_at(x: Tensor, kept: float) -> Tensor:
    """The exact noise of DATA at sqrt(abar) x0 + sqrt(1 - abar) eps = x."""
    a, s = kept**0.5, (1 - kept) ** 0.5
    return (x - a * DATA.posterior_mean(x, a, s)) / s


def test_unipc_bh1_of_diffusers_ends_in_nan() -> None:
    """Its B(h) = h is infinite in the step to zero noise; with ours there is no such factor."""
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler: Any = UniPCMultistepScheduler(
            trained_betas=BETAS, solver_type="bh1", final_sigmas_type="zero", solver_order=2
        )
        scheduler.set_timesteps(5)
        x = torch.randn(8, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        for t in scheduler.timesteps:
            x = scheduler.step(noise_at(x, float(scheduler.alphas_cumprod[t])), t, x).prev_sample
    assert not x.isfinite().any()
    process = discrete(BETAS.tolist())
    start = torch.randn(8, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plan = UniPC(2, variant="bh1").plan(process, [1, 0.8, 0.6, 0.4, 0.2, 0])
    assert run_plan(DATA.denoiser(process), start, plan).isfinite().all()


def sampled(scheduler: Any, n: int) -> Tensor:
    """COUNT samples of a scheduler of MONAI that is told the exact noise."""
    generator = torch.Generator().manual_seed(0)
    scheduler.set_timesteps(n)
    x = torch.randn(COUNT, 1, generator=generator, dtype=torch.float64)
    for t in scheduler.timesteps:
        noise = noise_at(x, float(scheduler.alphas_cumprod[int(t)]))
        x, _ = scheduler.step(noise, int(t), x)
    return x


def ours(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)

    def draw(k: int) -> Tensor:
        return torch.randn(COUNT, 1, generator=generator, dtype=torch.float64)

    process = discrete(BETAS.tolist())
    plan = ancestral().plan(process, by_angle(process, n, 0.2))
    return run_plan(DATA.denoiser(process), draw(0), plan, draw=draw)


@pytest.mark.slow
def test_ddpm_of_monai_with_fewer_steps_returns_noise() -> None:
    """The times are spread over the range, each step moves by one training step."""
    from monai.networks.schedulers.ddpm import DDPMScheduler

    x = sampled(DDPMScheduler(1000, beta_start=1e-4, beta_end=2e-2, clip_sample=False), 50)
    assert float(x.std()) > 0.6
    assert float(ours(50).std()) == pytest.approx(0.2, abs=0.03)


@pytest.mark.slow
def test_ddim_of_monai_steps_by_another_stride_than_it_lists() -> None:
    """Times linspace(999, 0, n), strides 1000 // n: the network is told wrong times."""
    from monai.networks.schedulers.ddim import DDIMScheduler

    scheduler = DDIMScheduler(1000, beta_start=1e-4, beta_end=2e-2, clip_sample=False)
    scheduler.set_timesteps(10)
    times = [int(t) for t in scheduler.timesteps]
    assert times[0] - times[1] == 111 != 1000 // 10
