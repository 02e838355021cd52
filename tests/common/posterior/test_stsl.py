"""STSL: on Gaussian priors DPS with inner steps, its trace a constant; on mixtures a real trace."""

import mixture_posterior
import pytest
import torch
from gaussian_posterior import VP, arrays, by_index, distance, measured
from oracles import abs_at
from published import normals
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.stsl import STSL, inverted
from undrift.common.solvers import Exponential
from undrift.common.solvers.ddim import DDIM


def slope(t: float) -> Tensor:
    """dD/dx of the Gaussian prior, by its formula."""
    a, _, s = abs_at(VP, t)
    covariance = arrays("gaussian_problem")["prior_cov"]
    return a * covariance @ torch.linalg.inv(a**2 * covariance + s**2 * torch.eye(64).double())


@pytest.mark.parametrize("name", ["sr2", "blur"])
def test_on_a_gaussian_prior_it_is_gaussian_dps_with_inner_steps(name: str) -> None:
    """A step of the prior after three of x + J^T A^T (m - A D) step / sigma^2, by matrices."""
    p = arrays("gaussian_problem")
    look, mean, step = p[f"{name}_A"], p["prior_mean"], 1e-4
    weight = step / (2 * float(p[f"{name}_sy"]) ** 2)
    method = measured(name, STSL, rule="square", weight=weight, bend=0.3, inner=3)
    plan = DDIM().plan(VP, [0.5, 0.3])
    x = start = normals(2, 64)
    found = method.run(start, plan, directions=lambda k, i: normals(1, 2, 64, seed=i))
    (a, _, s), (a1, _, s1), jacobian = abs_at(VP, 0.5), abs_at(VP, 0.3), slope(0.5)
    for _ in range(3):
        left = p[f"{name}_y"] - (mean + (x - a * mean) @ jacobian.T) @ look.T
        x = x + step / float(p[f"{name}_sy"]) ** 2 * left @ look @ jacobian
    clean = mean + (x - a * mean) @ jacobian.T
    torch.testing.assert_close(found, a1 * clean + s1 * (x - a * clean) / s, rtol=0, atol=1e-10)


def test_the_trace_of_a_gaussian_prior_pushes_nowhere() -> None:
    method = measured("sr2", STSL, bend=1.0, probes=3)
    x = normals(2, 64)
    plain = method.gradient(x, 0.4)
    full = method.gradient(x, 0.4, normals(3, 2, 64, seed=1))
    torch.testing.assert_close(full, plain, rtol=0, atol=1e-12)


def test_the_trace_of_a_mixture_is_that_of_its_hessian() -> None:
    """All unit directions and a short reach: the gradient of the exact trace, by autograd."""
    p = mixture_posterior.mixture()
    denoise, t = mixture_posterior.prior(), 0.3
    a, _, s = abs_at(VP, t)
    method = STSL(
        denoise, VP, Matrix(p["A"], (16,)), p["y"][None], 0.15, bend=16.0, weight=0.0,
        probes=16, reach=1e-4,
    )  # fmt: skip
    x = normals(1, 16)
    units = 4 * torch.eye(16).double().reshape(16, 1, 16)  # e e^T averages to the identity

    def trace(point: Tensor) -> Tensor:
        def score(z: Tensor) -> Tensor:
            return (a * denoise(z[None], t, None, None).x0[0] - z) / s**2

        return torch.func.jacrev(score)(point).diagonal().sum()

    expected = torch.func.grad(trace)(x[0])
    found = method.gradient(x, t, units)[0]
    assert float(expected.norm()) > 1e-2
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3 * float(expected.norm()))


def test_inversion_undoes_the_probability_flow() -> None:
    """Many steps up from a signal and down again: the signal."""
    p = arrays("gaussian_problem")
    method = measured("sr2", STSL)
    x0 = p["x_true"][None]
    times = [k / 1000 for k in range(500, 0, -2)]
    noisy = inverted(method.denoise, VP, x0, times)
    a, _, s = abs_at(VP, 0.5)
    covariance, first = p["prior_cov"], abs_at(VP, 0.002)
    values, vectors = torch.linalg.eigh(covariance)
    spread = [(u**2 * values + w**2).sqrt() for u, _, w in ((a, 0, s), first)]
    unit = (first[0] * (x0 - p["prior_mean"])) @ vectors / spread[1]
    expected = a * p["prior_mean"] + (unit * spread[0]) @ vectors.T
    torch.testing.assert_close(noisy, expected, rtol=0, atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weight", "bars"),
    [
        (0.3, {"sr2": 0.36, "inpaint": 0.41, "blur": 0.30}),
        (1.0, {"sr2": 0.36, "inpaint": 0.60, "blur": 0.77}),
    ],
)
def test_it_is_as_far_off_as_was_found_independently(weight: float, bars: dict[str, float]) -> None:
    """W2 of 50 times with 5 inner steps, data term only, by 1000 samples: within .04."""
    for name, expected in bars.items():
        generator = torch.Generator().manual_seed(0)
        start = torch.randn(1000, 64, dtype=torch.float64, generator=generator)
        method = measured(name, STSL, weight=weight, bend=0.0)
        out = method.run(start, DDIM().plan(VP, [*by_index(50), 0.0]))
        found = distance((out.mean(0), torch.cov(out.T)), name)
        assert abs(found[0] - expected) < 0.04


def test_what_it_refuses() -> None:
    with pytest.raises(InputError, match="rule 'nrom'"):
        measured("sr2", STSL, rule="nrom")
    method, x = measured("sr2", STSL), normals(1, 64)
    with pytest.raises(InputError, match="pass directions, or bend=0"):
        method.run(x, DDIM().plan(VP, [0.5, 0.3]))
    with pytest.raises(InputError, match=r"directions of shape \(2, 1, 64\)"):
        method.gradient(x, 0.4, normals(2, 1, 64))
    with pytest.raises(UsageError, match="steps of first order"):
        method.run(x, Exponential(2).plan(VP, [0.5, 0.45, 0.4, 0.35, 0.3]))
