"""Defects of published samplers, each made again in a few lines and shown beside what is right.

`common/README.md` has a row for each test here and says which code has the defect.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from oracles import broad, gaussian, law, slope
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.papers.exact_problems import distance as distance_of
from undrift.common.processes import BrownianBridge, MeanReverting, VariancePreserving
from undrift.common.processes.brownian_bridge import published
from undrift.common.processes.process import time_of_angle
from undrift.common.solvers import DDIM, MRS, Exponential, Step, ancestral
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.mrs_tables import mrs_tables, mrs_timesteps
from undrift.restoration.papers.mrs_protocol import PROCESS, as_published, nodes

Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)
DATA = gaussian([0.2, -0.1, 0.3], [0.3, 0.2, 0.25])
HIGH, LOW = 1.8, 0.06  # s/a at the ends of a regular interval
COUNTS = (16, 32, 64, 128, 256)


def starts() -> tuple[Tensor, Tensor]:
    """v = x0 + HIGH eps, (8, 3), and where the exact flow carries them."""
    generator = torch.Generator().manual_seed(11)
    noise = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    first = broad().sample(8, generator) + HIGH * noise
    return first, broad().flow(first, HIGH, LOW)


def order_of(end: Callable[[Tensor, list[float]], Tensor]) -> float:
    """Order of a method that carries v along the given values of s/a, equal steps in lambda."""
    first, exact = starts()
    errors = []
    for n in COUNTS:
        ratios = [HIGH * (LOW / HIGH) ** (k / n) for k in range(n + 1)]
        errors.append(float((end(first, ratios) - exact).abs().max()))
    return slope(COUNTS, errors)


@pytest.mark.parametrize("form", ["data", "noise"])
def test_third_order_without_the_factor_two(form: str) -> None:
    def order(published_third: bool) -> float:
        solver = Exponential(3, form=form, published_third=published_third)
        process = VariancePreserving()

        def end(v: Tensor, ratios: list[float]) -> Tensor:
            angles = torch.atan(torch.tensor(ratios, dtype=torch.float64))
            times = time_of_angle(process, angles, 1.0)
            a, b = process.a(times[0]), process.a(times[-1])
            plan = solver.plan(process, times.tolist())
            return run_plan(broad().denoiser(process), a * v, plan) / b

        return order_of(end)

    assert 1.75 < order(published_third=True) < 2.4
    assert order(published_third=False) > 2.75


def test_unipc_vary_coeff_drops_half_of_its_corrector() -> None:
    """Order-2 predictor, corrector over three values; the last row of the solution is misread."""

    def end(v: Tensor, ratios: list[float], as_coded: bool) -> Tensor:
        lam = [-math.log(r) for r in ratios]
        old: tuple[float, Tensor] | None = None
        d = broad().posterior_mean(v, 1.0, ratios[0])
        for k in range(len(ratios) - 1):  # in the frame a = 1: z1 = (s1/s0) z0 + ...
            h = lam[k + 1] - lam[k]
            phi = [math.expm1(-h)]
            phi.append(-phi[0] / h - 1)
            phi.append(-phi[1] / h - 0.5)
            base = ratios[k + 1] / ratios[k] * v - phi[0] * d
            past = None if old is None else ((old[0] - lam[k]) / h, old[1] - d)
            new = base if past is None else base - phi[1] * past[1] / past[0]
            gap = broad().posterior_mean(new, 1.0, ratios[k + 1]) - d
            if past is None:
                v = base - phi[1] * gap
            else:
                r, d1 = past[0], [past[1] / past[0], gap]
                rows = torch.linalg.inv(torch.tensor([[1.0, r / 2], [1.0, 0.5]]).double())
                if as_coded:
                    v = base - phi[1] * rows[0, 0] * d1[0] - phi[2] * rows[0, 1] * d1[1]
                else:
                    v = base - sum(phi[i + 1] * rows[i, j] * d1[j] for i in (0, 1) for j in (0, 1))
            old = (lam[k], d)
            d = broad().posterior_mean(v, 1.0, ratios[k + 1])
        return v

    assert order_of(lambda v, ratios: end(v, ratios, True)) < 1.25
    assert order_of(lambda v, ratios: end(v, ratios, False)) > 2.25


def test_a_bridge_that_starts_without_noise() -> None:
    """From x = y, eta = 0: more calls do not help unless the first step draws its noise."""
    process, truth = BrownianBridge(), broad()

    def distance(n: int, drawn: bool) -> float:
        steps = DDIM().plan(process, nodes(n))
        if not drawn:
            steps[0] = replace(steps[0], sigma=0.0)
        generator = torch.Generator().manual_seed(2)
        x = run_plan(
            truth.denoiser(process), Y.expand(2000, 3), steps, y=Y.expand(2000, 3),
            draw=lambda k: torch.randn(2000, 3, generator=generator, dtype=torch.float64),
        )  # fmt: skip
        return distance_of(x, truth)

    assert distance(10, drawn=False) > 0.95 * distance(1, drawn=False)
    assert distance(10, drawn=True) < 0.5 * distance(1, drawn=True)


def test_bbdm_eta_is_a_temperature() -> None:
    """Their eta scales the noise and not the mean: one step 500 -> 250 keeps a third of s^2."""
    process = published()
    times = [0.501, 0.251]
    s = process.s(torch.tensor(times, dtype=torch.float64))

    def kept(step: Step) -> float:
        return float((step.A[0] * s[0] / s[1]) ** 2 + (step.sigma / s[1]) ** 2)

    [theirs] = DDIM(eta=1.0, temperature=0.0).plan(process, times)
    [ddim] = DDIM(eta=0.0).plan(process, times)
    assert kept(theirs) == pytest.approx(0.334, abs=1e-3)
    assert kept(ddim) == pytest.approx(1.0)


def test_baselines_of_mrs_walk_a_part_of_the_path() -> None:
    """n of T times are visited, each with a step of 1/T: with 5 calls the noise is still there."""

    chain = as_published(ancestral())
    assert chain(100) == ancestral().plan(PROCESS, nodes(100))
    truth, _ = DATA.moments()

    def error(steps: list[Step]) -> float:
        return float((law(DATA, PROCESS, steps, Y)[-1].mean(Y) - truth).norm())

    assert error(chain(100)) < 1e-3
    assert error(chain(5)) > 0.9 * float((Y - truth).norm())  # it has hardly left y
    assert error(ancestral().plan(PROCESS, nodes(5))) < 1e-3


def test_time_grids_of_mrs_miss_an_end() -> None:
    tables = mrs_tables()
    assert mrs_timesteps("leading", tables, 5)[0] == 80  # the state is that of 100
    last = mrs_timesteps("karras-t", tables, 5)[-1]
    assert last == pytest.approx(1)  # never 0: some noise is left
    assert float(tables.s(torch.tensor(last / 100))) > 1.9 * float(tables.s(torch.tensor(0.0)))


def test_noise_form_of_mrs_draws_more_noise_than_there_is() -> None:
    """sde-n at 5 steps: the drawn deviation exceeds that of the whole state."""
    process = MeanReverting()
    steps = MRS("sde-n-1").plan(process, nodes(5))
    s = process.s(torch.tensor(nodes(5)[1:], dtype=torch.float64))
    assert max(step.sigma / float(v) for step, v in zip(steps, s, strict=True) if v > 0) > 1.5
    for step, v in zip(MRS("sde-d-1").plan(process, nodes(5)), s, strict=True):
        assert step.sigma <= float(v)


def test_a_bridge_whose_network_is_told_the_next_time() -> None:
    """SGMSE's Schroedinger-bridge samplers pair the state of t with the time of the next node."""
    process, truth = BrownianBridge(), broad()
    right = truth.denoiser(process)

    def distance(asked: Callable[[float], float]) -> float:
        def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
            return right(x, asked(t), y, level)

        generator = torch.Generator().manual_seed(2)
        x = run_plan(
            denoise, Y.expand(2000, 3), ancestral().plan(process, nodes(5)), y=Y.expand(2000, 3),
            draw=lambda k: torch.randn(2000, 3, generator=generator, dtype=torch.float64),
        )  # fmt: skip
        return distance_of(x, truth)

    assert distance(lambda t: max(t - 0.2, 0.0)) > 1.4 * distance(lambda t: t)


def test_the_ode_of_sgmse_keeps_too_much_of_y() -> None:
    """eps = 1e-8 under the root turns the first step's 0/0 into a spurious multiple of y."""
    eps, variance = 1e-8, 0.4 * (2.6**2 - 1) / (2 * math.log(2.6))  # v(1) of SB-VE
    times = torch.linspace(1, 1e-4, 6, dtype=torch.float64)
    v = 0.4 * (2.6 ** (2 * times[1]) - 1) / (2 * math.log(2.6))
    s, bar = v.sqrt(), (variance - v + eps).sqrt()
    end, end_bar = math.sqrt(variance), math.sqrt(eps)
    keep = s * bar / (end * end_bar + eps)
    prior = (v - end * s * bar / (end_bar + eps)) / (variance + eps)
    assert float(keep + prior) == pytest.approx(0.6748, abs=2e-4)
    assert float(v / variance) == pytest.approx(0.6272, abs=1e-4)
