"""PiGDM with networks whose derivative is far too large: what V does is capped, and only then."""

import math

import torch
from gaussian_posterior import NAMES, SIZE, SPREAD, VP, arrays, measured, prior, some
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.noise import Noise
from undrift.common.operators import Average, Gaussian
from undrift.common.operators.matrix import Matrix
from undrift.common.posterior.choice import Asked, choose
from undrift.common.posterior.jfps import JFPS
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.priors import Prior
from undrift.common.posterior.problem import Problem
from undrift.common.posterior.spectrum import Spectrum


def magnified(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
    """The true estimate with a derivative a million times as large."""
    p = arrays("gaussian_problem")
    x0 = prior(p["prior_mean"], p["prior_cov"])(x, t, y, level).x0
    return Estimate(x0 + (1e6 - 1) * (x0 - x0.detach()))


def capped(most: float) -> PiGDM:
    p = arrays("gaussian_problem")
    operator = Matrix(p["sr2_A"], (SIZE,))
    return PiGDM(magnified, VP, operator, p["sr2_y"][None], 0.1, SPREAD, most=most)


def test_a_magnified_derivative_moves_no_further_than_the_cap() -> None:
    x, t = some(3, SIZE), 0.6
    start = magnified(x, t, None, None).x0.detach()
    white = (measured("sr2", JFPS)(x, t).x0 - start).norm(dim=1)  # r^2 A^T (...)^-1 left
    for most in (1.0, 2.5):
        moved = (capped(most)(x, t).x0 - start).norm(dim=1)
        torch.testing.assert_close(moved, most * white, rtol=1e-9, atol=0)
    assert bool(((capped(math.inf)(x, t).x0 - start).norm(dim=1) > 1e4 * white).all())


def test_a_right_derivative_is_not_touched_by_a_wide_cap() -> None:
    x = some(3, SIZE)
    for name in NAMES:
        for t in (0.9, 0.3):
            free, wide = measured(name, PiGDM)(x, t).x0, measured(name, PiGDM, most=50.0)(x, t).x0
            torch.testing.assert_close(wide, free, rtol=0, atol=0)


def test_networks_get_a_cap_and_exact_priors_do_not() -> None:
    operator = Average((1, 4, 4), 2)
    y = Noise(1)((1, 1, 2, 2))

    def options(spectrum: Spectrum | None) -> object:
        known = Prior(magnified, VP, SPREAD, spectrum=spectrum)
        problem = Problem(known, operator, y, Gaussian(0.1))
        return choose(problem, Asked(method="pigdm")).options.get("most", math.inf)

    assert options(None) == math.inf
    assert options(Spectrum(0.3)) == 2.0
