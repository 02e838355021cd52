"""Degradations with an operator: their formulas, their records, what is refused."""

import json

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve

from undrift.common.errors import InputError
from undrift.restoration.degrade import replay
from undrift.restoration.degrade_operators import (
    OPERATED,
    Blurred,
    Compressed,
    Darkened,
    Diffracted,
    Greyed,
    Missing,
    Reduced,
)
from undrift.restoration.psf import read_psf

X = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
ALL = [
    Blurred("motion:7,30"), Missing("random:0.5", 3, "a"), Reduced(2), Reduced(4, "bicubic"),
    Greyed(), Compressed(0.25, "hadamard", 5), Diffracted(), Darkened(0.2, 2.2),
]  # fmt: skip


@pytest.mark.parametrize("given", ALL, ids=lambda d: d.name)
def test_records_replay(given: object) -> None:
    record = json.loads(json.dumps(given.record()))  # type: ignore[attr-defined]
    assert replay(record) == given
    assert torch.equal(replay(record)(X), given(X))  # type: ignore[operator]


def test_all_kinds_are_here() -> None:
    assert {type(given) for given in ALL} == set(OPERATED.values())


def test_blur_is_scipys_convolution_where_the_scene_is_known() -> None:
    kernel = read_psf("motion:7,30")
    top, left = (side // 2 for side in kernel.shape)
    whole = np.stack([convolve(plane, kernel.numpy()) for plane in X.numpy()])
    inner = whole[:, top : 32 - top, left : 32 - left]
    np.testing.assert_allclose(Blurred("motion:7,30")(X).numpy(), inner, atol=1e-12)


def test_means_tone_and_modulus() -> None:
    mean = X.reshape(3, 16, 2, 16, 2).mean((2, 4))
    torch.testing.assert_close(Reduced(2)(X), mean)
    torch.testing.assert_close(Darkened(0.2, 2.0)(X.clamp(min=0.01)), 0.2 * X.clamp(min=0.01) ** 2)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    torch.testing.assert_close(Greyed()(X)[0], torch.einsum("c,chw->hw", weights, X))
    energy = Diffracted()(X).square().sum()
    torch.testing.assert_close(energy, X.square().sum())  # Parseval


def test_noise_is_added_once_and_only_where_measured() -> None:
    noise = torch.ones(3, 32, 32, dtype=torch.float64)
    given = Missing("random:0.5", 3, "a", noise=0.25)
    clean = Missing("random:0.5", 3, "a")(X)
    seen = clean != 0
    torch.testing.assert_close(given(X, noise)[seen], clean[seen] + 0.25)
    assert not given(X, noise)[~seen].any()
    with pytest.raises(InputError, match="got noise of none"):
        given(X)
    with pytest.raises(InputError, match="got noise of shape"):
        Reduced(2, noise=0.1)(X, noise)


@pytest.mark.parametrize(
    "wrong", [Reduced(5), Reduced(2, "box"), Compressed(2.0), Compressed(0.5, "walsh")]
)
def test_what_does_not_fit(wrong: object) -> None:
    with pytest.raises(InputError):
        wrong(X)  # type: ignore[operator]
