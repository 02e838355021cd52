"""Defects of published schedules, targets and losses, made again and shown beside what is right.

`common/README.md` has a row for each test here and says which code has the defect.
"""

import math

import numpy as np
import pytest
import torch
from oracles import broad, gaussian, law
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.processes import (
    I2SB,
    RDDM,
    BrownianBridge,
    ConsecutiveBridge,
    MeanReverting,
    Resfusion,
    VariancePreserving,
    consecutive_bridge,
)
from undrift.common.processes.mean_reverting import theta_table
from undrift.common.processes.residual_shift import published, respaced
from undrift.common.solvers import DDIM, ancestral
from undrift.common.solvers.known_pixels import KnownPixels
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import nodes


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def test_i2sb_stops_before_it_is_clean() -> None:
    """Its last index has variance beta_0: even a perfect network leaves a share of the state."""
    process = I2SB()
    last = process.forward_variance(number(1 / 1000))
    before = process.forward_variance(number(100 / 1000))  # 10 calls: 999, 899, ..., 99, then 0
    assert float(last / before) == pytest.approx(0.0092, abs=2e-4)
    assert float(process.s(number(1 / 1000))) == pytest.approx(0.01, abs=1e-4)
    assert nodes(process, [0.5, 0.0])[-1].s == 0


@pytest.mark.parametrize(("clip", "found"), [(1.0, 0.1), (math.inf, 0.9)])
def test_rddm_clips_a_residual_of_twice_the_range(clip: float, found: float) -> None:
    """x0 = .9 and y = -.9, a perfect network: the residual -1.8 is clipped to -1."""
    process = RDDM()
    x0, y = number(0.9), number(-0.9)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        assert y is not None
        return Estimate(y - (y - x0).clamp(-clip, clip))

    start = y + process.s(number(1.0)) * 0.3
    steps = ancestral().plan(process, [1.0, 0.8, 0.6, 0.4, 0.2, 0.0])
    end = run_plan(denoise, start, steps, y=y, draw=lambda k: number(0.0))
    assert float(end) == pytest.approx(found)


def test_resshift_respacing_drops_the_last_step() -> None:
    """15 steps respaced to 5 begin at s = 1.66, but the start still is y + 1.98 eps."""
    process = published(15)
    first = respaced(15, 5)[0]
    assert first == pytest.approx(13 / 15)  # index 12 of 0..14
    assert float(process.s(number(first))) == pytest.approx(1.66, abs=0.01)
    assert float(process.s(number(1.0))) == pytest.approx(1.98)


def test_resshift_branches_have_different_schedules() -> None:
    """The four-step weights need the journal branch: elsewhere the first root is capped."""
    times = torch.arange(1, 5, dtype=torch.float64) / 4
    journal = published(4, 0.2).root_eta(times)
    conference = published(4, 0.2, variant="conference").root_eta(times)
    assert journal.tolist() == pytest.approx([0.1, 0.5201, 0.7614, 0.99], abs=1e-4)
    assert conference.tolist() == pytest.approx([0.0316, 0.3764, 0.6673, 0.99], abs=1e-4)


@pytest.mark.parametrize("steps", [5, 7, 8, 9])
def test_resfusion_schedules_that_are_not_numbers(steps: int) -> None:
    betas = np.linspace(1e-4, 0.02, steps) * 1000 / steps
    assert betas.max() > 1
    with np.errstate(invalid="ignore"):
        assert np.isnan(np.sqrt(np.cumprod(1 - betas))).any()
    with pytest.raises(InputError, match="begins at 10"):
        Resfusion(steps)


def test_bbdm_grids_that_repeat_or_divide_by_zero() -> None:
    def grid(count: int, steps: int = 1000) -> list[int]:
        stride = (steps - 1) / (count - 2)
        return [*np.arange(steps - 1, 1, -stride).astype(int).tolist(), 1, 0]

    assert len({*grid(200)}) == 200
    assert grid(502).count(1) == 2
    with pytest.raises(ZeroDivisionError):
        grid(2)


def test_the_network_of_ir_sde_learns_a_biased_noise() -> None:
    """Its loss compares an Euler step with the exact posterior mean; eps is not its minimiser."""
    steps, level = 100, 10 / 255
    process = MeanReverting(level=level, clock=theta_table("cosine", steps))
    q = float(process.theta(number(1.0)) - process.theta(number(0.99)))  # theta dt of the last step
    a, s = float(process.a(number(1.0))), float(process.s(number(1.0)))
    eps, gap = 0.4, 0.3  # the noise, and x0 - y
    x = a * gap + s * eps  # relative to y

    [step] = ancestral().plan(process, [1.0, 0.99])
    posterior = step.A[0] * x + step.B[0] * gap
    # Euler: x + q x - 2 level^2 q n / s = posterior mean
    minimiser = (x * (1 + q) - posterior) * s / (2 * level**2 * q)
    closed = (
        math.sinh(q) / q * eps - math.sqrt(1 - a**2) / (2 * level) * (math.expm1(q) - q) / q * x
    )
    assert minimiser == pytest.approx(closed, rel=1e-6)
    assert abs(minimiser - eps) > 0.01


def test_selfrdb_samples_with_more_noise_than_it_trains_with() -> None:
    """Forward deviation sigma_t, reverse deviation s_t; 10 steps, gamma 1."""
    rising = np.linspace(math.sqrt(0.1), math.sqrt(0.3), 11) ** 2
    betas = np.array([0, *rising[:5], *rising[3::-1], 0])
    total = np.cumsum(betas)
    s, bar = np.sqrt(total), np.sqrt(total[::-1])
    forward = betas.sum() * s / (s**2 + bar**2)
    assert forward[5] == pytest.approx(0.711, abs=2e-3)
    assert s[5] == pytest.approx(0.814, abs=2e-3)
    assert s[10] == pytest.approx(forward[10])
    assert (s[1:10] > 1.08 * forward[1:10]).all()


def test_lefusion_returns_a_background_of_the_network() -> None:
    """Known voxels are put in before the last call and not after it."""
    process = VariancePreserving()
    known = torch.tensor([[0.3, -0.2, 0.1]], dtype=torch.float64)
    unknown = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)

    def draw(k: int) -> Tensor:
        return torch.randn(1, 3, generator=generator, dtype=torch.float64)

    steps = KnownPixels(ancestral(), unknown, known).plan(process, [1.0, 0.6, 0.3, 0.1, 0.0])
    ours = run_plan(broad().denoiser(process), draw(0), steps, draw=draw)
    theirs = run_plan(broad().denoiser(process), draw(0), steps[:-1], draw=draw)
    assert torch.equal(ours[:, :2], known[:, :2])
    assert float((theirs - known)[:, :2].abs().max()) > 0.01


def test_bbed_divides_by_a_time_without_axes() -> None:
    """(y - x)/(1 - t) with t of shape (b,): an error, or silently the wrong axis."""
    t = torch.tensor([0.2, 0.8])
    with pytest.raises(RuntimeError, match="size"):
        _ = torch.ones(2, 1, 4, 5) / (1 - t)
    rate = torch.ones(2, 1, 4, 2) / (1 - t)  # as many frames as items
    assert rate[0, 0, 0].tolist() == pytest.approx([1.25, 5.0])  # both should be 1.25
    drawn = BrownianBridge().a(t)[:, None, None, None] * torch.ones(2, 1, 4, 2)
    assert drawn[0].unique().tolist() == pytest.approx([0.8])


def test_sgmse_weights_every_item_with_the_mean_weight() -> None:
    """Three axes too many on the weight: the batch is multiplied out instead of weighted."""
    loss = torch.tensor([1.0, 2.0, 10.0]).reshape(3, 1, 1, 1)
    weight = torch.tensor([8.0, 3.0, 0.1]).reshape(3, 1, 1, 1)
    theirs = float((weight[:, None, None, None] * loss).sum((-3, -2, -1)).sum(-1).mean())
    meant = float((weight * loss).sum((1, 2, 3)).mean())
    assert theirs == pytest.approx(float(weight.mean() * loss.sum()))
    assert theirs > 8 * meant / 2


def test_the_deviation_of_ouvp_lacks_its_root() -> None:
    """Storm's `_std` is (1 - e^{-S})/s, which is the variance of its own equation."""
    beta, stiffness, dt = 1.3, 2.0, 1e-4
    variance = 0.0
    for _ in range(10_000):  # dx = s beta/2 (y - x) dt + sqrt(beta) dw up to t = 1
        variance += dt * (beta - stiffness * beta * variance)
    coded = (1 - math.exp(-stiffness * beta)) / stiffness
    assert coded == pytest.approx(variance, rel=1e-3)
    assert abs(coded - math.sqrt(variance)) > 0.2


def test_resshift_ddim_forgets_the_degraded_picture() -> None:
    """Its loop begins at noise; the state should be about y, and one call does not tell."""
    process, data = published(15), gaussian([0.2], [0.3])
    y = torch.tensor([0.8], dtype=torch.float64)
    plan = DDIM().plan(process, [1 - k / 15 for k in range(15)] + [0.0])
    end = law(data, process, plan, y)[-1]
    right = float(end.mean(y))  # the start of the paper has mean y
    wrong = float(end.mean(torch.zeros(1, dtype=torch.float64)))
    assert right == pytest.approx(0.2, abs=0.05)
    assert abs(wrong - 0.2) > 2 * abs(right - 0.2) + 0.05


def test_the_plain_consecutive_bridge_has_half_the_variance() -> None:
    t = torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    trained, sampled = ConsecutiveBridge(), consecutive_bridge.plain()
    unit = trained.m(t) * (1 - trained.m(t))
    torch.testing.assert_close(trained.s(t) ** 2 / unit, torch.full_like(t, 2.0))
    unit = sampled.m(t) * (1 - sampled.m(t))
    torch.testing.assert_close(sampled.s(t) ** 2 / unit, torch.full_like(t, 1.0))
