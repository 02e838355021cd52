"""Noise that differs over the picture, and noise that grows with the light."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from pictures import pixels, smooth
from PIL import Image

from undrift.common.errors import InputError, UsageError
from undrift.restoration.denoising import denoise
from undrift.restoration.noise_models import FAINT, KnownNoise
from undrift.restoration.noise_models_removal import LEVELS, at_levels, behind_transform, levels_of


def shrunk(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    """The exact posterior mean of pixels N(0.5, 0.25^2) with white noise sigma."""
    return 0.5 + 0.25**2 / (0.25**2 + sigma**2) * (picture - 0.5)


@pytest.mark.parametrize("kind", ["array", "with channels", "tensor", "npy", "tiff", "png"])
def test_a_constant_map_is_the_number(denoise_model: str, tmp_path: Path, kind: str) -> None:
    given = pixels(24, 31, 3)
    plane = np.full((24, 31), 30.0)
    field: Any = {
        "array": lambda: plane,
        "with channels": lambda: np.repeat(plane[..., None], 3, 2),
        "tensor": lambda: torch.from_numpy(plane),
    }.get(kind, lambda: tmp_path / f"m.{kind}")()
    if kind == "npy":
        np.save(field, plane)
    elif kind == "tiff":
        tifffile.imwrite(field, plane.astype(np.float32))
    elif kind == "png":
        Image.fromarray(plane.astype(np.uint8)).save(field)
    wishes = {"model": denoise_model, "solver": "sde-multistep-2", "steps": 2, "samples": 2}
    result = denoise(given, sigma=field, **wishes)
    expected = denoise(given, sigma=30, **wishes)
    assert np.array_equal(result.value, expected.value)
    assert result.info["nfe"] == expected.info["nfe"]
    assert result.info["sigma_range"] == [30.0, 30.0]
    assert result.info["chi"] == expected.info["chi"]


def test_levels_cover_the_map() -> None:
    assert levels_of(torch.full((1, 1, 4, 4), 0.1)) == [pytest.approx(0.1)]
    assert levels_of(torch.zeros(1, 1, 4, 4)) == []
    wide = levels_of(torch.logspace(-2, -0.3, 50).reshape(1, 1, 5, 10))
    assert (len(wide), wide[0], wide[-1]) == (
        LEVELS, pytest.approx(0.01), pytest.approx(10**-0.3)
    )  # fmt: skip
    assert len(levels_of(torch.tensor([[[[0.1, 0.14]]]]))) == 2
    np.testing.assert_allclose(np.diff(np.log(wide)), np.log(wide[1] / wide[0]), rtol=1e-6)


def test_each_pixel_has_its_own_noise() -> None:
    """Between levels h apart, the error of a line is at most max |f''| h^2 / 8.

    f(u) = S^2 / (S^2 + e^2u) has |f''| <= 4 / (6 sqrt 3), u the logarithm of the deviation.
    """
    picture = torch.from_numpy(pixels(20, 40)).reshape(1, 1, 20, 40)
    deviation = torch.logspace(-2, -0.5, 40).expand(1, 1, 20, 40)
    found = at_levels(shrunk, picture, deviation)
    expected = 0.5 + 0.25**2 / (0.25**2 + deviation**2) * (picture - 0.5)
    step = np.log(levels_of(deviation)[1] / 0.01)
    bound = 4 / (6 * np.sqrt(3)) * step**2 / 8 * (picture - 0.5).abs()
    assert bool(((found - expected).abs() <= bound + 1e-6).all())
    assert float((found - expected).abs().max()) > 1e-3  # they are not the levels themselves
    corners = at_levels(shrunk, picture, torch.where(deviation > 0.1, 0.2, 0.05))
    assert torch.equal(corners[..., -1], shrunk(picture, float(np.float32(0.2)))[..., -1])
    still = at_levels(shrunk, picture, torch.where(deviation > 0.1, FAINT / 2, 0.1))
    assert torch.equal(still[..., -1], picture[..., -1])


def test_the_measurement_check_weighs_each_pixel(gaussian_model: str) -> None:
    """chi of the exact denoiser, s / sqrt(S^2 + s^2), in its mean over the map."""
    rng = np.random.default_rng(3)
    clean = 0.5 + 0.25 * rng.standard_normal((96, 96, 3))
    field = np.tile(np.linspace(20.0, 50.0, 96), (96, 1))
    noisy = (clean + field[..., None] / 255 * rng.standard_normal(clean.shape)).astype(np.float32)
    result = denoise(noisy, sigma=field, model=gaussian_model)
    s = field / 255
    expected = np.sqrt(np.mean(s**2 / (0.25**2 + s**2)))
    assert result.info["chi"] == pytest.approx(expected, rel=0.02)
    assert result.info["nfe"] == 4
    assert result.info["sigma"] == pytest.approx(np.sqrt(np.mean(field**2)), rel=1e-3)


def test_noise_of_light_is_undone_without_bias() -> None:
    """A denoiser that knows the mean of what it sees gives back the light, even at one photon."""
    light, gain, read = 0.02, 0.02, 0.004
    rng = np.random.default_rng(0)
    counts = gain * rng.poisson(light / gain, (1, 1, 300, 300))
    y = torch.from_numpy(counts + read * rng.standard_normal(counts.shape)).float()
    known = KnownNoise(0.02, gain=gain, read=read)
    seen = []

    def averaged(picture: torch.Tensor, sigma: float) -> torch.Tensor:
        seen.append(sigma)
        return picture.mean((2, 3), keepdim=True).expand_as(picture)

    found = float(behind_transform(averaged, y, known).mean())
    assert found == pytest.approx(light, rel=0.02)
    behind_transform(averaged, y, known.trusted(2))
    assert seen[1] == pytest.approx(seen[0] / 2)


def test_camera_noise_from_call_to_record(denoise_model: str) -> None:
    clean = smooth(64, 64)
    rng = np.random.default_rng(1)
    noisy = (3 / 255 * rng.poisson(clean * 85) + 4 / 255 * rng.standard_normal(clean.shape)).astype(
        np.float32
    )
    told = denoise(noisy, gain=3, read_noise=4, model=denoise_model)
    assert (told.info["noise"], told.info["gain"], told.info["read_noise"]) == (
        "poisson-gaussian", 3.0, 4.0
    )  # fmt: skip
    variance = 3 / 255 * np.clip(told.value.astype(np.float64), 0, None) + (4 / 255) ** 2
    chi = np.sqrt(np.mean((noisy - told.value) ** 2 / variance))
    assert told.info["chi"] == pytest.approx(chi, rel=1e-3)
    found = denoise(noisy, noise="poisson-gaussian", model=denoise_model)
    assert found.info["gain_given"] is None
    again = denoise(
        noisy, gain=found.info["gain"], read_noise=found.info["read_noise"], model=denoise_model
    )
    np.testing.assert_allclose(again.value, found.value, atol=1e-4)


@pytest.mark.parametrize(
    ("own", "error", "said"),
    [
        ({"sigma": np.ones((5, 6))}, InputError, r"has shape \(5, 6\); expected one standard"),
        ({"sigma": np.full((12, 14), -1.0)}, InputError, "negative or not finite"),
        ({"sigma": np.full((12, 14), np.nan)}, InputError, "negative or not finite"),
        ({"sigma": np.ones((12, 14), bool)}, InputError, "holds bool; expected numbers"),
        ({"sigma": "gone.npy"}, UsageError, "an array or a file"),
        ({"noise": "poison-gaussian"}, UsageError, "did you mean 'poisson-gaussian'"),
        ({"gain": 0}, UsageError, "gain 0: expected a number above 0.* is given by sigma"),
        ({"read_noise": -1}, UsageError, "read_noise -1: expected a number of 0 or more"),
        ({"noise": "white", "gain": 2}, UsageError, "belong to noise 'poisson-gaussian'"),
        ({"gain": 2, "sigma": 5}, UsageError, "both say how strong the noise is"),
        ({"fidelity": 0}, UsageError, "fidelity 0: expected a number above 0"),
        ({"sigma": 300, "fidelity": 1e-3}, UsageError, "is sigma on the right scale"),
    ],
)
def test_noise_that_cannot_be(
    denoise_model: str, own: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        denoise(pixels(12, 14), model=denoise_model, **own)
