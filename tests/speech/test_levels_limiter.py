"""The limiter: peaks come down, nothing else is touched, blocks give the same bits."""

import numpy as np
import pytest

from undrift.speech.limiter import CEILING, Limiter, limit

RATE = 16000
REACH = 160  # samples of 10 ms


def speechlike(scale: float, frames: int = 20011) -> np.ndarray:
    rng = np.random.default_rng(0)
    envelope = np.interp(np.arange(frames), np.arange(0, 20500, 500), rng.uniform(0, 1, 41))
    return (scale * envelope * rng.standard_normal((2, frames))).astype(np.float32)


def test_below_full_scale_every_bit_stays() -> None:
    x = np.clip(speechlike(1.0), -1, 1)
    limiter = Limiter(RATE)
    out = np.concatenate([limiter.push(x), limiter.finish()], 1)
    assert np.array_equal(out, x) and limiter.limited == 0 and limiter.reduction_db == 0


@pytest.mark.parametrize("scale", [0.5, 2.0, 100.0])
def test_peaks_come_down_to_the_ceiling(scale: float) -> None:
    x = speechlike(scale)
    assert np.abs(x).max() > 1
    out = limit(x, RATE)
    assert out.shape == x.shape and np.abs(out).max() <= CEILING
    assert (np.sign(out) == np.sign(x)).all()


def test_one_peak_touches_its_neighbourhood_alone() -> None:
    x = np.full((2, 4000), 0.25, np.float32)
    x[1, 2000] = 4
    limiter = Limiter(RATE)
    out = np.concatenate([limiter.push(x), limiter.finish()], 1)
    far = np.abs(np.arange(4000) - 2000) > 2 * REACH
    assert np.array_equal(out[:, far], x[:, far])
    assert out[1, 2000] == pytest.approx(CEILING, abs=1e-6)
    gain = out[0] / x[0]
    assert gain[2000] == pytest.approx(CEILING / 4, abs=1e-6)  # both channels have one gain
    assert (np.diff(gain[1600:2001]) <= 1e-7).all() and np.abs(np.diff(gain)).max() < 0.02
    assert limiter.limited == (gain < 1).sum()
    assert limiter.reduction_db == pytest.approx(20 * np.log10(4 / CEILING), abs=1e-4)


@pytest.mark.parametrize("size", [1, 100, 4096, 9999])
def test_any_blocks_give_the_same_bits(size: int) -> None:
    x = speechlike(0.7, 10007 if size > 1 else 5000)
    limiter = Limiter(RATE)
    parts = [limiter.push(x[:, start : start + size]) for start in range(0, x.shape[1], size)]
    assert np.array_equal(np.concatenate([*parts, limiter.finish()], 1), limit(x, RATE))
    whole = Limiter(RATE)
    whole.push(x)
    whole.finish()
    assert (limiter.limited, limiter.reduction_db) == (whole.limited, whole.reduction_db)


@pytest.mark.parametrize("frames", [0, 1, 319])
def test_short_sounds(frames: int) -> None:
    x = np.full((1, frames), 2, np.float32)
    out = limit(x, RATE)
    assert out.shape == x.shape and (out == np.float32(CEILING)).all()
