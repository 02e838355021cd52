"""Moment matching with networks whose Jacobian is no covariance: skew, or of the wrong sign."""

from typing import Any

import pytest
import torch
from gaussian_posterior import SIZE, SPREAD, VP, arrays, prior, some, twenty_calls
from oracles import abs_at
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.jfps import JFPS
from undrift.common.posterior.krylov import System, conjugate_gradients, gmres
from undrift.common.posterior.moment_matching import MomentMatching


def skewed(strength: float, **options: Any) -> MomentMatching:
    """The true denoiser with a skew part added to its Jacobian, and to that alone."""
    p = arrays("gaussian_problem")
    fair = prior(p["prior_mean"], p["prior_cov"])
    raw = some(SIZE, SIZE, seed=5)
    skew = strength * (raw - raw.T) / (2 * SIZE) ** 0.5
    values, vectors = torch.linalg.eigh(p["prior_cov"])

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, _, s = abs_at(VP, t)
        root = vectors * (values * s**2 / (a**2 * values + s**2)).sqrt() @ vectors.T  # of V
        nothing = x - x.detach()
        return Estimate(fair(x, t, y, level).x0 + a / s**2 * nothing @ root @ skew @ root)

    operator, seen = Matrix(p["sr2_A"], (SIZE,)), p["sr2_y"][None]
    return MomentMatching(denoise, VP, operator, seen, 0.1, SPREAD, **options)


FIXED = some(4, SIZE, seed=6)


def exact_at(x: Tensor, t: float) -> Tensor:
    p = arrays("gaussian_problem")
    return prior(p["sr2_post_mean"], p["sr2_post_cov"])(x, t, None, None).x0


@pytest.mark.parametrize("method", ["cg", "gmres"])
def test_the_symmetric_part_of_a_skew_jacobian_is_the_covariance(method: str) -> None:
    options = {"iterations": 100, "tol": 1e-12, "method": method}
    whole = skewed(1.0, **options, symmetric=True)(FIXED, 0.2).x0
    torch.testing.assert_close(whole, exact_at(FIXED, 0.2), rtol=0, atol=1e-8)
    taken = skewed(1.0, **options)(FIXED, 0.2).x0
    assert (taken - exact_at(FIXED, 0.2)).abs().max() > 0.01


def test_conjugate_gradients_notice_a_skew_system_and_leave_it() -> None:
    """A skew part has no curvature of its own: S p must be looked at for the direction before."""
    raw, left = some(12, 12, seed=1), some(3, 12, seed=3)
    matrix = torch.eye(12, dtype=torch.float64) + 3 * (raw - raw.T)
    system = System(lambda p: (p, p @ matrix.T), left, left, 1.0)
    found = conjugate_gradients(system, 50, 1e-10)
    assert bool(found.broken.all())
    torch.testing.assert_close(found.residual, left - found.w @ matrix.T, rtol=0, atol=1e-9)
    assert not gmres(system, 50, 1e-10).broken.any()


def broken(factor: float) -> MomentMatching:
    """A network that answers to its state the wrong way round: V = -factor I."""
    p = arrays("gaussian_problem")

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        a, _, s = abs_at(VP, t)
        return Estimate(p["prior_mean"] - factor * a / s**2 * (x - FIXED))

    operator = Matrix(p["sr2_A"], (SIZE,))
    return MomentMatching(denoise, VP, operator, p["sr2_y"][None], 0.1, SPREAD)


@pytest.mark.parametrize("factor", [0.03, 0.04, 1.0])
def test_without_curvature_the_variance_of_pigdm_explains_the_rest(factor: float) -> None:
    """Nothing of V is used then: the answer is that of JFPS."""
    kind = broken(factor)
    fields = {k: v for k, v in vars(kind).items() if k in JFPS.__dataclass_fields__}
    found, free = kind(FIXED, 0.2).x0, JFPS(**fields)(FIXED, 0.2).x0
    torch.testing.assert_close(found, free, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["cg", "gmres"])
@pytest.mark.parametrize("strength", [0.5, 2.0, 8.0])
def test_a_skew_network_does_not_spoil_a_run(strength: float, method: str) -> None:
    """The measurement is explained as its noise asks for; unwatched, chi^2 gets to 8e10."""
    kind = skewed(strength, method=method)
    chi2 = (
        float((kind.operator(twenty_calls(kind, 200, 7)) - kind.measurement).square().mean())
        / 0.1**2
    )
    assert 0.8 < chi2 < 2.0


def test_a_symmetrised_run_is_that_of_the_true_covariance() -> None:
    found, fair = twenty_calls(skewed(8.0, symmetric=True), 20, 7), twenty_calls(skewed(0.0), 20, 7)
    torch.testing.assert_close(found, fair, rtol=0, atol=1e-8)
