"""`inpaint`: known pixels exact, holes filled better than by classical means, what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import KINDS, of_kind, pixels
from PIL import Image

from undrift.common.errors import InputError, UsageError
from undrift.restoration.baselines import baseline
from undrift.restoration.filling import first_guess, spread
from undrift.restoration.inpainting import inpaint
from undrift.restoration.masks import drawn_mask
from undrift.restoration.metrics import score
from undrift.restoration.photos import centre_crop, load_photos
from undrift.restoration.protocols_operators import Inpainting


def mask_of(height: int, width: int) -> np.ndarray:
    return drawn_mask("random:0.4", (height, width), seed=0, item="")


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_come_back_and_known_pixels_exactly(kind: str, denoise_model: str) -> None:
    image = of_kind(kind)
    missing = mask_of(24, 31)
    result = inpaint(image, mask=missing, model=denoise_model, steps=2)
    assert type(result.value) is type(image)
    before, after = np.asarray(image), np.asarray(result.value)
    assert before.shape == after.shape
    if isinstance(image, torch.Tensor) and image.ndim == 3:
        before, after = np.moveaxis(before, 0, -1), np.moveaxis(after, 0, -1)
    np.testing.assert_array_equal(before[~missing], after[~missing])
    assert (before[missing] != after[missing]).any()
    assert result.info["missing"] == pytest.approx(missing.mean(), abs=1e-6)


def test_the_missing_values_do_not_matter(denoise_model: str) -> None:
    x, missing = pixels(24, 31), mask_of(24, 31)
    other = x.copy()
    other[missing] = 0.9
    results = [inpaint(v, mask=missing, model=denoise_model, steps=2).value for v in (x, other)]
    np.testing.assert_array_equal(results[0], results[1])


def test_alpha_and_nan_say_what_is_missing(denoise_model: str, tmp_path: Path) -> None:
    x, missing = pixels(24, 31, 3), mask_of(24, 31)
    expected = inpaint(x, mask=missing, model=denoise_model, steps=2).value
    holed = x.copy()
    holed[missing] = np.nan
    np.testing.assert_array_equal(
        inpaint(holed, mask="nan", model=denoise_model, steps=2).value, expected
    )
    tensor = torch.from_numpy(holed).permute(2, 0, 1)
    found = inpaint(tensor, mask="nan", model=denoise_model, steps=2).value
    np.testing.assert_array_equal(found.permute(1, 2, 0).numpy(), expected)
    alpha = np.concatenate([x, ~missing[..., None]], -1).astype(np.float32)
    cut = inpaint(alpha, mask="alpha", model=denoise_model, steps=2).value
    np.testing.assert_array_equal(cut[..., :3], expected)
    assert (cut[..., 3] == 1).all()


def test_noisy_known_pixels_are_denoised_too() -> None:
    clean = centre_crop(dict(load_photos("wheel-photos", ["coins"]))["coins"], 96)
    condition = Inpainting("random:0.3", 10.0)
    _, noisy = condition.pair(clean, seed=0, item="coins")
    missing = condition.known((96, 96), seed=0, item="coins").missing
    result = inpaint(noisy[0], mask=missing, noise=10, tile="off")
    before = float(np.square(noisy[0] - clean[0])[~missing].mean())
    after = float(np.square(result.value - clean[0])[~missing].mean())
    assert after < before / 2
    assert 0.7 < result.info["chi"] < 1.2


@pytest.mark.parametrize("word", ["random:0.7", "scratches:6"])
def test_it_beats_biharmonic_inpainting(word: str) -> None:
    gains = []
    for name in ("coins", "ascent", "flower"):
        clean = centre_crop(dict(load_photos("wheel-photos", [name]))[name], 96)
        condition = Inpainting(word)
        _, degraded = condition.pair(clean, seed=0, item=name)
        known = condition.known((96, 96), seed=0, item=name)
        result = inpaint(degraded.transpose(1, 2, 0), mask=known.missing, tile="off")
        ours = np.asarray(result.value).transpose(2, 0, 1)
        theirs = baseline("biharmonic", "inpaint")(degraded, known=known)
        scores = [score(np.clip(v, 0, 1), clean, ["psnr"])["psnr"] for v in (ours, theirs)]
        gains.append(scores[0] - scores[1])
    assert float(np.mean(gains)) > 0.3


def test_the_first_guess_keeps_what_is_known_and_constants() -> None:
    known = torch.from_numpy(~mask_of(24, 31))[None, None].float()
    x = torch.rand(1, 3, 24, 31, generator=torch.Generator().manual_seed(0))
    guess = first_guess(x * known, known)
    assert torch.equal(guess[known.expand_as(x) > 0], x[known.expand_as(x) > 0])
    flat = torch.full_like(x, 0.3)
    torch.testing.assert_close(first_guess(flat * known, known), flat)
    torch.testing.assert_close(spread(flat * known, known), flat)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"mask": np.zeros((24, 31))}, InputError, "nothing to fill in"),
        ({"mask": np.ones((24, 31))}, InputError, "every pixel"),
        ({"mask": np.ones((24, 30))}, InputError, "30 x 24 pixels, the picture 31 x 24"),
        ({"mask": mask_of(24, 31), "grow": 40}, InputError, "the grown mask marks every pixel"),
        ({"mask": mask_of(24, 31), "grow": -1}, UsageError, "whole pixels"),
        ({"mask": mask_of(24, 31), "noise": -2}, UsageError, "0 or more"),
        ({"mask": "alpha"}, InputError, "no alpha channel"),
        ({"mask": "nan"}, InputError, "no pixel as missing"),
        ({"mask": "nowhere.png"}, InputError, "no such file"),
    ],
)
def test_what_cannot_be(
    given: dict[str, Any], error: type[Exception], said: str, denoise_model: str
) -> None:
    with pytest.raises(error, match=said):
        inpaint(pixels(24, 31), model=denoise_model, **given)


def test_a_picture_of_integers_has_no_nan(denoise_model: str) -> None:
    with pytest.raises(InputError, match="floats"):
        inpaint(Image.new("L", (24, 31)), mask="nan", model=denoise_model)
