"""Conditional denoisers where each is exact by its own assumption, and what they refuse."""

from typing import Any

import pytest
import torch
from gaussian_posterior import NAMES, SIZE, SPREAD, VP, arrays, measured, prior, some
from oracles import abs_at
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.gradient import DPS
from undrift.common.posterior.jfps import JFPS
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.proximal import DDNM, DiffPIR
from undrift.common.posterior.tmpd import TMPD

TIMES = (0.9, 0.4, 0.1)
WHITE = SPREAD**2 * torch.eye(SIZE, dtype=torch.float64)


def white(name: str, kind: type[Conditional], **options: Any) -> Conditional:
    """A method on signals of independent pixels."""
    p = arrays("gaussian_problem")
    operator, seen = Matrix(p[f"{name}_A"], (SIZE,)), p[f"{name}_y"][None]
    return kind(prior(p["prior_mean"], WHITE), VP, operator, seen, 0.1, SPREAD, **options)


def bayes(name: str, x: Tensor, t: float, covariance: Tensor) -> Tensor:
    """E[x0 | x_t, m] for x0 ~ N(prior mean, covariance), by the information form."""
    p = arrays("gaussian_problem")
    a, _, s = abs_at(VP, t)
    matrix, eye = p[f"{name}_A"], torch.eye(SIZE, dtype=torch.float64)
    precision = torch.linalg.inv(covariance)
    total = precision + (a / s) ** 2 * eye + matrix.T @ matrix / 0.1**2
    told = precision @ p["prior_mean"] + a / s**2 * x + matrix.T @ p[f"{name}_y"] / 0.1**2
    return torch.linalg.solve(total, told.T).T


@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize(("kind", "names"), [
    (PiGDM, NAMES), (JFPS, NAMES), (TMPD, ("sr2", "inpaint")), (MomentMatching, NAMES),
])  # fmt: skip
def test_exact_where_pixels_are_independent(
    kind: type[Conditional], names: tuple[str, ...], t: float
) -> None:
    """TMPD's row sums are the diagonal where A A^T is diagonal, which the blur's is not."""
    options = {"iterations": 64, "tol": 1e-13} if kind is MomentMatching else {}
    x = some(3, SIZE)
    for name in names:
        found = white(name, kind, **options)(x, t).x0
        torch.testing.assert_close(found, bayes(name, x, t, WHITE), rtol=0, atol=1e-8)


@pytest.mark.parametrize("t", TIMES)
def test_sda_is_exact_for_the_gamma_that_shrinks_rho(t: float) -> None:
    """gamma rho^2 = r^2 / 4 with the gain 1/4 of A A^T: gamma = v0 / (4 (rho^2 + v0))."""
    a, _, s = abs_at(VP, t)
    gamma = SPREAD**2 / ((s / a) ** 2 + SPREAD**2) / 4
    x = some(3, SIZE)
    found = white("sr2", DPS, rule="sda", gamma=gamma)(x, t).x0
    torch.testing.assert_close(found, bayes("sr2", x, t, WHITE), rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("t", TIMES)
def test_diffpir_is_exact_for_a_flat_prior(name: str, t: float) -> None:
    """Bayes' weight 1, where the estimate is x/a itself."""
    p, x = arrays("gaussian_problem"), some(3, SIZE)

    def flat(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        return Estimate(x / abs_at(VP, t)[0])

    operator, seen = Matrix(p[f"{name}_A"], (SIZE,)), p[f"{name}_y"][None]
    found = DiffPIR(flat, VP, operator, seen, 0.1, SPREAD)(x, t).x0
    expected = bayes(name, x, t, 1e12 * torch.eye(SIZE, dtype=torch.float64))
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", ["sr2", "inpaint"])
def test_a_projection_keeps_the_measurement(name: str) -> None:
    p = arrays("gaussian_problem")
    x0 = measured(name, DDNM)(some(2, SIZE), 0.3).x0
    found = x0 @ p[f"{name}_A"].T
    torch.testing.assert_close(found, p[f"{name}_y"].expand(2, -1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", [PiGDM, JFPS])
def test_without_noise_the_gain_is_the_projection(kind: type[Conditional]) -> None:
    """JFPS at sigma = 0 is DDNM; PiGDM too meets the measurement where V is white."""
    p, x = arrays("gaussian_problem"), some(2, SIZE)
    operator, seen = Matrix(p["sr2_A"], (SIZE,)), p["sr2_y"][None]
    fields = prior(p["prior_mean"], WHITE), VP, operator, seen, 0.0, SPREAD
    torch.testing.assert_close(
        kind(*fields)(x, 0.3).x0, DDNM(*fields)(x, 0.3).x0, rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("kind", [MomentMatching, DiffPIR, DPS, TMPD])
def test_a_noisy_method_refuses_a_measurement_without_noise(kind: type[Conditional]) -> None:
    p = arrays("gaussian_problem")
    with pytest.raises(InputError, match="sigma 0 and sigma_d"):
        kind(
            prior(p["prior_mean"], WHITE), VP, Matrix(p["sr2_A"], (SIZE,)), p["sr2_y"][None],
            0.0, SPREAD,
        )  # fmt: skip


def test_a_measurement_with_holes_is_refused() -> None:
    p = arrays("gaussian_problem")
    holed = p["sr2_y"].clone()
    holed[3] = torch.nan
    with pytest.raises(InputError, match="1 of 16 values that are NaN"):
        PiGDM(prior(p["prior_mean"], WHITE), VP, Matrix(p["sr2_A"], (SIZE,)), holed[None], 0.1)
