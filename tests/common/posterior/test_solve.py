"""`undrift.solve`: known posteriors, kinds in and out, what is chosen and said, bad input."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from gaussian_posterior import SPREAD, VP, arrays, prior
from torch import Tensor

import undrift
from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.noise import Noise
from undrift.common.operators import (
    Average,
    Blur,
    Fourier,
    FromReal,
    Gaussian,
    GaussianBlur,
    Identity,
    Magnitude,
    Mask,
    Matrix,
    PoissonGaussian,
    Radon,
    gaussian_kernel,
)
from undrift.common.posterior.spectrum import Spectrum
from undrift.common.solve import solve

SHAPE = (3, 8, 8)
FLAT: dict[str, Any] = {"options": {"spectrum": Spectrum(0.25, slope=0.0, chroma=1.0)}}
HALF = (torch.arange(64).reshape(8, 8) % 2).double()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of the exact denoiser of independent pixels, N(.5, .25^2)."""
    return tiny.write_model(tmp_path_factory.mktemp("w") / "g.safetensors", tiny.DENOISE, last=0.0)


def measured(operator: Any = None, sigma: float = 0.1) -> Tensor:
    operator = operator or Mask(HALF, SHAPE)
    x = 0.5 + 0.25 * Noise(3)((1, *SHAPE))
    return operator(x) + sigma * Noise(4)((1, *operator.shape_out)) * (operator(x) != 0)


def test_a_mask_over_independent_pixels_has_the_known_posterior(model: str) -> None:
    """Measured pixels: mean .5 + (y - .5) v/(v + sigma^2), deviation sqrt(v sigma^2/(v + sigma^2));
    the others keep .5 and .25."""
    y = measured()
    result = solve(y[0], Mask(HALF, SHAPE), model, noise=0.1, samples=36, steps=14, **FLAT)
    v, share = 0.25**2, 0.25**2 / (0.25**2 + 0.1**2)
    seen = HALF.bool().expand(SHAPE)
    mean = torch.where(seen, 0.5 + share * (y[0] - 0.5), 0.5)
    width = torch.where(seen, (v * (1 - share)) ** 0.5, 0.25)
    off = (result.value - mean) / (width / 6)
    assert off.square().mean().sqrt() == pytest.approx(1, abs=0.25)  # 192 pixels of 36 samples
    ratio = (result.std / width).mean()
    assert ratio == pytest.approx(1, abs=0.06)
    assert result.info["chi"] == pytest.approx(1, abs=0.1)
    assert len(result.samples) == len(result.info["chi_samples"]) == 36
    assert result.info["nfe"] == 36 * 14
    torch.testing.assert_close(
        result.residual, y[0] - result.value * HALF.float(), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("name", ["sr2", "inpaint", "blur"])
def test_an_exact_prior_gets_moment_matching_and_the_posterior(name: str) -> None:
    p = arrays("gaussian_problem")
    known = (prior(p["prior_mean"], p["prior_cov"]), VP, SPREAD)
    operator = Matrix(p[f"{name}_A"], (64,))
    result = solve(p[f"{name}_y"], operator, known, noise=0.1, samples=25, steps=12,
                   options={"iterations": 8})  # fmt: skip
    assert result.info["method"] == "moment-matching"
    assert "exact" in result.info["why"]
    width = p[f"{name}_post_cov"].diagonal().sqrt()
    off = (result.value - p[f"{name}_post_mean"]).norm() / width.norm()
    assert off < 2.5 / 5
    assert (result.std / width).mean() == pytest.approx(1, abs=0.1)
    assert result.value.dtype == torch.float64
    assert 0 < result.info["products"] <= 25 * 12 * 9


def test_the_kind_that_came_goes_back_and_items_are_each_their_own(model: str) -> None:
    y = measured()
    op = Mask(HALF, SHAPE)
    tensor = solve(y[0], op, model, noise=0.1, steps=3, **FLAT)
    array = solve(y[0].numpy(), op, model, noise=0.1, steps=3, **FLAT)
    assert isinstance(array.value, np.ndarray)
    assert tuple(array.value.shape) == SHAPE
    np.testing.assert_array_equal(array.value, tensor.value.numpy())
    one = solve(y, op, model, noise=0.1, steps=3, **FLAT)
    assert torch.equal(one.value[0], tensor.value)
    both = solve(torch.cat([y, y]), op, model, noise=0.1, steps=3, item="pair", **FLAT)
    assert tuple(both.value.shape) == (2, *SHAPE)
    alone = solve(y, op, model, noise=0.1, steps=3, item="pair/1", **FLAT)
    assert torch.equal(both.value[1], alone.value[0])
    assert not torch.equal(both.value[0], both.value[1])


def test_a_result_repeats_and_depends_on_seed_and_item(model: str) -> None:
    y, op = measured()[0], Mask(HALF, SHAPE)
    first = solve(y, op, model, noise=0.1, steps=3).value
    assert torch.equal(first, solve(y, op, model, noise=0.1, steps=3).value)
    assert not torch.equal(first, solve(y, op, model, noise=0.1, steps=3, seed=1).value)
    assert not torch.equal(first, solve(y, op, model, noise=0.1, steps=3, item="b").value)


def test_sample_k_does_not_depend_on_the_others(model: str) -> None:
    op = Average(SHAPE, 2)
    y = measured(op)[0]
    three = solve(y, op, model, noise=0.1, steps=3, samples=3).samples
    two = solve(y, op, model, noise=0.1, steps=3, samples=2).samples
    assert torch.equal(three[0], two[0])
    assert torch.equal(three[1], two[1])
    assert not torch.equal(three[0], three[1])


def test_an_operator_as_file_mapping_and_functions(model: str, tmp_path: Path) -> None:
    op = Blur(gaussian_kernel(0.8, 5), SHAPE)
    y = measured(op)[0]
    expected = solve(y, op, model, noise=0.1, steps=3).value
    text = "operator: blur\nkernel: {gaussian: {std: 0.8, size: 5}}\nnoise: 0.1\n"
    (tmp_path / "op.yaml").write_text(text)
    torch.testing.assert_close(solve(y, tmp_path / "op.yaml", model, steps=3).value, expected)
    described = {"operator": "blur", "kernel": {"gaussian": {"std": 0.8, "size": 5}}, "noise": 0.1}
    torch.testing.assert_close(solve(y, described, model, steps=3).value, expected)
    pair = (op, op.adjoint)
    result = solve(y, pair, model, noise=0.1, steps=3)
    assert tuple(result.value.shape) == SHAPE
    assert result.info["operator"].startswith("FromFunctions")


@pytest.mark.parametrize(
    ("described", "shape"),
    [
        ({"operator": "average", "factor": 4}, (3, 8, 8)),
        ({"operator": "grey"}, (3, 2, 2)),
        ({"operator": "gaussian-blur", "std": 0.5, "size": 1}, (1, 2, 2)),
    ],
)
def test_a_description_without_a_shape_gets_that_of_the_measurement(
    described: dict[str, Any], shape: tuple[int, ...], model: str
) -> None:
    y = torch.full((3 if described["operator"] == "average" else 1, 2, 2), 0.5)
    assert tuple(solve(y, described, model, noise=0.1, steps=2).value.shape) == shape


def test_grey_signals_are_shown_to_a_colour_prior(model: str) -> None:
    y = 0.5 + 0.1 * Noise(1)((1, 1, 7, 9))[0]  # and sides that no stride divides
    result = solve(y, Identity((1, 7, 9)), model, noise=0.1, steps=8, samples=16, **FLAT)
    share = 0.25**2 / (0.25**2 + 0.1**2)
    off = result.value - (0.5 + share * (y - 0.5))
    assert off.square().mean().sqrt() < 2 * 0.093 / 16**0.5


def test_noise_of_every_kind_and_chi(model: str) -> None:
    y, op = measured(Identity(SHAPE))[0], Identity(SHAPE)
    bands = torch.tensor([0.1, 0.2, float("inf")]).reshape(3, 1, 1)
    result = solve(y, op, model, noise=Gaussian(bands), steps=10, samples=16, **FLAT)
    share = 0.25**2 / (0.25**2 + bands.clamp(max=1e9) ** 2)
    off = (result.value - (0.5 + share * (y - 0.5))).flatten(1).square().mean(1).sqrt()
    assert (off < 2 * 0.25 / 4).all()
    assert result.info["chi"] == pytest.approx(1, abs=0.15)
    counted = solve(y.clamp(min=0), op, model, noise=PoissonGaussian(0.02, 0.05), steps=6, **FLAT)
    assert 0.5 < counted.info["chi"] < 1.5


def test_complex_measurements_of_a_real_signal(model: str) -> None:
    op = Fourier(SHAPE, HALF) @ FromReal(SHAPE)
    x = 0.5 + 0.25 * Noise(3)((1, *SHAPE))
    y = (
        op(x)[0]
        + 0.05 * torch.complex(Noise(5)((1, *SHAPE)), Noise(6)((1, *SHAPE)))[0] * HALF.float()
    )
    result = solve(y, op, model, noise=0.05, steps=12, samples=4, **FLAT)
    assert result.value.dtype == torch.float32
    assert result.residual.dtype == torch.complex64
    assert result.info["chi"] == pytest.approx(1, abs=0.25)


def test_an_exact_measurement_is_met(model: str) -> None:
    op = Average(SHAPE, 2)
    y = measured(op, 0.0)[0]
    result = solve(y, op, model, noise=0, steps=6)
    assert result.info["chi"] is None
    assert result.info["residual_rms"] < 2e-3
    projected = solve(y, op, model, noise=0, method="ddnm", steps=6)
    assert projected.info["residual_rms"] < 1e-5


def test_a_bad_fit_is_said(model: str) -> None:
    y, op = measured(Identity(SHAPE))[0], Identity(SHAPE)
    wrong = solve(y + 3, op, model, noise=0.01, method="dps-official", steps=3)
    assert "does not explain the measurement" in wrong.info["warnings"][0]
    close = solve(y, op, model, noise=0.1, method="ddnm", steps=3)
    assert "more closely than its noise allows" in close.info["warnings"][0]


def test_a_budget_sets_the_steps(model: str) -> None:
    y, op = measured(Identity(SHAPE))[0], Identity(SHAPE)
    result = solve(y, op, model, noise=0.1, budget=12, samples=2)
    assert (result.info["steps"], result.info["nfe"]) == (6, 12)
    told = solve(y, op, model, noise=0.1, budget=16, method="moment-matching")
    assert told.info["nfe"] + told.info["products"] <= 16
    with pytest.raises(UsageError, match="one step of moment-matching takes 7 calls"):
        solve(y, op, model, noise=0.1, budget=3, method="moment-matching")
    with pytest.raises(UsageError, match="budget 0: expected a whole number from 1"):
        solve(y, op, model, noise=0.1, budget=0)
    with pytest.raises(UsageError, match="9 steps of stationary take 9 calls, the budget is 4"):
        solve(y, op, model, noise=0.1, budget=4, steps=9)


def test_a_bridge_prior_has_a_degraded_signal_of_its_own(tmp_path: Path) -> None:
    bridge = tiny.write_model(
        tmp_path / "s.safetensors", {**tiny.SR, "levels": [], "network": {
            "name": "local-nafnet", "params": {**tiny.SMALL, "inputs": 6}}}, last=0.0,
    )  # fmt: skip
    y, op = measured(Identity(SHAPE))[0], Identity(SHAPE)
    with pytest.raises(InputError, match="restores a degraded signal of its own; pass degraded="):
        solve(y, op, bridge, noise=0.1)
    result = solve(y, op, bridge, noise=0.1, degraded=y.clamp(0, 1), steps=4)
    assert torch.isfinite(result.value).all()


BLUR = GaussianBlur(SHAPE, 0.5, size=3)
RADON = Radon(torch.arange(0.0, 180.0, 60.0), (3, 8, 8))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda y, m: solve(y, BLUR, m, noise=0, method="diffpir"), InputError,
         r"diffpir got noise 0; .* methods? for exact measurements: stationary"),
        (lambda y, m: solve(y, Mask(torch.zeros(8, 8), SHAPE), m, noise=0.1), InputError,
         "0 everywhere, so nothing is measured"),
        (lambda y, m: solve(y, {"operator": "blur", "kernel": {"gaussian": {"std": 5.0}}}, m,
                            noise=0.1), InputError, "no larger than the signal"),
        (lambda y, m: solve(y[:, :5], BLUR, m, noise=0.1), InputError,
         r"a measurement of shape \(1, 3, 5, 8\); expected \(\*batch, 3, 8, 8\)"),
        (lambda y, m: solve(y * float("nan"), BLUR, m, noise=0.1), InputError,
         "192 of 192 values that are NaN"),
        (lambda y, m: solve(y, (BLUR, lambda v: v), m, noise=0.1), InputError,
         "is NOT its adjoint"),
        (lambda y, m: solve(y, BLUR, m, noise=0.1, method="momentmatching"), UsageError,
         "did you mean 'moment-matching'"),
        (lambda y, m: solve(RADON(y[None])[0], RADON, m, noise=0.1, method="ddrm"), InputError,
         "ddrm needs a cheap singular value decomposition, which Radon"),
        (lambda y, m: solve(y.abs(), Magnitude(SHAPE), m, noise=0.1, method="ddnm"), InputError,
         "ddnm needs a linear operator, got Magnitude"),
        (lambda y, m: solve(y + 0j, BLUR, m, noise=0.1), InputError, "got a complex measurement"),
        (lambda y, m: solve(y + 0j, Fourier(SHAPE), m, noise=0.1), InputError,
         r"takes complex signals; the prior restores real ones; use operator @ FromReal"),
        (lambda y, m: solve(y[:2], Identity((2, 8, 8)), m, noise=0.1), InputError,
         r"prior of 3 channels; the operator takes signals of \(2, 8, 8\)"),
        (lambda y, m: solve(y, BLUR, m, noise=-0.1), InputError, "noise -0.1: expected a standard"),
        (lambda y, m: solve(y, BLUR, m, noise=float("nan")), InputError, "noise nan: expected"),
        (lambda y, m: solve(y, BLUR, m), UsageError, "no noise was given; pass noise=sigma"),
        (lambda y, m: solve(y, BLUR, m, noise=0.1, samples=0), UsageError, "samples 0: expected"),
        (lambda y, m: solve(y, BLUR, m, noise=0.1, solver="ddimm"), UsageError, "mean 'ddim'"),
        (lambda y, m: solve(y, BLUR, m, noise=0.1, grid="logsnr"), UsageError, "mean 'log-snr'"),
        (lambda y, m: solve(y, BLUR, m, noise=0.1, method="ddrm", solver="ddim"), UsageError,
         "a law of its own; it takes no solver"),
        (lambda y, m: solve(y, BLUR, m, noise=0.1, options={"spectra": 1}), UsageError,
         "no option 'spectra'; it has .*did you mean 'spectrum'"),
        (lambda y, m: solve((255 * y.clamp(0, 1)).byte(), BLUR, m, noise=0.1), InputError,
         "measurement of torch.uint8; expected floats"),
        (lambda y, m: solve(y, 3, m, noise=0.1), InputError, "operator of type int"),
        (lambda y, m: solve(y, BLUR, 3, noise=0.1), InputError, "prior of type int"),
        (lambda y, m: solve({}, BLUR, m, noise=0.1), InputError, "measurement of type dict"),
        (lambda y, m: solve(y, BLUR, m, noise=0.1, degraded=y[:1]), InputError, "got a signal of"),
        (lambda y, m: solve(y, BLUR, "leaves-nothing", noise=0.1), InputError, "leaves-nothing"),
    ],
)  # fmt: skip
def test_bad_calls_say_what_came_and_what_to_do(
    call: Any, error: type[Exception], said: str, model: str
) -> None:
    with pytest.raises(error, match=said):
        call(measured(BLUR)[0], model)


def test_a_diverging_run_is_an_error_and_no_result(model: str) -> None:
    y, op = measured(Identity(SHAPE))[0], Identity(SHAPE)
    with pytest.raises(InputError, match=r"gdp-official with 400 steps .* diverged"):
        solve(y, op, model, noise=0.1, method="gdp-official", steps=400, options={"weight": 1e3})


def test_the_front_door_has_it() -> None:
    assert undrift.solve is solve
    report = undrift.check_adjoint(Average((1, 4, 4), 2))
    assert report.ok


def test_a_function_that_is_no_estimate_of_the_state_is_not_hidden() -> None:
    """What the prior itself raises comes through."""

    def broken(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        raise InputError("no weights")

    with pytest.raises(InputError, match="no weights"):
        solve(torch.zeros(SHAPE), Identity(SHAPE), (broken, VP), noise=0.1)
