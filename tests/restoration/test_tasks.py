"""The task functions: kinds in and out, and what a result holds."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import KINDS, of_kind, pixels, smooth
from PIL import Image

from undrift.common.errors import InputError
from undrift.restoration.images import Picture, read_picture
from undrift.restoration.tasks import denoise

SAMPLED = {"solver": "sde-multistep-2", "steps": 3, "samples": 2}


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_is_of_the_kind_that_came(denoise_model: str, kind: str) -> None:
    given = of_kind(kind)
    result = denoise(given, sigma=30, model=denoise_model, **SAMPLED)
    assert type(result.value) is type(given)
    assert len(result.samples) == 2
    for value in (result.value, *result.samples):
        if isinstance(given, Image.Image):
            assert (value.mode, value.size) == (given.mode, given.size)
        else:
            assert (value.dtype, value.shape) == (given.dtype, given.shape)
    shape = (24, 31, 3) if kind in ("PIL", "alpha") else np.asarray(given).shape
    for field in (result.std, result.residual):
        assert tuple(field.shape) == shape
        assert isinstance(field, torch.Tensor if "tensor" in kind else np.ndarray)
        assert str(field.dtype).endswith("float32")
    json.dumps(dict(result.info))


def test_a_path_gives_a_picture_and_its_name_is_the_item(
    denoise_model: str, tmp_path: Path
) -> None:
    array = (pixels(24, 31, 3) * 255).astype(np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png", dpi=(300, 300))
    result = denoise(tmp_path / "a.png", sigma=30, model=denoise_model, **SAMPLED)
    assert isinstance(result.value, Picture)
    assert result.info["item"] == "a.png"
    named = denoise(array, sigma=30, model=denoise_model, item="a.png", **SAMPLED)
    other = denoise(array, sigma=30, model=denoise_model, **SAMPLED)
    planes = np.clip(result.samples[0].pixels.astype(np.float64), 0, 1)
    assert np.array_equal(np.rint(255 * np.moveaxis(planes, 0, -1)), named.samples[0])
    assert not np.array_equal(named.samples[0], other.samples[0])
    assert result.value.metadata.dpi == pytest.approx((300, 300), abs=0.1)


def test_all_kinds_give_the_same_numbers(denoise_model: str) -> None:
    unit = np.rint(pixels(24, 31, 3) * 255).astype(np.uint8)
    as_float = unit.astype(np.float32) / np.float32(255)
    expected = denoise(as_float, sigma=20, model=denoise_model).value
    tensor = torch.from_numpy(as_float).permute(2, 0, 1)
    found = denoise(tensor, sigma=20, model=denoise_model).value.permute(1, 2, 0).numpy()
    assert np.array_equal(found, expected)
    rounded = np.rint(np.clip(expected, 0, 1).astype(np.float64) * 255).astype(np.uint8)
    assert np.array_equal(denoise(unit, sigma=20, model=denoise_model).value, rounded)
    pil = denoise(Image.fromarray(unit), sigma=20, model=denoise_model).value
    assert np.array_equal(np.asarray(pil), rounded)


def test_mean_spread_and_residual_are_those_of_the_samples(denoise_model: str) -> None:
    given = pixels(20, 26, 3)
    wishes = {**SAMPLED, "samples": 4}
    result = denoise(given, sigma=40, model=denoise_model, **wishes)
    stack = np.stack(result.samples).astype(np.float64)
    np.testing.assert_allclose(result.value, stack.mean(0), atol=2e-7)
    np.testing.assert_allclose(result.std, stack.std(0, ddof=1), atol=1e-6)
    np.testing.assert_allclose(result.residual, given - result.value, atol=1e-6)
    rms = float(np.sqrt(np.mean((given - result.value.astype(np.float64)) ** 2)))
    assert result.info["residual_rms"] == pytest.approx(rms, rel=1e-4)
    assert result.info["chi"] == pytest.approx(rms / (40 / 255), abs=1e-4)
    assert result.info["nfe"] == 12
    assert result.std.min() > 0


@pytest.mark.parametrize("sigma", [15.0, 60.0])
def test_chi_of_the_perfect_denoiser_is_the_closed_form(gaussian_model: str, sigma: float) -> None:
    """y - E[x0 | y] = (y - c) s^2/(S^2 + s^2), so chi = s / sqrt(S^2 + s^2)."""
    noise, spread = sigma / 255, 0.25
    rng = np.random.default_rng(3)
    clean = 0.5 + spread * rng.standard_normal((96, 96, 3))
    noisy = (clean + noise * rng.standard_normal(clean.shape)).astype(np.float32)
    result = denoise(noisy, sigma=sigma, model=gaussian_model)
    expected = 0.5 + spread**2 / (spread**2 + noise**2) * (noisy - 0.5)
    np.testing.assert_allclose(result.value, expected, atol=1e-5)
    assert result.info["chi"] == pytest.approx(noise / np.hypot(spread, noise), rel=0.02)
    error = float(np.sqrt(np.mean((result.value - clean) ** 2)))
    assert error == pytest.approx(noise * spread / np.hypot(spread, noise), rel=0.02)


def test_noise_is_estimated_a_little_high(gaussian_model: str) -> None:
    rng = np.random.default_rng(1)
    noisy = (smooth(128, 128) + 20 / 255 * rng.standard_normal((128, 128, 3))).astype(np.float32)
    found = denoise(noisy, model=gaussian_model).info["sigma"]
    assert found == pytest.approx(1.05 * 20, rel=0.05)


def test_nothing_to_do(denoise_model: str) -> None:
    given = (pixels(16, 20, 3) * 255).astype(np.uint8)
    still = denoise(given, sigma=0, model=denoise_model, samples=3)
    assert np.array_equal(still.value, given)
    assert (still.info["chi"], still.info["nfe"]) == (None, 0)
    assert still.std.max() == 0
    flat = np.full((20, 30), 77, np.uint8)
    constant = denoise(flat, model=denoise_model)
    assert np.array_equal(constant.value, flat)
    assert (constant.info["sigma"], constant.info["sigma_given"]) == (0.0, "auto")


def test_saving_tells_how_it_was_made(denoise_model: str, tmp_path: Path) -> None:
    given = (pixels(24, 31) * 255).astype(np.uint8)
    for name in ("a.png", "b.tif"):
        result = denoise(given, sigma=25, model=denoise_model)
        result.save(tmp_path / name)
        back = read_picture(tmp_path / name)
        assert np.array_equal(np.rint(back.pixels[0] * 255).astype(np.uint8), result.value)
        [line] = back.metadata.history
        told = json.loads(line)
        assert (told["task"], told["sigma"], told["model"]) == ("denoise", 25.0, "tiny-denoise")
        assert told["weights"] == result.info["weights"]
        assert "seconds" not in told
    again = denoise(tmp_path / "a.png", sigma=5, model=denoise_model)
    again.save(tmp_path / "c.png")
    assert len(read_picture(tmp_path / "c.png").metadata.history) == 2
    with pytest.raises(InputError, match="this is the input itself"):
        again.save(tmp_path / "a.png")
    with pytest.raises(InputError, match="cannot write"):
        again.save(tmp_path / "a.xyz")


def test_plots(denoise_model: str) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    for given in (of_kind("grey"), of_kind("tensor"), of_kind("PIL")):
        figure = denoise(given, sigma=30, model=denoise_model, **SAMPLED).plot()
        shown = [axis for axis in figure.axes if axis.get_title()]
        assert [axis.get_title() for axis in shown] == [
            "restored", "standard deviation", "residual",
        ]  # fmt: skip
        assert all(axis.images[0].get_array().shape[:2] == (24, 31) for axis in shown)
        pyplot.close(figure)
