"""A warm start gains where the scene stands still and leaves motion alone."""

from typing import Any

import numpy as np
import pytest
import skimage.data
from scipy.ndimage import shift
from scipy.stats import chi2

import undrift
from undrift.common.errors import UsageError
from undrift.restoration.tasks import denoise
from undrift.restoration.warm import Memory, moved

SIGMA = 25
FLAT = np.full((64, 64), 0.5, np.float32)


def noisy(frames: list[np.ndarray], seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, SIGMA / 255, (len(frames), *frames[0].shape))
    return (np.stack(frames) + noise).astype(np.float32)


def gains(frames: list[np.ndarray], **own: Any) -> np.ndarray:
    """dB of the warm start over frame by frame, for each frame."""
    film = noisy(frames)
    found = [
        undrift.stack("denoise", film, sigma=SIGMA, warm_start=w, **own) for w in (False, True)
    ]
    alone, warm = (((r.value - np.stack(frames)) ** 2).mean((1, 2)) for r in found)
    return 10 * np.log10(alone / warm)


def test_the_mean_of_still_frames_is_the_mean() -> None:
    """Gaussian data: after n frames the start is their mean, its noise s / sqrt(n)."""
    frames = noisy([FLAT] * 4).reshape(4, 1, 64, 64)
    memory = Memory()
    for count, frame in enumerate(frames, 1):
        start = memory.start(frame, SIGMA / 255)
        if count == 1:
            assert start is None
            continue
        assert start is not None
        assert start.noise == pytest.approx(SIGMA / 255 / count**0.5)
        mean = frames[:count].mean(0)[:, start.still]
        np.testing.assert_allclose(start.pixels[:, start.still], mean, atol=1e-6)
        assert start.still.mean() > 0.9


def test_alarms_are_as_rare_as_stated() -> None:
    """Side by side at the rate stated, and more often as they overlap, in every place and size."""
    rng = np.random.default_rng(0)
    alarms = [moved(rng.normal(size=(1, 64, 64)), np.ones((64, 64))).any() for _ in range(200)]
    assert np.mean(alarms) < 0.15  # five sizes, and windows that overlap
    step = np.zeros((1, 64, 64))
    step[:, 20:37, 20:37] = 0.8  # of the noise: nothing to see in a pixel
    seen = moved(rng.normal(size=(1, 64, 64)) + step, np.ones((64, 64)))
    assert seen[22:35, 22:35].all()
    assert chi2.sf(17**2 * 1.64, 17**2) < 1e-10


def test_another_size_and_no_noise_start_anew() -> None:
    memory = Memory()
    memory.start(FLAT[None], 0.1)
    assert memory.start(FLAT[None, :32], 0.1) is None
    assert memory.start(FLAT[None, :32], 0.0) is None


def test_exact_denoiser_gains_what_the_formula_says(gaussian_model: str) -> None:
    """Pixels N(0.5, 0.25^2): the error is S^2 n^2 / (S^2 + n^2) at the noise n of the start."""
    truth = np.random.default_rng(2).normal(0.5, 0.25, (96, 96)).clip(-2, 3)
    film = noisy([truth] * 3)
    result = undrift.stack("denoise", film, sigma=SIGMA, warm_start=True, model=gaussian_model)
    error = (result.value[2] - truth) ** 2
    alone = denoise(film[2], sigma=SIGMA, model=gaussian_model).value
    still = result.value[2] != alone
    n2 = (SIGMA / 255) ** 2 / 3
    assert error[still].mean() == pytest.approx(0.25**2 * n2 / (0.25**2 + n2), rel=0.06)
    assert result.info["still"][2] == pytest.approx(still.mean(), abs=1e-3)
    np.testing.assert_array_equal(result.value[2][~still], alone[~still])
    assert result.info["chi"][0] == pytest.approx(
        float(np.std(film[0] - result.value[0])) / (SIGMA / 255), rel=0.02
    )


def test_samples_and_colour(denoise_model: str) -> None:
    film = noisy([np.dstack([FLAT] * 3)] * 2)
    own: dict[str, Any] = {"sigma": SIGMA, "model": denoise_model, "samples": 2, "steps": 2}
    result = undrift.stack("denoise", film, warm_start=True, **own)
    assert result.std.shape == film.shape
    np.testing.assert_allclose((result.samples[0] + result.samples[1]) / 2, result.value, atol=1e-6)


def test_noise_must_be_white() -> None:
    film = noisy([FLAT] * 2)
    with pytest.raises(UsageError, match="white noise of one sigma"):
        undrift.stack("denoise", film, warm_start=True, noise="poisson-gaussian", gain=1.0)


def scenes(count: int) -> dict[str, list[np.ndarray]]:
    photo = skimage.data.camera()[100:212, 150:262] / 255
    texture = skimage.data.brick()[:112, :112] / 255
    inner = (slice(8, -8), slice(8, -8))
    jump = []
    for k in range(count):
        frame = photo[inner].copy()
        frame[40:64, 4 + 6 * k : 28 + 6 * k] = photo[:24, :24]
        jump.append(frame)
    return {
        "still": [photo[inner]] * count,
        "still texture": [texture[inner]] * count,
        "pan": [np.roll(photo, k, 1)[inner] for k in range(count)],
        "slow": [shift(photo, (0, k / 4), order=3, mode="nearest")[inner] for k in range(count)],
        "pan of texture": [np.roll(texture, k, 1)[inner] for k in range(count)],
        "object": jump,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", list(scenes(1)))
def test_the_shipped_model_gains_when_still_and_loses_nothing_in_motion(name: str) -> None:
    """Six frames of photographs: still ones gain, moving ones lose no more than 0.5 dB a frame."""
    gain = gains(scenes(6)[name])[1:]
    if name.startswith("still"):
        assert gain.min() > 1
        assert gain.mean() > 2
    else:
        assert gain.min() > -0.5
