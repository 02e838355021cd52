"""Recorded chains: kernels of closed form, links against other libraries, replay, ranges."""

import io
import json
import math

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from undrift.common.errors import InputError
from undrift.restoration.chains.chain import Chain, replayed
from undrift.restoration.chains.draw import draw_chain
from undrift.restoration.chains.kernels import Kernel
from undrift.restoration.chains.noises import ShotNoise, WhiteNoise
from undrift.restoration.chains.settings import (
    REAL_ESRGAN,
    RESSHIFT_TEST,
    SETTINGS,
    UNKNOWN,
    Mixture,
)
from undrift.restoration.chains.steps import (
    Blurred,
    Compressed,
    Filtered,
    Resized,
    Rounded,
)
from undrift.restoration.psf import read_psf


def picture(seed: int = 0, shape: tuple[int, ...] = (3, 48, 40)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random(shape), (0, 3, 3))
    return ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)


def test_gaussian_kernels_have_the_moments_they_name() -> None:
    taps = Kernel("gaussian", 41, 3.0, 1.5, math.pi / 6).taps()
    t = np.arange(41) - 20
    x, y = t[None], t[:, None]
    c, s = math.cos(math.pi / 6), math.sin(math.pi / 6)
    along, across = x * c + y * s, y * c - x * s
    assert taps.sum() == pytest.approx(1)
    assert np.sum(taps * along**2) == pytest.approx(9, rel=1e-3)
    assert np.sum(taps * across**2) == pytest.approx(2.25, rel=1e-3)
    assert np.sum(taps * along * across) == pytest.approx(0, abs=1e-6)


def test_a_power_of_one_is_the_gaussian_and_the_plateau_is_a_cauchy_shape() -> None:
    plain, same = Kernel("gaussian", 15, 2, 3), Kernel("generalised", 15, 2, 3, beta=1.0)
    np.testing.assert_allclose(same.taps(), plain.taps(), atol=1e-15)
    plateau = Kernel("plateau", 15, 2, 2, beta=1.0).taps()
    assert plateau[7, 9] / plateau[7, 7] == pytest.approx(0.5)  # q = 1 at one deviation


def test_the_sinc_is_a_low_pass() -> None:
    taps = Kernel("sinc", 63, cutoff=math.pi / 3).taps()
    gain = np.abs(np.fft.fft2(taps, (126, 126)))
    f = 2 * math.pi * np.hypot(*np.meshgrid(np.fft.fftfreq(126), np.fft.fftfreq(126)))
    assert gain[f < 0.25 * math.pi].min() > 0.9
    assert gain[(f > 0.45 * math.pi) & (f < math.pi)].max() < 0.1


def test_filters_equal_another_library() -> None:
    kernel, x = Kernel("gaussian", 9, 2.0, 1.0, 0.7), picture()
    expected = np.stack([ndimage.correlate(c, kernel.taps(), mode="mirror") for c in x])
    np.testing.assert_allclose(Filtered(kernel)(x), expected, atol=1e-5)


def test_jpeg_is_that_of_the_file() -> None:
    x = picture()
    file = io.BytesIO()
    pixels = np.rint(x * 255).astype(np.uint8).transpose(1, 2, 0)
    Image.fromarray(pixels).save(file, "JPEG", quality=30, subsampling="4:2:0")
    expected = np.asarray(Image.open(file)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(Compressed(30)(x), expected, atol=1e-6)
    assert Compressed(30)(x[:1]).shape == (1, 48, 40)
    coarse, fine = (np.abs(Compressed(q)(x) - x).mean() for q in (10, 90))
    assert coarse > 2 * fine


def test_noise_has_its_deviation_and_its_seed() -> None:
    x = np.full((3, 128, 128), 0.5, np.float32)
    noisy = WhiteNoise(10.0, seed=3)(x)
    assert np.std(noisy - x) * 255 == pytest.approx(10, rel=0.02)
    np.testing.assert_array_equal(noisy, WhiteNoise(10.0, seed=3)(x))
    assert (noisy != WhiteNoise(10.0, seed=4)(x)).mean() > 0.9
    grey = WhiteNoise(10.0, True, 3)(x) - x
    np.testing.assert_allclose(grey[0], grey[2], atol=1e-7)


def test_shot_noise_has_the_variance_of_counts() -> None:
    ramp = np.broadcast_to(np.linspace(0.2, 0.7, 16, dtype=np.float32), (3, 4000, 16)).copy()
    noise = ShotNoise(0.5, seed=1)(ramp) - ramp
    levels = 16  # distinct values, a power of two
    expected = 0.25 * ramp[0, 0] / levels
    np.testing.assert_allclose(noise.var((0, 1)), expected, rtol=0.12)


def test_resizing_by_the_antialiased_rule_and_by_plain_averages() -> None:
    x = picture(1, (3, 48, 48))
    blocks = x.reshape(3, 12, 4, 12, 4).mean((2, 4))
    np.testing.assert_allclose(Resized(12, 12, "area")(x), blocks, atol=1e-6)
    flat = np.full((3, 48, 48), 0.3, np.float32)
    for mode in ("area", "bilinear", "bicubic", "matlab"):
        np.testing.assert_allclose(Resized(13, 29, mode)(flat), 0.3, atol=1e-5)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_chain_is_replayed_from_its_record(name: str) -> None:
    settings, x = SETTINGS[name], picture(2, (3, 64, 64))
    scale = 1.0 if settings.back else 4.0
    for seed in range(12):
        chain = draw_chain(settings, (64, 64), scale, np.random.default_rng(seed))
        y = chain(x)
        again = replayed(json.loads(json.dumps(chain.record())))
        assert again == chain
        np.testing.assert_array_equal(again(x), y)
        assert y.shape == ((3, 64, 64) if settings.back else (3, 16, 16))
        assert y.dtype == np.float32
        assert 0 <= y.min() <= y.max() <= 1


def test_the_published_recipe_draws_in_its_ranges_and_shares() -> None:
    chains = [draw_chain(REAL_ESRGAN, (64, 64), 4, np.random.default_rng(k)) for k in range(600)]
    first = [chain.links[0] for chain in chains]
    assert all(isinstance(link, Filtered) for link in first)
    kernels = [link.kernel for link in first if isinstance(link, Filtered)]
    sinc = [k for k in kernels if k.shape == "sinc"]
    assert len(sinc) / 600 == pytest.approx(0.1, abs=0.04)
    assert all(7 <= k.size <= 21 and k.size % 2 for k in kernels)
    low = [math.pi / (3 if k.size < 13 else 5) for k in sinc]
    assert all(a <= k.cutoff <= math.pi for a, k in zip(low, sinc, strict=True))
    round_ones = [k for k in kernels if k.shape == "gaussian" and k.sx == k.sy]
    assert len(round_ones) / 540 == pytest.approx(0.45, abs=0.07)
    jpegs = [k.quality for c in chains for k in c.links if isinstance(k, Compressed)]
    assert len(jpegs) == 1200  # two in every chain
    assert 30 <= min(jpegs) <= max(jpegs) <= 95
    noises = [k for c in chains for k in c.links if isinstance(k, WhiteNoise | ShotNoise)]
    assert len(noises) == 1200
    assert np.mean([n.grey for n in noises]) == pytest.approx(0.4, abs=0.05)


def test_the_second_stage_works_at_the_small_size() -> None:
    # realesrgan_model.py resizes to (h / s r, w / s r) there, also where r is 1
    factors = []
    for seed in range(300):
        chain = draw_chain(REAL_ESRGAN, (400, 400), 4, np.random.default_rng(seed))
        noises = [k for k, n in enumerate(chain.links) if isinstance(n, WhiteNoise | ShotNoise)]
        sizes = [link.height for link in chain.links[: noises[1]] if isinstance(link, Resized)]
        factors.append(sizes[-1] / 100)
    assert 0.3 <= min(factors) <= max(factors) <= 1.2
    assert np.mean(np.array(factors) == 1) == pytest.approx(0.3, abs=0.09)


def test_the_test_set_of_resshift_is_milder() -> None:
    chains = [draw_chain(RESSHIFT_TEST, (64, 64), 4, np.random.default_rng(k)) for k in range(300)]
    kernels = [k.kernel for c in chains for k in c.links[:1] if isinstance(k, Filtered)]
    smooth = [k for k in kernels if k.shape == "gaussian"]
    assert max(max(k.sx, k.sy) for k in smooth) <= 0.8
    assert {k.shape for k in kernels} == {"gaussian", "sinc"}
    white = [k.sigma for c in chains for k in c.links if isinstance(k, WhiteNoise)]
    assert max(white) <= 15


def test_pictures_of_unknown_history_have_the_shares_of_their_parts() -> None:
    chains = [draw_chain(UNKNOWN, (64, 64), 1, np.random.default_rng(k)) for k in range(800)]
    kinds = [{type(link) for link in chain.links} - {Rounded} for chain in chains]
    alone = [c.links[0] for c, kind in zip(chains, kinds, strict=True) if kind == {Compressed}]
    harsh = [link.quality for link in alone if isinstance(link, Compressed) and link.quality < 92]
    assert len(harsh) / 800 == pytest.approx(0.35 * 87 / 91, abs=0.05)
    assert min(harsh) < 8
    assert np.mean([Resized in kind for kind in kinds]) == pytest.approx(0.25, abs=0.045)
    assert 0.005 < np.mean([not kind for kind in kinds]) < 0.05  # 0.06 x 0.8 x 0.6 x 0.6
    words = [k.psf.split(":")[0] for c in chains for k in c.links if isinstance(k, Blurred)]
    assert set(words) == {"motion", "shake", "disk"}


def test_enlarged_pictures_were_two_to_four_times_smaller() -> None:
    (part,) = (part for part in UNKNOWN.parts if part.name == "enlarged")
    for seed in range(100):
        chain = draw_chain(Mixture((part,)), (64, 48), 1, np.random.default_rng(seed))
        *earlier, last = [link for link in chain.links if isinstance(link, Resized)]
        assert (last.height, last.width, last.mode) == (64, 48, "matlab")
        assert 16 <= earlier[-1].height <= 32
        assert 12 <= earlier[-1].width <= 24


def test_blurs_by_a_word_equal_another_library() -> None:
    x, word = picture(), "motion:7,30"
    kernel = read_psf(word).numpy()
    expected = np.stack([ndimage.convolve(c.astype(float), kernel, mode="mirror") for c in x])
    np.testing.assert_allclose(Blurred(word)(x), expected, atol=1e-5)


def test_bad_records_are_named() -> None:
    with pytest.raises(InputError, match=r"link 1 is 'jpg'; expected one of .*jpeg"):
        replayed([Rounded().record(), {"name": "jpg", "quality": 3}])
    with pytest.raises(InputError, match="link 0, jpeg, does not fit"):
        replayed([{"name": "jpeg", "quality": 3, "colour": 1}])
    with pytest.raises(InputError, match="odd size"):
        Kernel("gaussian", 8)
    with pytest.raises(InputError, match="gausian"):
        Kernel("gausian", 7)  # pyright: ignore[reportArgumentType]
    assert Chain(())(picture()).shape == (3, 48, 40)
