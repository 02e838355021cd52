"""Calls that cannot be: each says what came, what was expected, what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from pictures import pixels

from undrift.common.errors import InputError, UsageError
from undrift.restoration.tasks import denoise, sr


@pytest.mark.parametrize(
    ("own", "error", "said"),
    [
        ({"sigma": "much"}, UsageError, "expected 'auto', or 0 or more"),
        ({"sigma": -1}, UsageError, "0 or more"),
        ({"sigma": float("nan")}, UsageError, "0 or more"),
        ({"sigma": None}, UsageError, "0 or more"),
        ({"sigma": 1e5}, UsageError, r"ends at 38\d+.* is sigma on the right scale"),
        ({"sigma": 5, "step": 3}, UsageError, "did you mean 'steps'"),
        ({"sigma": 5, "solver": "huen"}, UsageError, "did you mean 'heun'"),
        ({"sigma": 5, "solver": "ddim", "samples": 2}, UsageError, "all samples would be the same"),
        ({"sigma": 5, "model": "gone.safetensors"}, InputError, "no such weight file"),
        ({"sigma": 5, "model": "leaves-denoize"}, InputError, "no model 'leaves-denoize'"),
    ],
)
def test_bad_calls(
    denoise_model: str, own: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        denoise(pixels(12, 12), **{"model": denoise_model, **own})


@pytest.mark.parametrize("scale", [1.5, 5, 0, -2, float("nan"), float("inf"), "4x"])
def test_scales_the_model_does_not_know(sr_model: str, scale: Any) -> None:
    with pytest.raises(UsageError, match="was trained for 2 to 4; method 'operator' takes"):
        sr(pixels(12, 12), scale=scale, model=sr_model)


def test_bad_pictures(denoise_model: str, sr_model: str) -> None:
    with pytest.raises(InputError, match="3 x 2 pixels are too few to tell the noise"):
        denoise(pixels(2, 3), model=denoise_model)
    assert denoise(pixels(1, 1), sigma=9, model=denoise_model).value.shape == (1, 1)
    assert sr(pixels(1, 1), scale=2, model=sr_model).value.shape == (2, 2)
    with pytest.raises(InputError, match="is a model for sr, not for denoise"):
        denoise(pixels(12, 12), sigma=5, model=sr_model)
    with pytest.raises(InputError, match="not finite"):
        denoise(np.full((9, 9), np.nan, np.float32), model=denoise_model)


def test_a_grey_model_takes_grey_only(tmp_path: Path) -> None:
    params = {**tiny.DENOISE["network"]["params"], "inputs": 1, "outputs": 1}
    network = {"name": "local-nafnet", "params": params}
    path = tiny.write_model(tmp_path / "g.safetensors", {**tiny.DENOISE, "network": network})
    assert denoise(pixels(16, 20), sigma=20, model=path).value.shape == (16, 20)
    with pytest.raises(InputError, match="tiny-denoise restores 1 channels, not 3"):
        denoise(pixels(16, 20, 3), sigma=20, model=path)
