"""Half-quadratic splitting on a Gaussian prior, where its fixed point is a linear system."""

import pytest
import torch

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.half_quadratic import HalfQuadratic, falling
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.solve import solve

MEAN, VARIANCE, SIGMA, LEVEL = 0.4, 0.09, 0.2, 0.1


def denoise(x: torch.Tensor, t: float, y: object, level: object) -> Estimate:
    """The exact denoiser of N(MEAN, VARIANCE I)."""
    s = float(VE.s(torch.tensor(t, dtype=torch.float64)))
    return Estimate((VARIANCE * x + s**2 * MEAN) / (VARIANCE + s**2))


VE = VarianceExploding()


@pytest.mark.parametrize("weight", [1.0, 0.23])
def test_it_ends_at_the_fixed_point_of_its_two_moves(weight: float) -> None:
    random = torch.Generator().manual_seed(0)
    matrix = torch.randn(5, 8, generator=random, dtype=torch.float64)
    y = torch.randn(1, 5, generator=random, dtype=torch.float64)
    method = HalfQuadratic(denoise, VE, Matrix(matrix, (8,)), SIGMA, 0.5, weight, tol=1e-12)
    found = method(y, torch.zeros(1, 8, dtype=torch.float64), [LEVEL] * 400)
    # A^T (y - A z) / sigma^2 = weight (z - x) / r^2 and z - x = r^2 (x - mean) / variance.
    ratio = LEVEL**2 / VARIANCE
    left = (1 + ratio) * matrix.T @ matrix / SIGMA**2 + weight / VARIANCE * torch.eye(8).double()
    right = matrix.T @ (y[0] + ratio * MEAN * matrix.sum(1)) / SIGMA**2 + weight * MEAN / VARIANCE
    torch.testing.assert_close(found[0], torch.linalg.solve(left, right), atol=1e-9, rtol=0)


def test_levels_fall_by_equal_ratios() -> None:
    levels = falling(5, 0.16, 0.01)
    assert levels == pytest.approx([0.16, 0.08, 0.04, 0.02, 0.01])
    assert falling(3, 0.1, 0.5) == pytest.approx([0.1] * 3)


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"sigma": 0.1, "weight": 0.0}])
def test_noise_and_weight_are_above_0(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected both above 0"):
        HalfQuadratic(denoise, VE, Matrix(torch.eye(2).double(), (2,)), **wrong)  # type: ignore[arg-type]


def test_stirring_puts_its_share_of_a_level_on_what_is_denoised() -> None:
    nothing = Matrix(torch.zeros(3, 8, dtype=torch.float64), (8,))
    method = HalfQuadratic(denoise, VE, nothing, SIGMA, stir=0.6)
    start, noise = torch.rand(2, 8, dtype=torch.float64), torch.ones(2, 8, dtype=torch.float64)
    found = method(torch.zeros(1, 3).double(), start, [LEVEL], lambda number: (number + 2) * noise)
    state = start + 0.6 * LEVEL * 2
    wanted = (VARIANCE * state + LEVEL**2 * MEAN) / (VARIANCE + LEVEL**2)
    torch.testing.assert_close(found, wanted, atol=1e-9, rtol=0)


def test_solve_takes_start_and_levels_and_many_rounds_forget_the_start() -> None:
    random = torch.Generator().manual_seed(1)
    matrix = torch.randn(5, 8, generator=random, dtype=torch.float64)
    y = torch.randn(5, generator=random, dtype=torch.float64)

    def solved(start: torch.Tensor, steps: int) -> torch.Tensor:
        options = {"weight": 1.0, "top": LEVEL, "bottom": LEVEL, "start": start}
        return solve(
            y, Matrix(matrix, (8,)), (denoise, VE), noise=SIGMA, method="half-quadratic",
            steps=steps, options=options,
        ).value  # fmt: skip

    low, high = torch.zeros(8), torch.ones(8)
    assert float((solved(low, 1) - solved(high, 1)).norm()) > 0.1
    ratio = LEVEL**2 / VARIANCE
    left = (1 + ratio) * matrix.T @ matrix / SIGMA**2 + torch.eye(8).double() / VARIANCE
    right = matrix.T @ (y + ratio * MEAN * matrix.sum(1)) / SIGMA**2 + MEAN / VARIANCE
    for start in (low, high):
        torch.testing.assert_close(
            solved(start, 300), torch.linalg.solve(left, right).to(y), atol=2e-2, rtol=0
        )
