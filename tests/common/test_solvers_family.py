"""UniPC, Adams mixes, churn, temperature: exact relations between solvers and to closed forms."""

import math

import pytest
import torch
from oracles import EVERY, abs_at, broad
from paths import MEASURED, close
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.grids import build_grid, uniform
from undrift.common.processes import BrownianBridge, Flow, VariancePreserving
from undrift.common.solvers import (
    DDIM,
    MRS,
    SOLVERS,
    Adams,
    EulerMaruyama,
    Exponential,
    Heun,
    SingleStep,
    Solver,
    UniPC,
    ancestral,
    calls,
    deis,
    ghvb,
    ipndm,
    plms,
    pndm,
    summary,
)  # fmt: skip
from undrift.common.solvers.loop import run_plan
from undrift.common.solvers.measured import carried, ends, regular_grid

VP = VariancePreserving()
Y = torch.tensor([0.5, 0.1, -0.4], dtype=torch.float64)


def test_deis_in_log_rho_is_the_noise_form() -> None:
    times = regular_grid(VP, 20)
    expected = Exponential(3, form="noise", rule="taylor").plan(VP, times)
    close(deis(3, "lambda").plan(VP, times), expected)


def test_first_orders_are_one_map() -> None:
    times = regular_grid(VP, 6)
    expected = DDIM().plan(VP, times)
    for solver in (deis(1), Adams(1), UniPC(1), Heun(second=False), deis(1, "angle", "data")):
        found = solver.plan(VP, times)
        if isinstance(solver, UniPC):  # its first step; then it corrects
            close(found[:1], expected[:1])
        else:
            close(found, expected)


def test_adams_of_two_is_exact_for_equal_steps_in_rho() -> None:
    """There the fixed mix is the polynomial's."""
    ratios = torch.linspace(1.5, 0.3, 13, dtype=torch.float64)
    process = MEASURED["VE"]  # s/a = s, so that times of equal steps are at hand
    low, high = 0.01, 50.0
    times = (torch.log1p((ratios / low) ** 2) / (2 * math.log(high / low))).tolist()
    close(
        ipndm(2).plan(process, times), deis(2, "rho", lower_final=False).plan(process, times), 1e-9
    )
    close(
        ipndm(4).plan(process, times)[3:],
        Exponential(4, form="noise", variable="rho", lower_final=False, orders=(1, 2, 3, 4))
        .plan(process, times)[3:],
        1e-8,
    )  # fmt: skip


def test_momentum_of_one_is_none() -> None:
    times = regular_grid(VP, 12)
    close(ghvb(2.0).plan(VP, times), ipndm(2).plan(VP, times))
    plan = ghvb(1.8).plan(VP, times)
    assert len(plan[-1].B) == 12  # the velocity holds all past noises
    long = ghvb(1.8).plan(VP, regular_grid(VP, 60))
    assert len(long[-1].B) < 40  # but those that no longer count are cut


def test_pndm_starts_with_the_classical_runge_kutta_method() -> None:
    """Its first step against a step of the same method on dv/drho = eps, written out."""
    denoise = broad().denoiser(VP)
    times = [0.6, 0.45]
    (a, _, s), (a1, _, s1) = abs_at(VP, times[0]), abs_at(VP, times[1])
    v, rho, rho1 = ends()[0], s / a, s1 / a1

    def eps(v: Tensor, rho: float) -> Tensor:
        return (v - broad().posterior_mean(v, 1.0, rho)) / rho

    h = rho1 - rho
    k1 = eps(v, rho)
    k2 = eps(v + h / 2 * k1, rho + h / 2)
    k3 = eps(v + h / 2 * k2, rho + h / 2)
    expected = v + h / 6 * (k1 + 2 * k2 + 2 * k3 + eps(v + h * k3, rho1))
    found = run_plan(denoise, a * v, pndm().plan(VP, times), y=None) / a1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["data", "noise"])
def test_a_corrector_costs_nothing_and_lowers_the_error(form: str) -> None:
    times = regular_grid(VP, 32)
    plain, corrected = Exponential(2, form=form, rule="taylor"), UniPC(2, form)
    assert calls(corrected.plan(VP, times)) == calls(plain.plan(VP, times)) == 32
    errors = [
        float((carried(solver, VP, 32) - ends()[1]).abs().max()) for solver in (plain, corrected)
    ]
    assert errors[1] < errors[0] / 5


def test_the_variants_of_unipc_differ_only_where_a_half_is_fixed() -> None:
    times = regular_grid(VP, 20)
    full, second = (UniPC(3, variant=v).plan(VP, times) for v in ("full", "bh2"))
    close(full[:1], second[:1])
    assert pytest.approx(second[2].B, rel=1e-6) != full[2].B  # predictor of 3, corrector of 2
    for name in ("bh1", "bh2"):
        assert carried(UniPC(2, variant=name), VP, 50) == pytest.approx(ends()[1], abs=5e-4)


def test_given_orders_are_taken() -> None:
    times = regular_grid(VP, 5)
    plan = Exponential(3, orders=(1, 2, 1, 3)).plan(VP, times)
    assert [len(step.B) for step in plan] == [1, 2, 1, 3, 3]
    with pytest.raises(UsageError, match="none above it"):
        Exponential(2, orders=(1, 3))


def test_extrapolation_ends_on_the_line_through_the_last_estimates() -> None:
    """Of an estimate that is linear in the angle, the end of the line, and otherwise the last."""
    process = Flow()
    times = build_grid("angle", process, 5, 0.3)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, _, s = abs_at(process, t)
        return Estimate(torch.full_like(x, math.atan2(s, a * 0.3)))

    x = torch.zeros(1, 3, dtype=torch.float64)
    ended = deis(2, "angle", "data", lower_final=False, extrapolate=True)
    found = run_plan(denoise, x, ended.plan(process, times), y=x)
    assert float(found.abs().max()) < 1e-12  # the angle at the clean end is 0
    kept = run_plan(denoise, x, deis(2, "angle", "data").plan(process, times), y=x)
    assert float(kept.abs().max()) > 0.2
    with pytest.raises(UsageError, match="infinite at a clean end"):
        Exponential(2, extrapolate=True)


NOISY: dict[str, tuple[Solver, Solver]] = {
    "DDIM": (DDIM(0.7), DDIM(0.7, 0.25)),
    "ancestral": (ancestral(), ancestral(0.25)),
    "exponential": (Exponential(2, 1.0), Exponential(2, 1.0, temperature=0.25)),
    "noise form": (
        Exponential(2, 0.5, form="noise"), Exponential(2, 0.5, form="noise", temperature=0.25),
    ),
    "Euler-Maruyama": (EulerMaruyama(), EulerMaruyama(temperature=0.25)),
    "MRS": (MRS("sde-d-2"), MRS("sde-d-2", temperature=0.25)),
    "churn": (Heun(churn=4.0), Heun(churn=4.0, noise=0.25)),
}  # fmt: skip


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("process", ["VP", "Brownian bridge"])
def test_temperature_scales_the_noise_and_not_the_mean(name: str, process: str) -> None:
    hot, cold = (solver.plan(EVERY[process], [0.8, 0.5, 0.3, 0.1, 0.0]) for solver in NOISY[name])
    assert any(step.sigma > 0 for step in hot)
    for left, right in zip(hot, cold, strict=True):
        assert (left.A, left.B, left.C) == (right.A, right.B, right.C)
        assert right.sigma == pytest.approx(left.sigma / 4, rel=1e-12)


def test_churn_raises_the_noise_by_its_share_and_within_its_range() -> None:
    process = MEASURED["VE"]
    times = regular_grid(process, 20)
    plan = Heun(churn=4.0, low=0.3, high=1.0, noise=1.1).plan(process, times)
    stirred = [k for k, step in enumerate(plan) if not step.calls]
    inside = [t for t in times[:-1] if 0.3 <= abs_at(process, t)[2] <= 1.0]
    assert len(stirred) == len(inside)
    for k, t in zip(stirred, inside, strict=True):
        s = abs_at(process, t)[2]
        assert plan[k].t == t
        assert plan[k].sigma == pytest.approx(1.1 * s * math.sqrt(1.2**2 - 1), rel=1e-9)
        assert abs_at(process, plan[k + 1].t)[2] == pytest.approx(1.2 * s, rel=1e-9)


def test_churn_stops_at_the_noise_a_process_has() -> None:
    plan = Heun(churn=40.0).plan(VP, uniform(VP, 4, 0.3))
    assert plan[0].calls  # at t = 1 there is no more of it
    assert all(step.t <= 1 for step in plan)
    assert all(step.calls for step in Heun(churn=4.0).plan(BrownianBridge(), [1.0, 0.0]))


def test_summaries_count_the_calls_of_real_plans() -> None:
    found = {name: summary(name) for name in SOLVERS}
    assert {found[name].calls for name in ("ddim", "unipc-3", "mrs-sde-d-2")} == {"n"}
    assert (found["heun"].calls, found["singlestep-3"].calls) == ("2 n - 1", "3 n - 2")
    assert (found["plms"].calls, found["pndm"].calls) == ("n + 1", "n + 9")
    assert found["sde-multistep-3"].order == 2  # weak
    assert [name for name in found if found[name].noisy] == [
        name for name in SOLVERS
        if "sde" in name.split("-") or name in
        ("ancestral", "ddim-0.5", "euler-ancestral", "edm-churn", "euler-maruyama")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: UniPC(4), "1, 2 or 3"),
        (lambda: UniPC(2, variant="bh3"), "full|bh1|bh2"),
        (lambda: SingleStep(4), "expected 2 or 3"),
        (lambda: Adams(5), "1 to 4"),
        (lambda: Adams(start="warm"), "low|double"),
        (lambda: Heun(churn=-1.0), "not negative"),
        (lambda: MRS("sde-d-3"), "did you mean"),
        (lambda: plms(9), "1 to 4"),
    ],
)
def test_misuse_is_told(make: object, told: str) -> None:
    with pytest.raises(UsageError) as error:
        make()  # type: ignore[operator]
    assert told in str(error.value)
