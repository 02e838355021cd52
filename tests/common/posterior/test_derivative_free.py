"""Derivative-free guidance on the Gaussian problem, where every limit is known."""

import pytest
import torch
from gaussian_posterior import SIZE, VP, arrays, distance, measured, prior
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.exact import number
from undrift.common.grids import by_angle, by_log_snr
from undrift.common.noise import Noise
from undrift.common.operators import Magnitude, Matrix
from undrift.common.posterior.dpg import DPG
from undrift.common.posterior.eki import kalman_inversion
from undrift.common.posterior.enkg import EnKG, EnsembleMatching
from undrift.common.posterior.ensemble import ensemble_noise
from undrift.common.posterior.gradient import DPS
from undrift.common.posterior.jfps import JFPS
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.proximal import DiffPIR
from undrift.common.posterior.scg import SCG
from undrift.common.posterior.smoothed_gradient import BlackBox, Smoothed
from undrift.common.solvers import Exponential
from undrift.common.solvers.ddim import DDIM, ancestral
from undrift.common.solvers.loop import Denoise, run_plan

NAMES = ["sr2", "inpaint", "blur"]


def normals(count: int, size: int = SIZE, draw: int = 0, seed: int = 0) -> Tensor:
    return ensemble_noise(Noise(seed), count, (size,), draw, torch.float64)


def prior_draws(count: int, seed: int = 0) -> Tensor:
    p = arrays("gaussian_problem")
    return p["prior_mean"] + normals(count, seed=seed) @ torch.linalg.cholesky(p["prior_cov"]).T


def without_derivative(denoise: Denoise) -> Denoise:
    """Fails where a derivative of the network is prepared."""

    def guarded(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        assert not (x.requires_grad and torch.is_grad_enabled())
        return Estimate(denoise(x, t, y, level).x0.detach())

    return guarded


def black_box(name: str) -> BlackBox:
    """The matrix as a program that leaves torch."""
    matrix = arrays("gaussian_problem")[f"{name}_A"].numpy()

    def simulate(x: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy() @ matrix.T)

    return BlackBox(simulate, (SIZE,), (len(matrix),))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("t", [0.9, 0.3, 0.05])
def test_with_more_particles_than_dimensions_the_match_is_exact(name: str, t: float) -> None:
    p = arrays("gaussian_problem")
    x = normals(80)
    free = measured(name, EnsembleMatching)
    free = EnsembleMatching(
        without_derivative(free.denoise), VP, black_box(name), free.measurement, free.sigma
    )
    exact = prior(p[f"{name}_post_mean"], p[f"{name}_post_cov"])(x, t, None, None).x0
    torch.testing.assert_close(free(x, t).x0, exact, rtol=0, atol=1e-7)


def test_particles_become_draws_of_the_posterior_in_twenty_calls() -> None:
    """1000 of them, so that a perfect sampler reads .12."""
    denoise = measured("sr2", EnsembleMatching)
    plan = Exponential(2).plan(VP, by_log_snr(VP, 20, 0.5, low=0.02))
    out = run_plan(denoise, float(VP.s(number(1.0))) * normals(1000), plan)
    far, ratio = distance((out.mean(0), torch.cov(out.T)), "sr2")
    assert far < 0.15
    assert ratio == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", ["sr2", "inpaint"])
def test_the_published_push_explains_the_data_but_is_no_posterior(name: str) -> None:
    """The mean comes from the prior's towards the posterior's; the published weight of 2 explains
    the measurement far below its noise, and leaves less than half of the posterior's spread."""
    p = arrays("gaussian_problem")
    mean, width = p[f"{name}_post_mean"], p[f"{name}_post_cov"].diagonal().sqrt().mean()
    start = float(VP.s(number(1.0))) * normals(200)
    plan = ancestral().plan(VP, by_angle(VP, 100, 0.5))
    gaps, squares, ratios = [], [], []
    for weight in (0.3, 2.0):
        free = measured(name, EnKG, weight=weight)
        out = free.run(start, plan, draw=lambda k: normals(200, draw=k))
        gaps.append(float((out.mean(0) - mean).norm() / (p["prior_mean"] - mean).norm()))
        squares.append(float(((p[f"{name}_y"] - free.operator(out)) / 0.1).square().mean()))
        ratios.append(float(out.std(0).mean() / width))
    assert max(gaps) < 0.5
    assert squares[1] < 0.02 < squares[0] < 1
    assert ratios[1] < 0.5 < ratios[0] < 1


@pytest.mark.parametrize(("name", "parts"), [("sr2", (1.0,)), ("blur", (0.1, 0.3, 0.6))])
def test_kalman_inversion_draws_from_the_posterior(name: str, parts: tuple[float, ...]) -> None:
    """4000 particles, so that exact draws read .06, and the estimated gain adds as much again."""
    p = arrays("gaussian_problem")
    m = p[f"{name}_y"][None]

    def draw(k: int) -> Tensor:
        return normals(4000, m.shape[1], k, seed=5)

    out = kalman_inversion(prior_draws(4000), black_box(name), m, 0.1, parts, draw)
    far, ratio = distance((out.mean(0), torch.cov(out.T)), name)
    assert far < 0.13
    assert ratio == pytest.approx(1, abs=0.05)


def test_the_error_of_kalman_inversion_falls_with_the_particles() -> None:
    """As the root of their number: by two for four times as many, over eight repetitions."""
    p = arrays("gaussian_problem")
    far = []
    for count in (100, 400, 1600):
        gaps = []
        for seed in range(8):
            out = kalman_inversion(
                prior_draws(count, seed), black_box("sr2"), p["sr2_y"][None], 0.1, (0.5, 0.5),
                lambda k, n=count, seed=seed: normals(n, 16, k, seed=100 + seed),
            )  # fmt: skip
            gaps.append((out.mean(0) - p["sr2_post_mean"]).square().sum())
        far.append(float(torch.stack(gaps).mean().sqrt()))
    assert far[1] == pytest.approx(far[0] / 2, rel=0.25)
    assert far[2] == pytest.approx(far[1] / 2, rel=0.25)


def test_one_candidate_is_the_prior_and_more_follow_the_data() -> None:
    plan = ancestral().plan(VP, by_angle(VP, 25, 0.5))
    start = float(VP.s(number(1.0))) * normals(20)

    def draw(k: int) -> Tensor:
        return normals(20, SIZE, k)

    p = arrays("gaussian_problem")
    denoise = prior(p["prior_mean"], p["prior_cov"])
    misfits = []
    for candidates in (1, 4, 16):
        free = measured("sr2", SCG, candidates=candidates)
        out = free.run(start, plan, draw)
        misfits.append(float((p["sr2_y"] - free.operator(out)).square().mean()))
        if candidates == 1:
            torch.testing.assert_close(out, run_plan(denoise, start, plan, draw=draw))
    assert misfits[0] > 2 * misfits[1] > 4 * misfits[2]


def test_many_weighed_draws_are_the_jacobian_free_guidance() -> None:
    """Two measured values, 40000 draws; the error falls as the root of their number."""
    p = arrays("gaussian_problem")
    operator = Matrix(p["sr2_A"][:2], (SIZE,))
    denoise = without_derivative(prior(p["prior_mean"], p["prior_cov"]))
    m, x, t = p["sr2_y"][None, :2], normals(3), 0.3
    truth = JFPS(denoise, VP, operator, m, 0.1, 0.5)(x, t).x0
    moved = float((truth - denoise(x, t, None, None).x0).norm())
    gaps = []
    for count in (400, 40_000):
        free = DPG(denoise, VP, operator, m, 0.1, 0.5, draws=count)
        gaps.append(float((free(x, t).x0 - truth).norm()) / moved)
        assert 1 < float(free.effective(x, t).min()) < count
    assert gaps[1] < 0.3 * gaps[0]
    assert gaps[1] < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_as_many_directions_as_dimensions_give_the_methods_themselves(name: str) -> None:
    """Five steps of conjugate gradients: after more the blur magnifies rounding a million times."""
    x, t = normals(3), 0.3
    for kind, options in (
        (DPS, {}), (DiffPIR, {}), (PiGDM, {}), (MomentMatching, {"iterations": 5, "tol": 0.0}),
    ):  # fmt: skip
        method = measured(name, kind, **options)
        program = Smoothed(black_box(name), SIZE, width=1.0)
        free = kind(method.denoise, VP, program, method.measurement, 0.1, **options)
        torch.testing.assert_close(free(x, t).x0, method(x, t).x0, rtol=0, atol=1e-9)


def test_few_directions_are_right_on_average_with_the_variance_that_is_told() -> None:
    """|J^T v|^2 is estimated with a relative variance near n / K."""
    operator = Smoothed(black_box("sr2"), 16)
    x, v = normals(1), torch.ones(1, 16, dtype=torch.float64)
    truth = arrays("gaussian_problem")["sr2_A"].T @ v[0]
    found = torch.cat([operator.linearise(x)[1].adjoint(v) for _ in range(400)])
    spread = (found - truth).square().sum(1).mean() / truth.square().sum()
    assert float((found.mean(0) - truth).norm() / truth.norm()) < 3 * (SIZE / 16 / 400) ** 0.5
    assert float(spread) == pytest.approx(SIZE / 16 - 1, rel=0.15)  # orthogonal: n / K - 1


def test_a_curved_simulator_has_its_own_jacobian() -> None:
    bent = BlackBox(lambda x: x.sin() + x**2, (5,), (5,))
    x = normals(2, 5)
    value, jacobian = Smoothed(bent, 5, width=1e-5).linearise(x)
    torch.testing.assert_close(value, x.sin() + x**2)
    u = normals(2, 5, 1)
    torch.testing.assert_close(jacobian(u), (x.cos() + 2 * x) * u, rtol=0, atol=1e-8)
    torch.testing.assert_close(jacobian.adjoint(u), (x.cos() + 2 * x) * u, rtol=0, atol=1e-8)


def test_what_cannot_be_is_refused() -> None:
    free = measured("sr2", EnsembleMatching)
    with pytest.raises(InputError, match="1 particles of 1 measurements"):
        free(normals(1), 0.5)
    with pytest.raises(InputError, match="sum of 1"):
        kalman_inversion(
            normals(3), free.operator, free.measurement, 0.1, (0.5,), lambda k: normals(3, 16)
        )
    with pytest.raises(InputError, match="the black box gave"):
        BlackBox(lambda x: x, (4,), (3,))(normals(2, 4))
    with pytest.raises(InputError, match="0 directions"):
        Smoothed(Magnitude((4,)), 0)
    with pytest.raises(InputError, match="even number"):
        measured("sr2", DPG, draws=3)
    with pytest.raises(InputError, match="first order that draw noise"):
        plan = DDIM().plan(VP, by_angle(VP, 3, 0.5))
        measured("sr2", SCG).run(normals(2), plan, lambda k: normals(2))
