"""Processes of speech, medicine and plain diffusion: ends, rates of the papers, exact steps."""

import dataclasses
import itertools
import math

import pytest
import torch
from oracles import abs_at, number
from scipy.integrate import quad
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.processes import (
    BBED,
    ColdDiffusion,
    DenoisingSDE,
    Process,
    SchroedingerBridge,
    SelfRDB,
    VarianceExploding,
    VariancePreserving,
    cold_diffusion,
    ouve,
    schroedinger_bridge,
    variance_preserving,
)
from undrift.common.processes.mean_reverting import theta_table
from undrift.common.processes.process import chain_noise, log_snr, rates
from undrift.common.self_consistency import SelfConsistent
from undrift.common.solvers import DDIM, EulerMaruyama, ancestral
from undrift.common.solvers.loop import run_plan

EVERY: dict[str, Process] = {
    "OUVE 16 kHz": ouve.published(16),
    "OUVE 48 kHz": ouve.published(48),
    "BBED": BBED(),
    "BBED steep": BBED(10.0, 0.08),
    **{f"SB {kind}": schroedinger_bridge.published(kind) for kind in schroedinger_bridge.KINDS},
    "VE": VarianceExploding(),
    "EDM": VarianceExploding(high=80.0, law="linear"),
    "cosine": variance_preserving.cosine(),
    "SynDiff": variance_preserving.syndiff(),
    "zero terminal": VariancePreserving(zero_snr=True),
    "SelfRDB": SelfRDB(),
    "SelfRDB 4": SelfRDB(4, 0.5),
    "denoising SDE": DenoisingSDE(),
    "denoising SDE, steps": DenoisingSDE(clock=theta_table()),
}
TIMES = (1.0, 0.83, 0.6, 0.31, 0.1, 0.004)


@pytest.fixture(params=EVERY)
def process(request: pytest.FixtureRequest) -> Process:
    return EVERY[request.param]


def test_the_clean_end_is_exact(process: Process) -> None:
    zero = torch.zeros(1, dtype=torch.float64)
    ends = [float(f(zero)) for f in (process.a, process.b, process.s, process.phi)]
    assert ends == [1.0, 0.0, 0.0, 1.0]


def test_noise_to_signal_never_falls_and_the_chain_only_adds(process: Process) -> None:
    t = torch.linspace(0.001, 0.999, 700, dtype=torch.float64)
    ratio, spread = log_snr(process, t), process.s(t) ** 2 / process.phi(t) ** 2
    assert bool((ratio[1:] <= ratio[:-1]).all())
    assert bool((spread[1:] >= spread[:-1] * (1 - 1e-12)).all())


@pytest.mark.parametrize("eta", [0.0, 0.6, 1.0])
def test_steps_keep_the_marginals(process: Process, eta: float) -> None:
    """A step with the true x0 carries N(a x0 + b y, s^2) to the same law at the next time."""
    x0, y = 0.7, -0.4
    for old, new in itertools.pairwise(TIMES):
        (step,) = DDIM(eta).plan(process, [old, new])
        (a, b, s), (a1, b1, s1) = abs_at(process, old), abs_at(process, new)
        mean = step.A[0] * (a * x0 + b * y) + step.B[0] * x0 + step.C * y
        assert mean == pytest.approx(a1 * x0 + b1 * y, rel=1e-9, abs=1e-9)
        assert (step.A[0] * s) ** 2 + step.sigma**2 == pytest.approx(s1**2, rel=1e-9)


def test_a_perfect_network_gives_the_clean_signal(process: Process) -> None:
    x0 = torch.randn(1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plan = ancestral().plan(process, [1.0, 0.5, 0.1, 0.0])
    out = run_plan(
        lambda x, t, y, level: Estimate(x0), 0 * x0, plan, y=x0 + 1, draw=lambda k: x0 * 0.1
    )
    assert torch.equal(out, x0)


def closed_rates(name: str, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """f, k and g of dx = (f x + k y) dt + g dW as the papers print them."""
    grown = torch.exp(2 * math.log(10) * t)
    beta = 0.01 + 19.99 * t
    table = {
        "OUVE 16 kHz": (-1.5 + 0 * t, 1.5 + 0 * t, 0.05 * torch.sqrt(grown * 2 * math.log(10))),
        "BBED": (-1 / (1 - t), 1 / (1 - t), math.sqrt(0.52) * 2.6**t),
        "EDM": (0 * t, 0 * t, torch.sqrt(2 * 80.0**2 * t)),
        "VE": (0 * t, 0 * t, 0.01 * torch.exp(math.log(5000) * t) * math.sqrt(2 * math.log(5000))),
        "SB gmax": (None, None, torch.sqrt(beta)),
        "SB ve": (None, None, math.sqrt(0.4) * 2.6**t),
    }
    return table[name]  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["OUVE 16 kHz", "BBED", "EDM", "VE", "SB gmax", "SB ve"])
def test_rates_are_those_of_the_papers(name: str) -> None:
    t = torch.tensor([0.03, 0.2, 0.5, 0.9], dtype=torch.float64)
    f, k, g2 = rates(EVERY[name], t)
    f_paper, k_paper, g_paper = closed_rates(name, t)
    torch.testing.assert_close(g2, g_paper**2, rtol=1e-8, atol=0)
    if f_paper is not None:
        torch.testing.assert_close(f, f_paper, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(k, k_paper, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("k", "theta"), [(2.6, 0.52), (10.0, 0.08), (30.0, 0.01)])
def test_the_noise_of_bbed_is_the_integral(k: float, theta: float) -> None:
    """s^2 = theta (1 - t)^2 int k^(2 u)/(1 - u)^2 du, by quadrature."""
    for t in (1e-4, 0.1, 0.5, 0.9, 0.999):
        area = quad(lambda u: k ** (2 * u) / (1 - u) ** 2, 0, t, epsabs=0, epsrel=1e-12)[0]
        assert abs_at(BBED(k, theta), t)[2] ** 2 == pytest.approx(theta * (1 - t) ** 2 * area, 1e-9)


def test_a_schroedinger_bridge_is_a_brownian_bridge_in_its_clock() -> None:
    """Without a mean factor: a = 1 - u, b = u, s^2 = v u (1 - u) with u the share of variance."""
    for kind in ("ve", "gmax", "bb"):
        process = schroedinger_bridge.published(kind)
        for t in (0.1, 0.5, 0.9):
            u, v = float(process.clock(number(t))), float(process.variance(number(1.0)))
            found = abs_at(process, t)
            assert found == pytest.approx((1 - u, u, math.sqrt(v * u * (1 - u))), rel=1e-12)


def test_published_numbers() -> None:
    assert abs_at(ouve.published(16), 1.0)[::2] == pytest.approx((0.2231, 0.3890), abs=5e-5)
    assert abs_at(ouve.published(48), 1.0)[::2] == pytest.approx((0.1353, 0.7315), abs=5e-5)
    assert abs_at(BBED(), 0.713)[2] == pytest.approx(0.540, abs=5e-4)
    assert abs_at(BBED(), 0.999)[2] == pytest.approx(0.0589, abs=5e-5)
    bridge = SchroedingerBridge()
    assert float(bridge.variance(number(1.0))) == pytest.approx(1.2056, abs=5e-5)
    assert abs_at(bridge, 0.709)[2] == pytest.approx(0.549, abs=5e-4)
    syndiff = [abs_at(variance_preserving.syndiff(), i / 5)[0] for i in (2, 3, 4, 5)]
    assert syndiff == pytest.approx([0.722, 0.280, 0.0586, 0.00657], rel=2e-3)
    spread = [abs_at(SelfRDB(), i / 10)[2] for i in (1, 5, 10)]
    assert spread == pytest.approx([0.291, 0.711, 1.076], abs=5e-4)


def test_syndiff_has_the_published_posterior() -> None:
    """Coefficients of x0 and x_t, and variances, of the steps 4 to 1."""
    times = [i / 5 for i in (5, 4, 3, 2, 1)]
    plan = ancestral().plan(variance_preserving.syndiff(), times)[::-1]
    assert [step.B[0] for step in plan] == pytest.approx([1, 0.666, 0.269, 0.0578], abs=6e-4)
    assert [step.A[0] for step in plan] == pytest.approx([0, 0.202, 0.193, 0.112], abs=6e-4)
    assert [step.sigma**2 for step in plan] == pytest.approx([0, 0.441, 0.884, 0.984], abs=6e-4)


def test_zero_terminal_snr_keeps_the_first_step_and_ends_in_noise() -> None:
    plain = variance_preserving.discrete([1e-4 + (2e-2 - 1e-4) * i / 99 for i in range(100)])
    shifted = dataclasses.replace(plain, zero_snr=True)
    assert abs_at(shifted, 0.01)[0] == pytest.approx(abs_at(plain, 0.01)[0], rel=1e-14)
    assert abs_at(shifted, 1.0) == (0.0, 0.0, 1.0)


def test_the_denoising_sde_forgets_its_noise_while_it_adds_some() -> None:
    """Cov(x_n, x_t | x0) of the equation of the paper is exp(-(Theta_t - Theta_n)) s_n^2."""
    process = DenoisingSDE()
    theta = process.theta(torch.tensor([0.3, 0.7], dtype=torch.float64))
    ratio = process.phi(number(0.7)) / process.phi(number(0.3))
    assert float(ratio) == pytest.approx(math.exp(float(theta[0] - theta[1])), rel=1e-12)
    noisy = process.time_of_noise(25 / 255)
    assert abs_at(process, noisy)[2] == pytest.approx(25 / 255, rel=1e-9)
    with pytest.raises(InputError, match=r"this process has 0 to 0\.29"):
        process.time_of_noise(0.5)


def test_the_reverse_sde_of_the_denoising_sde_is_the_published_one() -> None:
    """x + sigma^2 (1 + A) score dt/2 + sigma sqrt(dt) xi, A = exp(-2 Theta), one of 100 steps."""
    process, t = DenoisingSDE(clock=theta_table()), 0.37
    (step,) = EulerMaruyama(denoise_last=False, chain=True).plan(process, [t, t - 0.01])
    increment = float(process.theta(number(t)) - process.theta(number(t - 0.01)))  # theta dt
    grown = math.exp(-2 * float(process.theta(number(t))))
    noise = 2 * increment * process.level**2  # sigma^2 dt
    pull = noise * (1 + grown) / 2 / abs_at(process, t)[2] ** 2  # score = -(x - D)/s^2
    assert (step.A[0], step.B[0]) == pytest.approx((1 - pull, pull), rel=1e-9)
    assert step.sigma == pytest.approx(math.sqrt(noise), rel=1e-9)
    assert step.C == 0


@pytest.mark.parametrize("name", ["OUVE 16 kHz", "SelfRDB", "cosine"])
def test_where_phi_is_a_the_chain_has_the_noise_of_the_equation(name: str) -> None:
    t = torch.tensor([0.11, 0.52, 0.83], dtype=torch.float64)
    torch.testing.assert_close(chain_noise(EVERY[name], t), rates(EVERY[name], t)[2])


def test_corediff_is_the_plain_step_with_the_implied_end() -> None:
    """x - D(x1, x2, t) + D(x1, x2, t') with x2 = (x - (1 - t) x1)/t, over its ten steps."""
    process, y = ColdDiffusion(), torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(1, 1, 6)

    def network(x: Tensor, t: float) -> Tensor:
        return 0.8 * x + 0.05 * y * (1 + t)

    times = cold_diffusion.published()
    assert len(times) == 11
    expected = y
    for t, later in itertools.pairwise(times):
        x1 = network(expected, t)
        x2 = (expected - (1 - t) * x1) / t
        expected = expected - ((1 - t) * x1 + t * x2) + ((1 - later) * x1 + later * x2)
    for solver in (DDIM(), ancestral()):
        found = run_plan(
            lambda x, t, y, level: Estimate(network(x, t)), y, solver.plan(process, times), y=y
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)


def test_self_consistent_recursion_stops_where_it_no_longer_changes() -> None:
    calls = []

    def network(x: Tensor, t: float, y: Tensor | None, last: Tensor) -> Tensor:
        calls.append(1)
        return 0.1 * last + x

    x = torch.ones(2, 1, 3)
    recursive = SelfConsistent(network, rounds=20, tol=0.005)
    torch.testing.assert_close(recursive(x, 0.5).x0, torch.full_like(x, 1.111))
    assert len(calls) == 4  # 1, 1.1, 1.11, 1.111: the last change is .001
    coded = dataclasses.replace(recursive, as_coded=True)(x, 0.5).x0
    torch.testing.assert_close(coded, torch.full_like(x, 1.11))


def test_the_reverse_steps_of_selfrdb_as_coded_are_too_noisy() -> None:
    """Chained with the true x0 they end with sqrt(S) in place of s: .814 for .711 in the middle."""
    process = SelfRDB()
    for plan, spread in ((process, 0.711), (process.coded(), 0.814)):
        variance = abs_at(process, 1.0)[2] ** 2
        for step in ancestral().plan(plan, [1.0, 0.9, 0.8, 0.7, 0.6, 0.5]):
            variance = step.A[0] ** 2 * variance + step.sigma**2
        assert math.sqrt(variance) == pytest.approx(spread, abs=5e-4)


def test_what_cannot_be_is_told() -> None:
    with pytest.raises(InputError, match="did you mean 've'"):
        SchroedingerBridge("vee")
    with pytest.raises(InputError, match="expected 'geometric' or 'linear'"):
        VarianceExploding(law="square")
    with pytest.raises(ValueError, match="expected 16 or 48"):
        ouve.published(8)
