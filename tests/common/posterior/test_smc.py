"""Twisted sequential Monte Carlo where the weights of the modes are known."""

import pytest
import torch
from gaussian_posterior import SIZE, VP, arrays, measured
from mixture_posterior import exact_draws, mixture, prior, sliced, variation
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.grids import by_angle
from undrift.common.noise import Noise
from undrift.common.operators import Identity, Magnitude, Matrix
from undrift.common.posterior.ensemble import ensemble_noise
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.smc import Particles, TwistedSMC, systematic
from undrift.common.solvers.ddim import DDIM, ancestral
from undrift.common.solvers.loop import run_plan

SPREAD = 0.5


def twisted(matched: bool = False) -> TwistedSMC:
    p = mixture()
    operator, sigma = Matrix(p["A"], (16,)), float(p["sigma_y"])
    return TwistedSMC(prior(), VP, operator, p["y"][None], sigma, SPREAD, matched=matched)


def run(sampler: TwistedSMC, count: int, steps: int, seed: int, size: int = 16) -> Particles:
    noise = Noise(seed, "particles")

    def draw(number: int) -> Tensor:
        return ensemble_noise(noise, count, (size,), number, torch.float64)

    plan = ancestral().plan(VP, by_angle(VP, steps, SPREAD))
    return sampler.run(draw(0), plan, draw, torch.Generator().manual_seed(seed))


def errors(count: int, steps: int, seed: int, matched: bool = False) -> tuple[float, float]:
    """Sliced W2 and total variation of one run."""
    found = run(twisted(matched), count, steps, seed)
    draws = found.resampled(torch.Generator().manual_seed(seed))
    return sliced(draws, exact_draws(20_000, 1)), variation(draws)


def test_two_thousand_particles_find_the_weights_of_the_modes() -> None:
    distance, weights = errors(2000, 250, seed=0)
    assert distance <= 0.11
    assert weights <= 0.04


@pytest.mark.slow
@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize("seed", range(1, 5))
def test_the_bar_holds_for_every_seed_and_both_twists(matched: bool, seed: int) -> None:
    distance, weights = errors(2000, 250, seed, matched)
    assert distance <= 0.11
    assert weights <= 0.04


def test_a_method_without_weights_gets_them_wrong() -> None:
    """Moment matching follows the mode it is in: TV near .38, found independently."""
    p = mixture()
    denoise = MomentMatching(
        prior(), VP, Matrix(p["A"], (16,)), p["y"][None], float(p["sigma_y"]), SPREAD, 4, 1e-10
    )
    start = ensemble_noise(Noise(0), 1000, (16,), dtype=torch.float64)
    plan = DDIM().plan(VP, by_angle(VP, 50, SPREAD))
    out = run_plan(denoise, start * float(VP.s(torch.ones((), dtype=torch.float64))), plan)
    assert variation(out) == pytest.approx(0.38, abs=0.05)


def test_on_a_gaussian_problem_the_matched_twist_is_exact() -> None:
    """p~(m | x) is p(m | x), so that the weights differ by the error of the steps alone: never
    resampled, their variance falls with the steps; that of the other twist does not."""
    p = arrays("gaussian_problem")
    variances = []
    for matched in (True, False):
        sampler = measured("sr2", TwistedSMC, matched=matched, enough=0.0)
        found = [run(sampler, 100, steps, 0, SIZE) for steps in (40, 120)]
        variances += [float(particles.weights.log().var()) for particles in found]
        if matched:
            mean = (found[1].weights[:, None] * found[1].x).sum(0)
            share = float((found[1].weights ** 2).sum())  # variance of the mean of weighed draws
            gap = float((mean - p["sr2_post_mean"]).square().sum())
            assert gap < 1.5 * share * float(p["sr2_post_cov"].trace())
    assert variances[1] < variances[0] / 3
    assert variances[3] > variances[2] / 3 > variances[1]


def test_systematic_resampling_keeps_the_expected_counts_within_one() -> None:
    weights = torch.tensor([0.5, 0.0, 0.3, 0.2], dtype=torch.float64)
    for seed in range(20):
        chosen = systematic(weights, torch.Generator().manual_seed(seed))
        counts = torch.bincount(chosen, minlength=4)
        assert bool(((counts - 4 * weights).abs() < 1).all())


def test_particles_have_the_same_noise_however_many_there_are() -> None:
    for shape in [(5,), (2, 7), (3, 4, 5), (2, 3, 4, 5)]:
        few, many = (ensemble_noise(Noise(3), n, shape, 2, torch.float64) for n in (4, 9))
        assert few.shape == (4, *shape)
        torch.testing.assert_close(few, many[:4], rtol=0, atol=0)
    wide = ensemble_noise(Noise(0), 4000, (2, 3), dtype=torch.float64).flatten(1)
    torch.testing.assert_close(torch.cov(wide.T), torch.eye(6).double(), rtol=0, atol=0.1)


def test_what_cannot_be_weighed_is_refused() -> None:
    p = mixture()
    operator = Matrix(p["A"], (16,))
    with pytest.raises(InputError, match="2 measurements; expected 1"):
        TwistedSMC(prior(), VP, operator, p["y"].expand(2, 4), 0.15, SPREAD)
    start = torch.zeros(3, 16, dtype=torch.float64)
    generator = torch.Generator()
    with pytest.raises(InputError, match="first order that draw noise"):
        plan = DDIM().plan(VP, by_angle(VP, 3, SPREAD))
        twisted().run(start, plan, lambda k: start, generator)
    plan = ancestral().plan(VP, by_angle(VP, 3, SPREAD))
    bent = TwistedSMC(prior(), VP, Magnitude((16,)), torch.ones(1, 16).double(), 0.1, SPREAD)
    with pytest.raises(InputError, match="no cheap singular value"):
        bent.run(start, plan, lambda k: start, generator)
    many = TwistedSMC(
        prior(), VP, Identity((100,)), torch.zeros(1, 100).double(), 0.1, SPREAD, matched=True
    )
    with pytest.raises(InputError, match="up to 64 real values"):
        many.run(torch.zeros(3, 100).double(), plan, lambda k: start, generator)
    with pytest.raises(InputError, match="fewer than 1048576 particles"):
        ensemble_noise(Noise(0), 2**20, (4,))
