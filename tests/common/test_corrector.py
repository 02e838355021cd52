"""Predictor-corrector sampling, the coded bridge, adaptive integration: laws, not trajectories."""

import itertools
import math

import pytest
import torch
from oracles import EVERY, abs_at, broad, gaussian, law, number
from torch import Tensor

from undrift.common.asked_later import AskedLater
from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.exact import Mixture
from undrift.common.external import External
from undrift.common.processes import OUVE, BrownianBridge, Process, SchroedingerBridge
from undrift.common.solvers import DDIM
from undrift.common.solvers.adaptive import probability_flow
from undrift.common.solvers.coded_bridge import CodedBridge
from undrift.common.solvers.corrector import PredictorCorrector
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.plan import calls

DATA = gaussian([0.2, -0.1], [0.3, 0.15])
Y = torch.tensor([0.6, -0.4], dtype=torch.float64)


def variance(process: Process, t: float) -> Tensor:
    a, _, s = abs_at(process, t)
    return a**2 * DATA.moments()[1] + s**2


@pytest.mark.parametrize("process", [OUVE(), EVERY["VP"], EVERY["residual shift"]])
def test_a_corrector_leaves_the_true_law_nearly_alone(process: Process) -> None:
    """Langevin steps have the marginal as their stationary law, up to the size of the step."""
    t, errors = 0.5, []
    a, b, _ = abs_at(process, t)
    mean = a * DATA.moments()[0] + b * Y
    for snr in (0.2, 0.1, 0.05):
        solver = PredictorCorrector("ald", snr, corrections=1)
        step = solver.plan(process, [t, 0.2])[0]
        start, end = law(DATA, process, [step], Y)
        torch.testing.assert_close(end.mean(start.mean(mean)), mean, rtol=1e-9, atol=1e-12)
        change = end.variance(variance(process, t)) / variance(process, t) - 1
        errors.append(float(change.abs().max()))
    orders = [math.log2(left / right) for left, right in itertools.pairwise(errors)]
    assert orders == pytest.approx([4.0, 4.0], abs=0.25)  # e^2 with e = 2 snr^2


def test_many_steps_have_the_law_of_the_data() -> None:
    process = OUVE()
    times = [*torch.linspace(1, 0.01, 400).tolist(), 0.0]
    for corrector in ("ald", "none"):
        plan = PredictorCorrector(corrector, 0.1).plan(process, times)
        a, b, _ = abs_at(process, 1.0)
        last = law(DATA, process, plan, Y)[-1]
        mean, spread = DATA.moments()
        torch.testing.assert_close(last.mean(a * mean + b * Y), mean, rtol=0, atol=0.01)
        torch.testing.assert_close(last.variance(variance(process, 1.0)), spread, rtol=0.05, atol=0)


def test_every_corrector_step_costs_a_call() -> None:
    times = [1.0, 0.6, 0.3, 0.0]
    counts = [
        calls(PredictorCorrector(name, corrections=n).plan(OUVE(), times))
        for name, n in (("none", 1), ("ald", 1), ("langevin", 2))
    ]
    assert counts == [3, 6, 9]


def test_the_normed_step_has_the_length_it_promises() -> None:
    """e = 2 (snr |xi|/|score|)^2, so e |score| = 2 snr^2 |xi|^2/|score|, whatever the scale."""
    process, snr = OUVE(), 0.3
    step = PredictorCorrector("langevin", snr).plan(process, [0.5, 0.2])[0]
    generator = torch.Generator().manual_seed(3)
    x, clean, noise = torch.randn(3, 4, 1, 50, dtype=torch.float64, generator=generator)
    a, b, s = abs_at(process, 0.5)
    y = torch.zeros_like(x)
    score = -(x - a * clean - b * y) / s**2
    sizes = [v.flatten(1).norm(dim=1).mean() for v in (noise, score)]
    e = 2 * (snr * sizes[0] / sizes[1]) ** 2
    found = step.advance([x], [clean], y, lambda: noise)
    torch.testing.assert_close(found, x + e * score + torch.sqrt(2 * e) * noise)


def test_a_pinned_bridge_begins_with_a_draw() -> None:
    plan = PredictorCorrector().plan(BrownianBridge(), [1.0, 0.5, 0.0])
    assert plan[0].sigma == pytest.approx(abs_at(BrownianBridge(), 0.5)[2])
    assert all(math.isfinite(v) for step in plan for v in (*step.A, *step.B, step.C, step.sigma))


def test_two_real_channels_are_a_complex_one_with_the_noise_over_root_two() -> None:
    """Complex noise of total variance 1 has 1/2 in each part."""
    x = torch.randn(1, 1, 4, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    noise = [torch.randn(1, 1, 4, dtype=torch.complex128) for _ in range(6)]

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return 0.5 * x

    whole, parts = OUVE(), OUVE(low=0.05 / math.sqrt(2), high=0.5 / math.sqrt(2))
    times = [1.0, 0.6, 0.2, 0.0]
    solver = PredictorCorrector("none")
    one = run_plan(
        External(network, whole, "x0"), x, solver.plan(whole, times), y=x, draw=lambda k: noise[k]
    )
    split = torch.view_as_real(x).movedim(-1, 1)[:, :, 0]
    two = run_plan(
        External(network, parts, "x0"), split, solver.plan(parts, times), y=split,
        draw=lambda k: torch.view_as_real(noise[k]).movedim(-1, 1)[:, :, 0] * math.sqrt(2),
    )  # fmt: skip
    torch.testing.assert_close(torch.view_as_real(one).movedim(-1, 1)[:, :, 0], two)


def test_the_coded_bridge_is_ddim_but_for_its_start() -> None:
    """Interior steps agree with the exact ones; the first leaves a wrong multiple of y."""
    process = SchroedingerBridge()
    times = [1.0, 0.8, 0.6, 0.4, 0.2, 1e-4]
    coded, exact = CodedBridge().plan(process, times), DDIM().plan(process, times)
    for ours, theirs in zip(exact[1:], coded[1:], strict=True):
        assert theirs.A[0] == pytest.approx(ours.A[0], abs=2e-6)
        assert theirs.B[0] == pytest.approx(ours.B[0], abs=2e-6)
    wrong = coded[0].A[0] + coded[0].C
    assert wrong == pytest.approx(0.675, abs=1e-3)
    assert abs_at(process, 0.8)[1] == pytest.approx(0.627, abs=1e-3)
    with pytest.raises(UsageError, match="use ddim"):
        CodedBridge().plan(OUVE(), times)


def test_asking_later_takes_the_next_time_of_the_grid() -> None:
    seen = []

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        seen.append(t)
        return Estimate(x)

    x = torch.zeros(1, 1, 2)
    times = [1.0, 0.5, 0.0]
    run_plan(AskedLater(denoise, times), x, DDIM().plan(OUVE(), times), y=x)
    assert seen == [0.5, 0.0]


@pytest.mark.parametrize("process", [EVERY["VP"], EVERY["IR-SDE"], OUVE()])
def test_the_adaptive_flow_is_the_exact_one(process: Process) -> None:
    data: Mixture = broad()
    start, end = 0.9, 0.3
    (a, b, s), (a1, b1, s1) = abs_at(process, start), abs_at(process, end)
    y = torch.tensor([[0.5, 0.1, -0.4]], dtype=torch.float64)
    v = torch.tensor([[0.3, -0.2, 0.5]], dtype=torch.float64)
    found, count = probability_flow(
        data.denoiser(process), process, a * v + b * y, start, end,
        y=y, method="DOP853", rtol=1e-8, atol=1e-8,
    )  # fmt: skip
    expected = data.flow(v, s / a, s1 / a1)
    torch.testing.assert_close((found - b1 * y) / a1, expected, rtol=0, atol=1e-6)
    assert count > 20
    assert float(process.a(number(end))) == a1


def test_unknown_correctors_are_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'langevin'"):
        PredictorCorrector("langevine")
