"""Enlarging: where sampling starts, and agreement with the small picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import of_kind, pixels, smooth
from PIL import Image

from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.resize import bicubic, downscale, upscale
from undrift.common.weights.model import load_model
from undrift.restoration.degrade import quantise
from undrift.restoration.images import Picture, write_picture
from undrift.restoration.tasks import denoise, sr


@pytest.mark.parametrize("kind", ["uint8", "uint16", "grey", "alpha", "tensor", "PIL"])
def test_enlarging_keeps_the_kind(sr_model: str, kind: str) -> None:
    given = of_kind(kind)
    result = sr(given, scale=2, model=sr_model)
    assert type(result.value) is type(given)
    if isinstance(given, Image.Image):
        assert (result.value.mode, result.value.size) == ("RGB", (62, 48))
    elif kind == "tensor":
        assert result.value.shape == (3, 48, 62)
    else:
        assert result.value.shape == (48, 62, *given.shape[2:])
        assert result.value.dtype == given.dtype
    if kind == "alpha":
        assert isinstance(given, np.ndarray)
        alpha = torch.from_numpy(given[..., 3] / np.float32(255))[None]
        expected = np.rint(upscale(alpha, 2)[0].clamp(0, 1).numpy() * 255)
        assert np.abs(result.value[..., 3] - expected).max() <= 1
    assert result.std is None and result.samples == ()


def test_grey_is_three_equal_channels(denoise_model: str, bare_sr_model: str) -> None:
    grey = pixels(24, 30)
    colour = np.repeat(grey[..., None], 3, 2)
    alone = denoise(grey, sigma=30, model=denoise_model).value
    together = denoise(colour, sigma=30, model=denoise_model).value.mean(-1)
    np.testing.assert_allclose(alone, together, atol=1e-6)
    y = upscale(torch.from_numpy(grey)[None, None], 2)
    denoiser = load_model(bare_sr_model).denoiser
    x1 = start(denoiser.process, y, Noise(0)(tuple(y.shape), 0))  # the same noise in all three
    both = [value.expand(-1, 3, -1, -1) for value in (x1, y)]
    expected = denoiser(both[0], 1.0, both[1], torch.tensor([[0.5]])).x0.mean(1)[0].numpy()
    np.testing.assert_allclose(sr(grey, scale=2, model=bare_sr_model).value, expected, atol=1e-6)


def test_sampling_starts_at_the_enlarged_picture(bare_sr_model: str) -> None:
    """One call without back-projection is D(x_1, y)."""
    low = pixels(15, 18, 3)
    result = sr(low, scale=3, model=bare_sr_model, seed=2, item="q")
    y = upscale(torch.from_numpy(low).permute(2, 0, 1)[None], 3)
    denoiser = load_model(bare_sr_model).denoiser
    x1 = start(denoiser.process, y, Noise(2, "q", 0)(tuple(y.shape), 0))
    level = torch.tensor([[np.log2(3) / 2]], dtype=torch.float32)
    expected = denoiser(x1, 1.0, y, level).x0[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(result.value, expected, atol=1e-6)
    assert np.abs(expected - y[0].permute(1, 2, 0).numpy()).std() > 1e-3


@pytest.mark.parametrize("scale", [2, 2.5, 3, 4])
@pytest.mark.parametrize("levels", [255, 65535])
def test_back_projection_explains_the_data(plain_sr_model: str, scale: float, levels: int) -> None:
    """A smooth picture, reduced and rounded: within the preset's rounds chi is at most 1."""
    clean = torch.from_numpy(smooth(97, 110)).permute(2, 0, 1).float()[None]
    low = quantise(downscale(clean, scale), levels)[0].permute(1, 2, 0).numpy()
    stored = np.rint(low * levels).astype(np.uint8 if levels == 255 else np.uint16)
    result = sr(stored, scale=scale, model=plain_sr_model)
    assert result.value.shape[:2] == tuple(int(np.ceil(n * scale)) for n in stored.shape[:2])
    assert result.info["back_projections"] <= 5
    if levels == 255:
        assert result.info["chi"] <= 1
    again = bicubic(
        torch.from_numpy(result.value.astype(np.float32)).permute(2, 0, 1),
        (stored.shape[0], stored.shape[1]),
        (1 / scale, 1 / scale),
    )
    rest = stored - again.permute(1, 2, 0).numpy()
    assert np.sqrt(np.mean(rest**2)) < (0.5 if levels == 255 else 20)


def test_twelve_bits_round_as_twelve_bits(plain_sr_model: str, tmp_path: Path) -> None:
    unit = smooth(30, 34).astype(np.float32).transpose(2, 0, 1)
    picture = Picture(unit, None, "uint16", (0.0, 4095.0))
    result = sr(picture, scale=2, model=plain_sr_model)
    write_picture(tmp_path / "a.tif", result.value)
    assert result.info["chi"] == pytest.approx(
        result.info["residual_rms"] * 4095 * np.sqrt(12), rel=1e-3
    )
