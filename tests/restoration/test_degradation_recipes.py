"""Recipes of degradations: ranges, replay of all that come along, and mistakes with their place."""

import json
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.common.resize import bicubic, downscale
from undrift.restoration.chains.chain import Chain, replayed
from undrift.restoration.chains.noises import WhiteNoise
from undrift.restoration.chains.recipes import (
    find_recipe,
    inline_recipe,
    read_recipe,
    recipe_names,
)
from undrift.restoration.chains.steps import Blurred, Compressed, Filtered, Resized
from undrift.restoration.degrade import quantise


def draw(recipe: object, seed: int, size: tuple[int, int] = (56, 72)) -> Chain:
    return inline_recipe(recipe).draw(size, np.random.default_rng(seed))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_replayed_bit_by_bit(name: str) -> None:
    x = np.random.default_rng(1).random((3, 56, 72), dtype=np.float32)
    for seed in range(6):
        chain = draw(name, seed)
        y = chain(x)
        again = replayed(json.loads(json.dumps(chain.record())))
        assert again == chain
        np.testing.assert_array_equal(again(x), y)
        assert draw(name, seed) == chain
        assert y.dtype == np.float32
        assert 0 <= y.min() <= y.max() <= 1
        assert chain(x[:1]).shape == (1, *y.shape[1:])
    assert find_recipe(name).about


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bicubic_reduction_is_that_of_the_benchmarks(scale: int) -> None:
    import torch

    x = np.random.default_rng(2).random((3, 57, 62), dtype=np.float32)  # no multiple of the scale
    y = draw(f"bicubic-x{scale}", 0, (57, 62))(x)
    expected = quantise(downscale(torch.from_numpy(x), scale)).numpy()
    assert np.abs(y - expected).max() < 1.01 / 255  # rounding may fall to the other side
    assert (y == expected).mean() > 0.999
    assert not np.array_equal(y, quantise(bicubic(torch.from_numpy(x), y.shape[1:])).numpy())


def test_numbers_are_drawn_from_their_ranges() -> None:
    recipe = {
        "steps": [
            {"jpeg": {"quality": [10, 12], "subsampling": {"any": ["4:2:0", "4:4:4"]}}},
            {"gaussian-noise": {"sigma": {"log": [1, 100]}, "chance": 0.5}},
            {"blur": {"psf": {"word": "motion", "of": [[3, 5], [0.0, 90.0]]}}},
        ]
    }
    chains = [draw(recipe, seed) for seed in range(400)]
    jpegs = [k for c in chains for k in c.links if isinstance(k, Compressed)]
    for quality in (10, 11, 12):
        assert np.mean([k.quality == quality for k in jpegs]) == pytest.approx(1 / 3, abs=0.08)
    assert {k.subsampling for k in jpegs} == {"4:2:0", "4:4:4"}
    noises = [k for c in chains for k in c.links if isinstance(k, WhiteNoise)]
    assert len(noises) / 400 == pytest.approx(0.5, abs=0.08)
    assert np.mean([k.sigma < 10 for k in noises]) == pytest.approx(0.5, abs=0.1)
    assert len({k.seed for k in noises}) == len(noises)
    words = {k.psf for c in chains for k in c.links if isinstance(k, Blurred)}
    assert {word[:8] for word in words} == {"motion:3", "motion:4", "motion:5"}


def test_alternatives_have_their_shares() -> None:
    parts = [{"share": 3, "steps": [{"jpeg": {"quality": 10}}]}, {"steps": [{"round": {}}]}]
    chains = [draw({"steps": [{"any": parts}]}, seed) for seed in range(400)]
    jpegs = np.mean([isinstance(chain.links[0], Compressed) for chain in chains])
    assert jpegs == pytest.approx(0.75, abs=0.07)


def test_sizes_follow_from_what_came_before_and_return() -> None:
    steps = [
        {"resize": {"factor": 0.5, "mode": "area"}},
        {"resize": {"factor": [0.5, 0.5]}},
        {"resize": {"to": "original"}},
    ]
    links = draw({"steps": steps}, 0, (57, 72)).links
    sizes = [(k.height, k.width) for k in links if isinstance(k, Resized)]
    assert sizes == [(29, 36), (15, 18), (57, 72)]


def test_round_kernels_need_one_deviation() -> None:
    (link,) = draw({"steps": [{"filter": {"shape": "gaussian", "size": 9, "sx": [1, 2]}}]}, 0).links
    assert isinstance(link, Filtered)
    assert 1 < link.kernel.sx == link.kernel.sy < 2


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("[{jpg: {}}]", r"steps\[0\]: no link 'jpg'; did you mean 'jpeg'"),
        ("[{round: {}}, {jpeg: {quality: [5, 101]}}]", r"steps\[1\]: jpeg: quality is 101"),
        ("[{jpeg: {quality: [9, 5]}}]", r"got \[9, 5\]; expected \[low, high\]"),
        ("[{jpeg: {quality: 5, colour: 1}}]", "unexpected keyword argument 'colour'"),
        ("[{any: [{steps: [{blur: {psf: disc:3}}]}]}]", r"\.any\[0\]\.steps\[0\]: .*disk"),
        ("[{gaussian-noise: {sigma: {any: [1, -5]}}}]", "sigma is -5"),
        ("[{gaussian-noise: {sigma: 3, chance: 2}}]", "chance is 2; expected 0 to 1"),
        ("[{resize: {}}]", "either a factor"),
        ("[{gaussian-noise: {sigma: {lg: [1, 2]}}}]", "expected {log"),
        ("[jpeg]", "steps"),
        ("[]", "steps"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path: Path, steps: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"about: mine\nsteps: {steps}\n")
    with pytest.raises(InputError, match=said):
        read_recipe(path)


def test_unknown_names_and_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'rain'"):
        find_recipe("rian")
    with pytest.raises(InputError, match=r"none\.yaml"):
        find_recipe(tmp_path / "none.yaml")
