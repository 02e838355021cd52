"""Bridges: ends, published numbers, and steps that keep the marginals exactly."""

import math

import pytest
import torch
from oracles import abs_at, number
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.predictions import PREDICTIONS, target, to_x0, weights
from undrift.common.processes import (
    I2SB,
    PROCESSES,
    RDDM,
    BrownianBridge,
    ConsecutiveBridge,
    Foellmer,
    Process,
    Resfusion,
    ResidualShift,
    StochasticInterpolant,
    brownian_bridge,
    build_process,
    i2sb,
    rddm,
    residual_shift,
)
from undrift.common.processes.process import log_snr, start
from undrift.common.solvers import DDIM, ancestral
from undrift.common.solvers.endings import QuietEnd
from undrift.common.solvers.loop import Denoise, run_plan

BRIDGES: dict[str, Process] = {
    "conference shift": residual_shift.published(4, 0.2, variant="conference"),
    "sin bridge": brownian_bridge.published(law="sin"),
    "consecutive": ConsecutiveBridge(),
    "RDDM": RDDM(),
    "RDDM .01, 20 steps": RDDM(20, 0.01),
    "RDDM powers": RDDM(100, 1.0, "average", "increased", None, 3.0),
    "RDDM normal": RDDM(100, 0.5, "normal", "average"),
    "RDDM from DDIM": rddm.ddim(),
    "Resfusion 12": Resfusion(),
    "Resfusion cosine": Resfusion(50, "cosine"),
    "I2SB": I2SB(),
    "I2SB as trained": I2SB(1.0, trained=True),
    "I2SB without noise": I2SB(1.0, cold=True),
    "interpolant": StochasticInterpolant(),
    "interpolant trig": StochasticInterpolant("trig", "bsquared", 0.5),
    "one-sided": StochasticInterpolant("one-sided-trig"),
    "Foellmer": Foellmer(),
    "Foellmer linear": Foellmer(0.3, 1),
}
RISING = [name for name in BRIDGES if name != "I2SB without noise"]


@pytest.fixture(params=BRIDGES)
def process(request: pytest.FixtureRequest) -> Process:
    return BRIDGES[request.param]


def test_the_clean_end_is_exact(process: Process) -> None:
    """A Foellmer process has phi = 0 there: only the ratios of phi count, and none is taken."""
    zero = torch.zeros(1, dtype=torch.float64)
    ends = [float(f(zero)) for f in (process.a, process.b, process.s, process.phi)]
    assert ends == [1.0, 0.0, 0.0, 0.0 if isinstance(process, Foellmer) else 1.0]


@pytest.mark.parametrize("name", RISING)
def test_noise_to_signal_never_falls(name: str) -> None:
    ratio = log_snr(BRIDGES[name], torch.linspace(0.001, 0.999, 500, dtype=torch.float64))
    assert bool((ratio[1:] <= ratio[:-1]).all())


@pytest.mark.parametrize("name", RISING)
def test_the_chain_of_phi_only_adds_noise(name: str) -> None:
    t = torch.linspace(0.002, 0.999, 1200, dtype=torch.float64)
    spread = BRIDGES[name].s(t) ** 2 / BRIDGES[name].phi(t) ** 2
    assert bool((spread[1:] >= spread[:-1] * (1 - 1e-12)).all())


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_steps_keep_the_marginals(process: Process, eta: float) -> None:
    """q(x_t | x0, y) goes to q(x_n | x0, y) exactly, mean (with its C y) and variance."""
    times = [1.0, 0.83, 0.51, 0.34, 0.107, 0.02, 0.0]
    x0, y = 0.7, -0.4
    for step, n in zip(DDIM(eta).plan(process, times), times[1:], strict=True):
        (a, b, s), (a1, b1, s1) = abs_at(process, step.t), abs_at(process, n)
        mean = step.A[0] * (a * x0 + b * y) + step.B[0] * x0 + step.C * y
        assert mean == pytest.approx(a1 * x0 + b1 * y, abs=2e-15, rel=1e-12)
        variance = (step.A[0] * s) ** 2 + step.sigma**2
        # Where s = 0 at t = 1 eta = 0 has no noise to carry on, and none is made up.
        assert variance == pytest.approx(s1**2, abs=1e-15, rel=1e-12)


def oracle(x0: Tensor) -> Denoise:
    return lambda x, t, y, level: Estimate(x0)


@pytest.mark.parametrize("solver", [DDIM(), DDIM(0.5), ancestral()])
def test_a_perfect_network_gives_the_clean_signal(process: Process, solver: DDIM) -> None:
    x0, y, *draws = torch.randn(9, 2, 1, 3, dtype=torch.float64)
    plan = solver.plan(process, [1.0, 0.7, 0.3, 0.1, 0.0])
    x = start(process, y, draws[0])
    found = run_plan(oracle(x0), x, plan, y=y, draw=lambda k: draws[k])
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-13)


def test_the_published_end_of_i2sb_stops_short() -> None:
    """Its last time is 1/T: with x0 = .5, y = -.5 the mean is 7e-4 off at the published x0."""
    process = I2SB(0.3)
    x0, y = torch.full((1, 1, 2), 0.5, dtype=torch.float64), torch.full((1, 1, 2), -0.5).double()
    draws = torch.zeros(30, 1, 1, 2, dtype=torch.float64)
    found = run_plan(
        oracle(x0), y, QuietEnd(ancestral()).plan(process, i2sb.times(20)), y=y,
        draw=lambda k: draws[k],
    )  # fmt: skip
    a, b, _ = abs_at(process, 1e-3)
    torch.testing.assert_close(found, a * x0 + b * y, rtol=0, atol=1e-13)
    assert 6.9e-4 < float((x0 - found).abs().max()) < 7.2e-4
    clean = ancestral().plan(process, i2sb.times(20, clean=True))
    found = run_plan(oracle(x0), y, clean, y=y, draw=lambda k: draws[k])
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_every_target_gives_its_clean_signal_back(process: Process, name: str) -> None:
    x0, y, noise = torch.randn(3, 1, 1, 5, dtype=torch.float64)
    for t in (0.9, 0.45, 0.1):
        time = number(t)
        abs_ = (process.a(time), process.b(time), process.s(time))
        pqr = weights(name, process, time)
        x = abs_[0] * x0 + abs_[1] * y + abs_[2] * noise
        found = to_x0(pqr, abs_, target(pqr, x0, y, noise), x, y)
        informed = bool(pqr[2] * abs_[0] != abs_[2] * pqr[0]) or float(abs_[2]) == 0
        if informed and not (process.is_cold and name == "eps-scaled"):
            torch.testing.assert_close(found, x0, rtol=0, atol=1e-7)
        else:
            torch.testing.assert_close(found, y)


def test_processes_are_built_by_name_from_short_parameters() -> None:
    for name, kind in PROCESSES.items():
        assert build_process(name, {}) == kind()
        assert hash(kind()) == hash(kind())
    assert build_process("rddm", {"steps": 20, "sum_scale": 0.01}) == RDDM(20, 0.01)
    assert build_process("i2sb", {"rate": 1.0, "cold": True}) == I2SB(1.0, cold=True)


def test_published_numbers_of_residual_shifting() -> None:
    def roots(process: ResidualShift, steps: int) -> list[float]:
        t = torch.arange(1, steps + 1, dtype=torch.float64) / steps
        return process.root_eta(t).tolist()

    journal = residual_shift.published(4, 0.2)
    assert roots(journal, 4) == pytest.approx([0.1, 0.5201, 0.7614, 0.99], abs=5e-5)
    conference = residual_shift.published(4, 0.2, variant="conference")
    assert roots(conference, 4) == pytest.approx([0.0316, 0.3764, 0.6673, 0.99], abs=5e-5)
    fifteen = residual_shift.published(variant="conference")
    assert fifteen == residual_shift.published()  # the cap does nothing to .02
    assert residual_shift.respaced(15, 5) == [k / 15 for k in (13, 10, 7, 4, 1, 0)]
    with pytest.raises(InputError, match="'journal' or 'conference'"):
        residual_shift.published(variant="neurips")
    with pytest.raises(InputError, match="from 1 to 15"):
        residual_shift.respaced(15, 16)
    with pytest.raises(InputError, match="'latent' or 'pixel'"):
        residual_shift.input_scale(journal, number(0.5), "video")


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_the_conference_ddim_step_is_ours(eta: float) -> None:
    """mean = x0 + eta_n (y - x0) + sqrt(kappa^2 eta_n - sigma^2) eps with a noise of its own."""
    process = residual_shift.published(variant="conference")
    times = residual_shift.respaced(15, 15)
    for step, n in zip(DDIM(eta).plan(process, times), times[1:], strict=True):
        old, new = (float(process.root_eta(number(t))) ** 2 for t in (step.t, n))
        sigma = eta * 2.0 * math.sqrt(new / old * (old - new))
        keep = math.sqrt(4 * new - sigma**2)
        x, x0, y = 0.8, 0.3, -0.5
        eps = (x - x0 - old * (y - x0)) / (2.0 * math.sqrt(old))
        expected = x0 + new * (y - x0) + keep * eps
        assert step.A[0] * x + step.B[0] * x0 + step.C * y == pytest.approx(expected, abs=1e-13)
        assert step.sigma == pytest.approx(sigma, abs=1e-14)


def test_published_numbers_of_the_others() -> None:
    half = Resfusion()
    t = torch.arange(1, 6, dtype=torch.float64) / 5
    assert half.calls == 5
    assert half.root(t).tolist() == pytest.approx([0.9958, 0.9132, 0.7586, 0.5572, 0.5], abs=5e-5)
    assert Resfusion(273).calls == 100
    assert abs_at(half, 1.0) == pytest.approx((0.0, 0.5, math.sqrt(0.75)), abs=1e-15)
    sums = [float(I2SB(rate).forward_variance(number(1.0))) for rate in (0.3, 1.0)]
    assert sums == pytest.approx([0.1410, 0.2469], abs=5e-5)
    assert float(I2SB(0.3).s(number(0.5))) == pytest.approx(math.sqrt(sums[0]) / 2, rel=1e-9)
    i = torch.arange(1, 1001, dtype=torch.float64)
    torch.testing.assert_close(RDDM().b(i / 1000), i * (2001 - i) / 1_001_000, rtol=1e-13, atol=0)
    torch.testing.assert_close(
        RDDM(sum_scale=0.01).s(i / 1000) ** 2, 0.01 * i * (i + 1) / 1_001_000, rtol=1e-12, atol=0
    )
    assert float(BrownianBridge(0.5).s(number(0.5))) == 0.5


def test_a_foellmer_step_is_the_exact_transition() -> None:
    """Given both ends it is sigma times a Wiener process: A = sigma_n/sigma_t, and so on."""
    process = Foellmer(0.7)
    plan = ancestral().plan(process, [1.0, 0.6, 0.35, 0.1])
    for step, n in zip(plan[1:], (0.35, 0.1), strict=True):
        sigma, new = 0.7 * step.t, 0.7 * n
        assert step.A[0] == pytest.approx(new / sigma, rel=1e-13)
        assert step.sigma**2 == pytest.approx(new**2 * (step.t - n), rel=1e-13)
    assert plan[0].sigma == pytest.approx(0.7 * 0.6 * math.sqrt(0.4), rel=1e-14)  # from y itself


def test_what_cannot_be_is_told() -> None:
    for wrong, word in (
        (lambda: RDDM(noise="sinking"), "is not one of decreased"),
        (lambda: Resfusion(9), "begins at 10"),
        (lambda: Resfusion(12, "cubic"), "'linear' or 'cosine'"),
        (lambda: StochasticInterpolant("lineer"), "did you mean 'linear'"),
        (lambda: StochasticInterpolant(gamma="a-brownian"), "did you mean 'brownian'"),
        (lambda: Foellmer(power=3), "expected 1 or 2"),
        (lambda: BrownianBridge(growth=1.0075), "give knee"),
        (lambda: brownian_bridge.published(law="cosine"), "'linear' or 'sin'"),
        (lambda: brownian_bridge.skipped(2), "needs 3 to 1000"),
        (lambda: brownian_bridge.skipped(600), "at most 501 calls"),
        (lambda: rddm.skipped(0), "from 1 to 1000"),
        (lambda: i2sb.indices(1000), "from 1 to 999"),
    ):
        with pytest.raises(InputError, match=word):
            wrong()
