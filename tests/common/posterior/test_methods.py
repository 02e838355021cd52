"""The table of methods: every one runs from its name and costs what it says."""

from typing import Any

import pytest
import torch
from gaussian_posterior import VP
from oracles import number
from pages import DOCS, code, rows
from through import Through
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.noise import Noise
from undrift.common.operators import Average, Blur, Gaussian, Identity, Magnitude
from undrift.common.posterior.choice import Asked, choose
from undrift.common.posterior.methods import METHODS, find_method, fitting
from undrift.common.posterior.priors import Prior
from undrift.common.posterior.problem import Problem
from undrift.common.posterior.spectrum import Spectrum
from undrift.common.solve import solve

SHAPE, SPREAD, SIGMA = (1, 4, 4), 0.25, 0.1
OPERATOR = Average(SHAPE, 2)
FLAT = {"spectrum": Spectrum(SPREAD, slope=0.0)}
# Exact for independent Gaussian pixels: moments of first and second order, and their limits.
EXACT = (
    "stationary",
    "moment-matching",
    "pigdm",
    "jfps",
    "smc",
    "ensemble-matching",
    "split-gibbs",
)
SLOW = ("smc", "split-gibbs", "ensemble-matching")
CHEAP = {"smc": {"particles": 60}, "ensemble-matching": {"particles": 40}, "eki": {"particles": 40}}


def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
    """The exact denoiser of independent pixels, N(.5, .25^2); differentiable."""
    a, s = float(VP.a(number(t))), float(VP.s(number(t)))
    return Estimate(0.5 + a * SPREAD**2 / (a**2 * SPREAD**2 + s**2) * (x - 0.5 * a))


def measurement() -> Tensor:
    x = 0.5 + SPREAD * Noise(1)((1, *SHAPE), dtype=torch.float64)
    return (OPERATOR(x) + SIGMA * Noise(2)((1, 1, 2, 2), dtype=torch.float64))[0]


def options(name: str) -> dict[str, Any]:
    return {**CHEAP.get(name, {}), **(FLAT if name == "stationary" else {})}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_runs_and_costs_what_it_says(name: str) -> None:
    method, steps = METHODS[name], 6
    given = {**options(name), **({"particles": 4} if "particles" in method.extra else {})}
    prior = Prior(denoise, VP, SPREAD, autoencoder=Through() if method.kind.latents else None)
    result = solve(
        measurement(), OPERATOR, prior, noise=SIGMA, method=name, steps=steps, options=given
    )
    assert tuple(result.value.shape) == SHAPE
    assert torch.isfinite(result.value).all()
    paid = result.info["nfe"] + result.info["products"]
    price = method.calls({**method.options, **method.extra, **given})
    assert paid <= steps * price
    assert paid > 0.7 * steps * price or name == "moment-matching"  # it stops when it has solved
    assert result.info["method"] == name


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in EXACT]
)
def test_the_exact_ones_have_the_posterior_of_independent_pixels(name: str) -> None:
    """Means of four pixels: x_i = .5 + v/4 / (v/4 + sigma^2) (m - .5), and the spread of Bayes."""
    y, count = measurement(), 36
    steps = {"smc": 40, "split-gibbs": 25}.get(name, 15)
    given = options(name)
    result = solve(
        y, OPERATOR, (denoise, VP, SPREAD), noise=SIGMA, method=name, steps=steps, samples=count,
        options=given, solver="multistep-2" if name in ("pigdm", "jfps", "stationary") else None,
    )  # fmt: skip
    v = SPREAD**2
    share = v / 4 / (v / 4 + SIGMA**2)
    mean = (0.5 + share * (y - 0.5)).repeat_interleave(2, 1).repeat_interleave(2, 2)
    width = (v - share * v / 4) ** 0.5
    assert ((result.value - mean) / width).square().mean().sqrt() < 2 / count**0.5
    assert (result.std / width).mean() == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("name", ["ddrm", "ddnm-plus"])
def test_coordinates_may_be_complex_for_real_signals(name: str) -> None:
    """Those of a circular blur are Fourier coefficients. A kernel of one pixel is the identity."""
    blur, plain = Blur(torch.ones(1, 1), SHAPE), Identity(SHAPE)
    y = 0.5 + 0.2 * Noise(1)((1, *SHAPE), dtype=torch.float64)[0]
    known = (denoise, VP, SPREAD)
    first, second = (
        solve(y, one, known, noise=SIGMA, method=name, steps=30, samples=8).info["chi"]
        for one in (blur, plain)
    )
    assert first == pytest.approx(second, rel=0.3)


def problem(operator: Any = OPERATOR, sigma: float = SIGMA, spectrum: Any = None) -> Problem:
    y = torch.zeros(1, *operator.shape_out, dtype=torch.float64)
    return Problem(Prior(denoise, VP, SPREAD, spectrum=spectrum), operator, y, Gaussian(sigma))


def test_what_is_chosen_for_whom() -> None:
    exact = choose(problem(), Asked())
    assert (exact.name, exact.solver, exact.grid) == ("moment-matching", "multistep-2", "log-snr")
    trained = choose(problem(spectrum=Spectrum(0.3)), Asked())
    assert trained.name == "stationary"
    assert trained.options["spectrum"] == Spectrum(0.3)
    assert "no derivative of the network" in trained.why
    curved = choose(problem(Magnitude(SHAPE), spectrum=Spectrum(0.3)), Asked())
    assert (curved.name, "non-linear" in curved.why) == ("half-quadratic", True)
    assert choose(problem(sigma=0.0), Asked()).method.kind.noiseless
    assert choose(problem(spectrum=Spectrum(0.3), sigma=0.0), Asked()).name == "stationary"
    named = choose(problem(spectrum=Spectrum(0.3)), Asked(method="ddrm", steps=7))
    assert (named.name, named.steps, named.why) == ("ddrm", 7, "named by the caller")


def test_one_value_is_cooler_than_samples_are() -> None:
    """A sample has the spread of the posterior; one value may be nearer to its mean."""
    trained = problem(spectrum=Spectrum(0.3))
    alone, several = choose(trained, Asked()), choose(trained, Asked(samples=4))
    assert alone.temperature < 1 == several.temperature
    assert several.solver == "sde-multistep-2"
    assert choose(trained, Asked(solver="multistep-2")).temperature == 1


def test_a_spread_may_be_read_off_the_measurement() -> None:
    """A prior that thinks its signals ten times as wide gets what a right one gets."""
    y, wrong = measurement(), (denoise, VP, 10 * SPREAD)
    noted = {"method": "jfps", "noise": SIGMA, "steps": 8, "solver": "ddim", "options": {}}
    right = solve(y, OPERATOR, (denoise, VP, SPREAD), **noted).value
    told = solve(y, OPERATOR, wrong, **{**noted, "options": {"spread": "measured"}}).value
    untold = solve(y, OPERATOR, wrong, **noted).value
    assert (told - right).abs().mean() < 0.5 * (untold - right).abs().mean()
    with pytest.raises(UsageError, match="did you mean 'measured'"):
        solve(y, OPERATOR, wrong, **{**noted, "options": {"spread": "measure"}})


def test_needs_are_told_before_anything_runs() -> None:
    with pytest.raises(InputError, match=r"dps-gauss got noise 0; .* exact measurements: .*ddnm"):
        choose(problem(sigma=0.0), Asked(method="dps-gauss"))
    with pytest.raises(InputError, match=r"ddnm needs a linear operator, got Magnitude.* take one"):
        choose(problem(Magnitude(SHAPE)), Asked(method="ddnm"))
    assert "ddnm" not in fitting("any")
    assert "ddrm" in fitting("svd")
    with pytest.raises(UsageError, match="did you mean 'red-diff'"):
        find_method("reddiff")
    with pytest.raises(
        UsageError, match=r"no option 'weigth'; it has weight; did you mean 'weight'"
    ):
        choose(problem(), Asked(method="diffpir", options={"weigth": 1.0}))


def test_the_page_lists_every_method_and_what_it_needs() -> None:
    told: dict[str, str] = {}
    for row in rows((DOCS / "solve.md").read_text(encoding="utf-8"), "name"):
        told.update(dict.fromkeys(code(row[0]), row[2]))
    assert told.keys() == METHODS.keys()
    for name, method in METHODS.items():
        if method.official:
            continue
        wanted = {"any": "", "linear": "linear", "svd": "SVD"}[method.kind.operators]
        assert (wanted in told[name]) and (bool(wanted) or "linear" not in told[name]), name
        noisy = not method.kind.noiseless or name == "red-diff"  # which refuses 0 by itself
        assert ("noise" in told[name]) == noisy, name
