"""`deblur`: what it returns for every kind of picture, that it deblurs, what it refuses."""

from typing import Any

import numpy as np
import pytest
import torch
from pictures import KINDS, of_kind, pixels
from PIL import Image

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.kernels import gaussian_kernel
from undrift.common.posterior.half_quadratic import TOP, WEIGHT
from undrift.restoration.baselines import baseline
from undrift.restoration.blind import centred, estimate_kernel
from undrift.restoration.deblurring import deblur
from undrift.restoration.metrics import score
from undrift.restoration.photos import centre_crop, load_photos
from undrift.restoration.protocols_operators import Deblurring
from undrift.restoration.psf import read_psf


def photo(name: str, size: int = 96) -> np.ndarray:
    """A square of a validation photograph."""
    return centre_crop(dict(load_photos("wheel-photos", [name]))[name], size)


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_come_back(kind: str, denoise_model: str) -> None:
    image = of_kind(kind)
    result = deblur(image, psf="gaussian:1", noise=5, model=denoise_model, steps=2)
    assert type(result.value) is type(image)
    assert np.shape(result.value) == np.shape(image)
    assert result.info["nfe"] == 2
    assert result.info["method"] == "half-quadratic"


@pytest.mark.parametrize("border", ["valid", "reflect", "circular"])
def test_without_blur_both_moves_are_known(border: str, gaussian_model: str) -> None:
    y, sigma, mean, variance = pixels(24, 31), 10 / 255, 0.5, 0.25**2
    call: dict[str, Any] = {"psf": np.ones((1, 1)), "noise": 10, "model": gaussian_model}
    found = deblur(y, border=border, tile="off", **call).value
    x = y.astype(np.float64)
    for level in np.geomspace(TOP, sigma, 10):
        share = level**2 / WEIGHT / (level**2 / WEIGHT + sigma**2)
        z = x + share * (y - x)
        x = (variance * z + level**2 * mean) / (variance + level**2)
    np.testing.assert_allclose(found, x, atol=2e-5)


def test_it_beats_wiener_and_explains_the_data() -> None:
    condition = Deblurring("motion:11,30", 2.55)
    for name in ("coins", "flower"):
        clean, degraded = condition.pair(photo(name), seed=0, item=name)
        known = condition.known(degraded.shape[1:], seed=0, item=name)  # type: ignore[arg-type]
        result = deblur(
            degraded.transpose(1, 2, 0), psf=condition.psf, noise=condition.noise, tile="off"
        )
        restored = np.clip(np.asarray(result.value), 0, 1).transpose(2, 0, 1)
        wiener = np.clip(baseline("wiener", "deblur")(degraded, known=known), 0, 1)
        ours, theirs = (score(x, clean, ["psnr"])["psnr"] for x in (restored, wiener))
        assert ours > theirs + 1
        assert 0.8 < result.info["chi"] < 1.2


def test_samples_have_a_spread_and_repeat(denoise_model: str) -> None:
    x = pixels(24, 31)
    call: dict[str, Any] = {"psf": "gaussian:1", "noise": 5, "model": denoise_model, "steps": 2}
    first = deblur(x, samples=2, seed=3, **call)
    again = deblur(x, samples=2, seed=3, **call)
    assert first.std is not None and float(first.std.max()) > 0
    assert len(first.samples) == 2
    np.testing.assert_array_equal(first.value, again.value)
    assert first.info["method"] != "half-quadratic"


def test_the_noise_is_estimated_and_never_below_rounding(denoise_model: str) -> None:
    rng = np.random.default_rng(0)
    noisy = np.full((64, 64), 0.5, np.float32) + rng.normal(0, 6 / 255, (64, 64))
    result = deblur(noisy.astype(np.float32), psf="disk:2", model=denoise_model, steps=1)
    assert result.info["noise"] == pytest.approx(6, rel=0.15)
    flat = np.full((32, 32), 128, np.uint8)
    result = deblur(flat, psf="disk:2", noise=0, model=denoise_model, steps=1)
    assert result.info["noise"] == pytest.approx(1 / 12**0.5, rel=1e-3)


def test_blind_kernels_are_near_the_true_ones() -> None:
    true = read_psf("motion:11,30")
    _, degraded = Deblurring("motion:11,30", 1.0).pair(photo("coins", 256), seed=0, item="coins")
    found = estimate_kernel(degraded.mean(0).astype(np.float64), 17)
    wide = torch.zeros(2, 32, 32, dtype=torch.float64)
    wide[0, : found.shape[0], : found.shape[1]] = found
    wide[1, : true.shape[0], : true.shape[1]] = true
    spectra = torch.fft.fft2(wide)
    match = torch.fft.ifft2(spectra[0] * spectra[1].conj()).real.max()  # over all shifts
    assert float(match / (found.norm() * true.norm())) > 0.85


def test_a_moved_kernel_is_put_back() -> None:
    middle = torch.nn.functional.pad(gaussian_kernel(1.0, 7), (4, 4, 4, 4))
    moved = middle.roll((2, -3), (0, 1))
    torch.testing.assert_close(centred(moved), middle, atol=1e-9, rtol=0)
    half = centred((middle + middle.roll(1, 0)) / 2)  # its mean lies between two pixels
    rows = torch.arange(15, dtype=torch.float64) - 7
    assert abs(float(half.sum(1) @ rows)) < 1e-6
    assert float(half.sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"psf": "gaussian:9"}, InputError, "no larger than the picture"),
        ({"psf": np.full((3, 3), np.nan)}, InputError, "not finite"),
        ({"psf": np.zeros((3, 3))}, InputError, "sum 0"),
        ({"psf": "disk:2", "noise": -1}, UsageError, "0 or more"),
        ({"psf": "disk:2", "noise": "much"}, UsageError, "'auto'"),
        ({"psf": "disk:2", "border": "wrap"}, UsageError, "circular"),
        ({"psf": "disk:2", "fidelity": 0}, UsageError, "above 0"),
        ({"psf": "disk:2", "method": "half"}, UsageError, "half-quadratic"),
        ({"psf": "disk:2", "method": "half-quadratic", "samples": 2}, UsageError, "equal"),
        ({"psf": "auto", "psf_size": 8}, UsageError, "odd"),
        ({"psf": "auto", "psf_size": 25}, InputError, "too small"),
    ],
)
def test_what_cannot_be(
    given: dict[str, Any], error: type[Exception], said: str, denoise_model: str
) -> None:
    with pytest.raises(error, match=said):
        deblur(pixels(24, 31), model=denoise_model, **given)


def test_a_constant_picture_has_no_blur_to_find(denoise_model: str) -> None:
    with pytest.raises(InputError, match="no edges"):
        deblur(np.full((90, 90), 0.5, np.float32), psf="auto", model=denoise_model)


def test_alpha_stays(denoise_model: str) -> None:
    image = Image.fromarray((pixels(24, 31, 4) * 255).astype(np.uint8))
    result = deblur(image, psf="disk:1", noise=1, model=denoise_model, steps=1)
    np.testing.assert_array_equal(np.asarray(result.value)[..., 3], np.asarray(image)[..., 3])
