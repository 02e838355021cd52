"""Time shift: finds the time of a state from its variance, and is plain DDIM without a window."""

import pytest
import torch
from oracles import EVERY, abs_at, gaussian
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.grids import uniform
from undrift.common.processes import Process
from undrift.common.solvers import DDIM
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.time_shift import sample_shifted, shifted_times

SPREAD = 0.2


def images(mean: float, seed: int, size: int = 40_000) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return mean + SPREAD * torch.randn(3, 1, size, generator=generator, dtype=torch.float64)


@pytest.fixture(params=["VP", "residual shift", "Brownian bridge"])
def process(request: pytest.FixtureRequest) -> Process:
    return EVERY[request.param]


def test_the_time_is_found_from_the_variance(process: Process) -> None:
    """States made at other times than told; y keeps its weight of the time that is told."""
    told, true = 0.3, torch.tensor([0.25, 0.3, 0.34])
    x0, y, noise = images(0.1, 0), images(-0.2, 1), images(0.0, 2) / SPREAD
    b = abs_at(process, told)[1]
    items = []
    for k, t in enumerate(true.tolist()):
        a, _, s = abs_at(process, t)
        items.append(a * x0[k : k + 1] + b * y[k : k + 1] + s * noise[k : k + 1])
    found = shifted_times(process, torch.cat(items), told, y, SPREAD, 0.1)
    torch.testing.assert_close(found, true.double(), atol=0.02, rtol=0)
    near = shifted_times(process, torch.cat(items), told, y, SPREAD, 0.01)
    assert bool(((near - told).abs() <= 0.01 + 1e-9).all())


def exact(process: Process):
    """The denoiser of independent Gaussian pixels."""
    law = gaussian([0.1], [SPREAD])

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, b, s = abs_at(process, t)
        z = x if y is None else x - b * y
        return Estimate(law.posterior_mean(z.reshape(-1, 1), a, s).reshape(x.shape))

    return denoise


def test_without_a_window_or_below_the_cutoff_it_is_ddim(process: Process) -> None:
    times = uniform(process, 6, SPREAD, 0.9)
    x, y = images(0.0, 3, 50), images(0.3, 4, 50)
    plain = run_plan(exact(process), x, DDIM().plan(process, times), y=y)
    for window, cutoff in ((0.0, 0.0), (0.2, 1.0)):
        found = sample_shifted(
            exact(process), process, x, times, spread=SPREAD, y=y, window=window, cutoff=cutoff
        )
        torch.testing.assert_close(found, plain, atol=1e-10, rtol=0)


def test_states_with_too_little_noise_are_helped() -> None:
    """A start at half the noise ends with too small a spread; the shift gives some of it back."""
    process = EVERY["VP"]
    times = uniform(process, 8, SPREAD)
    x = 0.5 * images(0.0, 5) / SPREAD
    ends = [
        sample_shifted(exact(process), process, x, times, spread=SPREAD, window=w, cutoff=0.1)
        for w in (0.0, 0.3)
    ]
    plain, shifted = (abs(float(end.std()) - SPREAD) for end in ends)
    assert shifted < 0.8 * plain
