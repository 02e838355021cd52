"""Enlarging, deblurring and inpainting without a network, through the verbs."""

from typing import Any

import numpy as np
import pytest
import torch
from pictures import pixels, smooth

import undrift
from undrift.common.errors import UsageError
from undrift.common.operators.blur import Blur
from undrift.common.resize import upscale
from undrift.restoration.psf import read_psf


@pytest.mark.parametrize("scale", [2, 2.5])
def test_bicubic_is_the_start_of_the_network(scale: float) -> None:
    given = pixels(20, 26, 3)
    result = undrift.sr(given, scale=scale, method="bicubic")
    expected = upscale(torch.from_numpy(given).permute(2, 0, 1)[None], scale)[0]
    np.testing.assert_allclose(result.value, expected.permute(1, 2, 0).numpy(), atol=1e-6)
    assert undrift.sr(given, scale=scale, method="lanczos").value.shape == result.value.shape


def test_alpha_is_enlarged_too() -> None:
    given = (pixels(20, 26, 4) * 255).astype(np.uint8)
    result = undrift.sr(given, scale=2, method="lanczos")
    assert result.value.shape == (40, 52, 4)
    assert abs(float(result.value[..., 3].mean()) - float(given[..., 3].mean())) < 3


@pytest.mark.parametrize("method", ["wiener", "richardson-lucy", "tv-deconvolution"])
def test_a_known_blur_is_undone(method: str) -> None:
    """Also with a kernel that is not symmetric, where a turned one would make it worse."""
    rng = np.random.default_rng(0)
    scene = smooth(60, 66).transpose(2, 0, 1).copy()
    for _ in range(20):
        top, left = rng.integers(0, 55, 2)
        scene[:, top : top + 6, left : left + 8] = rng.uniform(0.1, 0.9, (3, 1, 1))
    kernel = np.zeros((7, 9))
    kernel[3, 4:], kernel[:3, 4] = 1, 0.5
    operator = Blur(read_psf(kernel), scene.shape, "valid")
    y = operator(torch.from_numpy(scene)[None])[0].permute(1, 2, 0).numpy()
    y = (y + 1 / 255 * rng.standard_normal(y.shape)).astype(np.float32)
    truth = scene[:, 3:-3, 4:-4].transpose(1, 2, 0)
    result = undrift.deblur(y, psf=kernel, noise=1.0, method=method)
    before, after = (float(np.square(x - truth).mean()) for x in (y, result.value))
    assert after < 0.6 * before
    assert result.info["chi"] < 1.5
    assert (result.info["method"], result.info["noise"]) == (method, 1.0)


@pytest.mark.parametrize("method", ["biharmonic", "nearest"])
def test_known_pixels_stay(method: str) -> None:
    given = np.rint(255 * smooth(30, 34)).astype(np.uint8)
    mask = np.zeros((30, 34), bool)
    mask[10:13, 5:25] = True
    result = undrift.inpaint(np.where(mask[..., None], 0, given), mask=mask, method=method)
    assert np.array_equal(result.value[~mask], given[~mask])
    gap = np.abs(result.value[mask].astype(float) - given[mask])
    assert gap.mean() < {"biharmonic": 2, "nearest": 12}[method]


@pytest.mark.parametrize(
    ("call", "own", "said"),
    [
        (undrift.sr, {"method": "lanczos", "scale": 40}, "expected a number above 1 up to 16"),
        (undrift.sr, {"method": "bicubic", "fidelity": 2}, "bicubic takes what it is given as"),
        (undrift.sr, {"method": "lancsoz"}, "did you mean 'lanczos'"),
        (undrift.deblur, {"method": "wiener", "psf": "auto"}, "psf 'auto' needs a network"),
        (undrift.deblur, {"method": "wiener", "psf": "disk:2", "border": "zero"}, "beyond the fr"),
        (undrift.deblur, {"method": "wiener", "psf": "disk:2", "model": "x"}, "for networks"),
        (undrift.inpaint, {"method": "nearest", "mask": np.eye(12), "noise": 3}, "as exact"),
        (undrift.inpaint, {"method": "nearest", "mask": np.eye(12), "samples": 2}, "draws nothing"),
    ],
)
def test_classical_calls_that_cannot_be(call: Any, own: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        call(pixels(12, 12), **own)
