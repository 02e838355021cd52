"""Processes: exact ends, the official schedules, derivatives and Markov consistency."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import EVERY, abs_at, number
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes import (
    BrownianBridge,
    Flow,
    MeanReverting,
    Process,
    ResidualShift,
    VariancePreserving,
    brownian_bridge,
    build_process,
    residual_shift,
)
from undrift.common.processes.mean_reverting import theta_table
from undrift.common.processes.process import (
    angle,
    log_snr,
    marginal,
    rates,
    start,
    time_of_angle,
)
from undrift.common.processes.variance_preserving import discrete

REFERENCE = Path(__file__).parents[1] / "reference"
BETAS = np.linspace(1e-4, 2e-2, 1000)
TABLED: dict[str, Process] = {
    "ResShift 4": residual_shift.published(4, 0.2),
    "BBDM": brownian_bridge.published(),
    "IR-SDE cosine 100": MeanReverting(clock=theta_table("cosine", 100)),
    "DDPM": discrete(BETAS.tolist()),
}
ALL = {**EVERY, **TABLED}
INNER = torch.linspace(0.013, 0.987, 41, dtype=torch.float64)


@pytest.fixture(params=ALL)
def process(request: pytest.FixtureRequest) -> Process:
    return ALL[request.param]


def near(ours: Tensor, theirs: np.ndarray, tolerance: float, absolute: float = 0.0) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=tolerance, atol=absolute)


def test_the_clean_end_is_exact(process: Process) -> None:
    zero = torch.zeros(1, dtype=torch.float64)
    ends = [float(f(zero)) for f in (process.a, process.b, process.s, process.phi)]
    assert ends == [1.0, 0.0, 0.0, 1.0]
    assert math.isinf(float(log_snr(process, zero)))
    assert float(angle(process, zero, 0.35)) == 0.0


def test_noise_to_signal_only_grows(process: Process) -> None:
    ratio = log_snr(process, torch.linspace(0.001, 0.999, 500, dtype=torch.float64))
    assert bool((ratio[1:] < ratio[:-1]).all())


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("s15", residual_shift.published()),
        ("s4", residual_shift.published(4, 0.2)),
        ("s15k1", residual_shift.published(kappa=1.0)),
        ("s10k05p2", residual_shift.published(10, kappa=0.5, power=2.0, last=0.95)),
        ("s15", ResidualShift()),
    ],
)
def test_residual_shift_is_the_official_schedule(name: str, ours: ResidualShift) -> None:
    official = np.load(REFERENCE / "resshift.npz")
    t = torch.arange(1, len(official[f"{name}.a"]) + 1, dtype=torch.float64) * ours.knee
    near(ours.root_eta(t), official[f"{name}.sqrt_etas"], 1e-12)
    near(ours.a(t), official[f"{name}.a"], 1e-12)
    near(ours.b(t), official[f"{name}.b"], 1e-12)
    near(ours.s(t), official[f"{name}.s"], 1e-12)


@pytest.mark.parametrize(("name", "spread"), [("linear", 1.0), ("linear_v0.5", 0.5)])
def test_brownian_bridge_is_the_official_schedule(name: str, spread: float) -> None:
    official, ours = np.load(REFERENCE / "bbdm.npz"), brownian_bridge.published(spread=spread)
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    near(ours.b(t), official["linear.m_t"], 1e-12)
    near(ours.s(t) ** 2, official[f"{name}.variance_t"], 1e-11)


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant"])
@pytest.mark.parametrize(("steps", "level"), [(100, 10), (100, 50), (1000, 50)])
def test_mean_reverting_is_the_official_schedule(kind: str, steps: int, level: int) -> None:
    official = np.load(REFERENCE / "irsde_schedules.npz")
    key = f"{kind}_T{steps}_s{level}_"
    ours = MeanReverting(level / 255, 0.005, theta_table(kind, steps))
    t = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    rising = official[key + "thetas_cumsum"].astype(float)[1:] * official[key + "dt"]
    # The official tables are float32, with cancellation in the first steps.
    near(ours.theta(t), rising, 1e-5, 3e-8)
    near(ours.s(t) ** 2, official[key + "sigma_bars"].astype(float)[1:] ** 2, 1e-5, 1e-8)
    speeds = official[key + "thetas"].astype(float)[1:] * official[key + "dt"] * steps
    f, k, g2 = rates(ours, t)
    near(-f, speeds, 1e-5, 3e-6)
    near(k, speeds, 1e-5, 3e-6)
    near(g2, 2 * (level / 255) ** 2 * speeds, 1e-5, 1e-6)


def test_variance_preserving_meets_every_discrete_beta() -> None:
    ours = discrete(BETAS.tolist())
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    kept = np.cumprod(1 - BETAS)
    near(ours.a(t) ** 2, kept, 1e-11)
    near(ours.s(t) ** 2, 1 - kept, 1e-10)


def test_continuous_clocks_are_the_limits_of_the_discrete_ones() -> None:
    t = torch.linspace(0.05, 1, 20, dtype=torch.float64)
    fine, limit = MeanReverting(clock=theta_table("cosine", 2000)), MeanReverting()
    near(fine.theta(t), limit.theta(t).numpy(), 1e-3, 6e-3)
    betas = (0.1 + 19.9 * (np.arange(2000) + 0.5) / 2000) / 2000
    near(discrete(betas.tolist()).decay(t), VariancePreserving().decay(t).numpy(), 6e-3)


@pytest.mark.parametrize("sigma_d", [0.1, 1.0])
def test_angle_and_time_invert_each_other(process: Process, sigma_d: float) -> None:
    psi = angle(process, INNER, sigma_d)
    assert torch.allclose(time_of_angle(process, psi, sigma_d), INNER, rtol=0, atol=2e-12)
    assert float(time_of_angle(process, number(0.0), sigma_d)) == 0.0


def test_a_pinned_bridge_starts_at_a_right_angle() -> None:
    assert float(angle(BrownianBridge(), number(1.0), 0.3)) == math.pi / 2
    assert float(log_snr(BrownianBridge(), number(1.0))) == -math.inf


def closed_forms() -> dict[str, tuple[Process, Tensor, Tensor, Tensor]]:
    t = INNER
    beta = 0.1 + 19.9 * t
    cosine = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    theta = 1 - cosine / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    fine = torch.linspace(0, 1, 20001, dtype=torch.float64)
    law = (
        1
        - torch.cos((fine + 0.008) / 1.008 * math.pi / 2) ** 2
        / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    )
    theta = theta * -math.log(0.005) / float(torch.trapezoid(law, fine))
    shift = ResidualShift()
    place = (t - 1 / 15) / (14 / 15)
    eta = torch.where(t < 1 / 15, (0.02 * 15 * t) ** 2, shift.root_eta(t) ** 2)
    log_rate = torch.where(
        t < 1 / 15, 2 / t, 2 * math.log(49.5) * 0.3 * place.clamp(min=1e-9) ** -0.7 / (14 / 15)
    )
    speed = eta * log_rate
    zero = torch.zeros_like(t)
    return {
        "VP": (VariancePreserving(), -beta / 2, zero, beta),
        "IR-SDE": (MeanReverting(), -theta, theta, 2 * (50 / 255) ** 2 * theta),
        "residual shift": (
            shift, -speed / (1 - eta), speed / (1 - eta), 4 * speed * (1 + eta) / (1 - eta)
        ),
        "Brownian bridge": (
            BrownianBridge(0.7), -1 / (1 - t), 1 / (1 - t), torch.full_like(t, 1.4)
        ),
        "flow": (Flow(0.8), -1 / (1 - t), zero, 0.64 * 2 * t / (1 - t)),
    }  # fmt: skip


@pytest.mark.parametrize("name", closed_forms())
def test_rates_are_the_closed_forms(name: str) -> None:
    process, *expected = closed_forms()[name]
    for ours, theirs in zip(rates(process, INNER), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-8, atol=1e-12)


def test_rates_are_the_slopes_of_the_functions(process: Process) -> None:
    """f, k, g^2 from central differences; nodes of a table are kinks and are kept out."""
    t, h = (torch.arange(3, 97, 7, dtype=torch.float64) + 0.37) / 100, 1e-6
    f, k, g2 = rates(process, t)

    def change(function: object) -> Tensor:
        return (function(t + h) - function(t - h)) / (2 * h)  # type: ignore[operator]

    torch.testing.assert_close(f, change(lambda u: torch.log(process.a(u))), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(k, change(process.b) - f * process.b(t), rtol=1e-6, atol=1e-7)
    expected = -2 * process.s(t) ** 2 * change(lambda u: log_snr(process, u))
    torch.testing.assert_close(g2, expected, rtol=1e-6, atol=1e-8)


def test_the_chain_of_phi_only_adds_noise(process: Process) -> None:
    """s^2/phi^2 grows: the chain's g^2 = s^2 d/dt log(s^2/phi^2) is nowhere negative."""
    t = torch.linspace(0, 0.999, 1500, dtype=torch.float64)
    spread = process.s(t) ** 2 / process.phi(t) ** 2
    assert bool((spread[1:] >= spread[:-1]).all())


def test_the_chain_of_phi_has_the_marginals() -> None:
    """Two steps of the chain t1 -> t2 keep variance: s2^2 = c^2 s1^2 + added, added >= 0."""
    for process in ALL.values():
        for early, late in ((0.1, 0.4), (0.4, 0.9)):
            s1, s2 = abs_at(process, early)[2], abs_at(process, late)[2]
            c = float(process.phi(number(late)) / process.phi(number(early)))
            assert s2**2 - c**2 * s1**2 > 0


@pytest.mark.parametrize("name", [n for n, p in ALL.items() if not isinstance(p, ResidualShift)])
def test_where_phi_is_a_the_chain_is_the_equation(name: str) -> None:
    """There the SDE of `rates` is the Markov chain itself: both g^2 are one.

    For residual shifting phi = 1, which is another chain with the same marginals.
    """
    process = ALL[name]
    h = 1e-6
    t = (torch.arange(3, 97, 7, dtype=torch.float64) + 0.37) / 100
    ratio = [torch.log(process.s(u) ** 2 / process.phi(u) ** 2) for u in (t - h, t + h)]
    g2 = process.s(t) ** 2 * (ratio[1] - ratio[0]) / (2 * h)
    torch.testing.assert_close(g2, rates(process, t)[2], rtol=1e-6, atol=1e-8)


def test_marginal_and_start_follow_the_equation() -> None:
    process, (x0, y, noise) = ResidualShift(), torch.randn(3, 2, 1, 4, 4, dtype=torch.float64)
    t = torch.tensor([0.3, 0.8], dtype=torch.float64)
    for item in range(2):
        a, b, s = abs_at(process, float(t[item]))
        expected = a * x0[item] + b * y[item] + s * noise[item]
        torch.testing.assert_close(marginal(process, x0, y, t, noise)[item], expected)
    a, b, s = abs_at(process, 1.0)
    torch.testing.assert_close(start(process, y, noise), (a + b) * y + s * noise)
    a, b, s = abs_at(VariancePreserving(), 0.5)
    torch.testing.assert_close(start(VariancePreserving(), None, noise, 0.5), s * noise)


def test_only_paths_that_join_two_ends_need_the_degraded_one() -> None:
    assert [p.needs_degraded for p in EVERY.values()] == [False, True, True, True, False]


def test_unknown_names_and_parameters_are_told() -> None:
    assert build_process("flow", {"scale": 2.0}) == Flow(2.0)
    assert build_process("mean-reverting", {"clock": [0.0, 0.4, 1.0]}).clock == (0.0, 0.4, 1.0)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="did you mean 'brownian-bridge'"):
        build_process("brownian-brige", {})
    with pytest.raises(InputError, match="its parameters are kappa, first, last, power, knee"):
        build_process("residual-shift", {"kapa": 1.0})
    with pytest.raises(ValueError, match="expected 'cosine', 'linear' or 'constant'"):
        theta_table("cubic")
