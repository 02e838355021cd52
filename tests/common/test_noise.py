"""Counter-based noise: known answers, windows, independence, and a normal distribution."""

import math

import pytest
import torch
from scipy import stats

from undrift.common.noise import Noise, philox


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (
            "ffffffff ffffffff ffffffff ffffffff",
            "ffffffff ffffffff",
            "408f276d 41c83b0e a20bc7c6 6d5451fd",
        ),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_philox_gives_the_known_answers(counter: str, key: str, expected: str) -> None:
    """Random123's own vectors for philox4x32, 10 rounds."""
    first, second = words(key)
    found = philox(tuple(torch.tensor(word) for word in words(counter)), (first, second))
    assert [int(word) for word in found] == words(expected)


@pytest.mark.parametrize(
    ("shape", "origin", "window"),
    [
        ((1, 3, 40), (1000,), (7,)),
        ((1, 5, 20, 24), (0, 0), (6, 11)),
        ((1, 2, 20, 24), (2**31, 3), (6, 11)),
        ((1, 9, 6, 8, 10), (5, 0, 2**20 - 20), (2, 3, 4)),
    ],
)
def test_a_window_of_the_noise_is_the_noise_of_the_window(
    shape: tuple[int, ...], origin: tuple[int, ...], window: tuple[int, ...]
) -> None:
    noise = Noise(3, "picture.png", 1)
    whole = noise(shape, draw=2, origin=origin)
    inner = tuple(n - w for n, w in zip(shape[2:], window, strict=True))
    place = tuple(o + w for o, w in zip(origin, window, strict=True))
    part = noise((*shape[:2], *inner), draw=2, origin=place)
    slices = (slice(None), slice(None), *(slice(w, None) for w in window))
    assert torch.equal(whole[slices], part)


def test_a_channel_does_not_depend_on_how_many_there_are() -> None:
    noise = Noise(1)
    assert torch.equal(noise((1, 9, 5, 5))[:, :3], noise((1, 3, 5, 5)))


def test_precisions_agree() -> None:
    fine, coarse = (Noise(4)((1, 3, 50, 50), dtype=d) for d in (torch.float64, torch.float32))
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse.double(), fine, rtol=0, atol=3e-6)
    half = Noise(4)((1, 3, 50, 50), dtype=torch.float16)
    torch.testing.assert_close(half.float(), coarse, rtol=1e-3, atol=1e-3)


def test_the_same_names_give_the_same_noise() -> None:
    assert torch.equal(Noise(5, "a", 2)((1, 1, 8, 8), 3), Noise(5, "a", 2)((1, 1, 8, 8), 3))
    assert Noise(1, "1", 0).key() != Noise(11, "", 0).key()


def test_the_noise_is_standard_normal() -> None:
    values = Noise(0)((1, 4, 150, 200), dtype=torch.float64).flatten()
    n = len(values)
    assert abs(float(values.mean())) < 4 / math.sqrt(n)
    assert abs(float(values.var()) - 1) < 4 * math.sqrt(2 / n)
    assert abs(float((values**3).mean())) < 4 * math.sqrt(15 / n)
    assert abs(float((values**4).mean()) - 3) < 4 * math.sqrt(96 / n)
    assert stats.kstest(values.numpy(), "norm").pvalue > 1e-3
    assert bool(torch.isfinite(values).all())


def test_draws_samples_items_seeds_and_channels_are_independent() -> None:
    base = Noise(0, "a", 0)
    shape = (1, 1, 100, 150)
    others = {
        "draw": base(shape, 1),
        "far draw": base(shape, 1000),
        "sample": Noise(0, "a", 1)(shape),
        "item": Noise(0, "b", 0)(shape),
        "seed": Noise(1, "a", 0)(shape),
        "channel": base((1, 2, 100, 150))[:, 1:],
        "channel group": base((1, 5, 100, 150))[:, 4:],
        "neighbour": base(shape, origin=(0, 1)),
        "row": base(shape, origin=(1, 0)),
        "transpose": base((1, 1, 150, 100)).transpose(2, 3),
    }
    first = base(shape).flatten().double()
    for name, other in others.items():
        second = other.flatten().double()
        for left, right in ((first, second), (first**2 - 1, second**2 - 1)):
            mean = float((left * right).mean())
            spread = float((left * right).std()) / math.sqrt(len(left))
            assert abs(mean) < 4.5 * spread, name


def test_slices_and_channel_groups_do_not_meet() -> None:
    """Counter words never coincide: 200 slices of 12 channels hold no value twice in a row."""
    values = Noise(0)((1, 12, 200, 4, 4), dtype=torch.float64)
    assert len(torch.unique(values)) == values.numel()


def test_wrong_shapes_are_told() -> None:
    for shape in ((2, 3, 4, 4), (1, 3), (1, 3, 2, 2, 2, 2)):
        with pytest.raises(ValueError, match="1 to 3 axes"):
            Noise(0)(shape)
