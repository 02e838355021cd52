"""Classical baselines: each does its work, on colour and on grey, and says what it lacks."""

import sys
from functools import partial

import numpy as np
import pytest

from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.metrics.fidelity import psnr
from undrift.restoration import baselines
from undrift.restoration.baselines import BASELINES, Method, baseline, tv
from undrift.restoration.baselines_tuning import best, tune_tv
from undrift.restoration.photos import load_photos
from undrift.restoration.protocols import noisy

SIGMA = 25 / 255
DENOISERS = ["tv", "tv-oracle", "wavelet", "nlm"]


def scene(channels: int, size: int = 96) -> np.ndarray:
    """A disc and a ramp, (channels, size, size + 8)."""
    rows, columns = np.mgrid[:size, : size + 8] / size
    disc = ((rows - 0.5) ** 2 + (columns - 0.5) ** 2 < 0.1) * 0.4
    return np.stack([0.2 + 0.3 * rows + disc * (1 - 0.3 * k) for k in range(channels)]).astype("f4")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", DENOISERS)
def test_denoisers_gain_much_on_a_simple_scene(name: str, channels: int) -> None:
    clean = scene(channels)
    y = noisy(clean, SIGMA, seed=0, item="a")
    restored = BASELINES[name](y, sigma=SIGMA, reference=clean)
    assert restored.dtype == np.float32 and restored.shape == clean.shape
    gain = psnr(restored, clean, data_range=1) - psnr(y, clean, data_range=1)
    assert gain > 5


def test_identity_changes_nothing() -> None:
    y = noisy(scene(3), SIGMA, seed=0, item="a")
    np.testing.assert_array_equal(BASELINES["identity"](y, sigma=SIGMA), y)


def test_the_oracle_is_never_worse_than_the_tuned_weight() -> None:
    assert baselines.TV_FACTOR in baselines.TV_ORACLE_FACTORS
    for seed in range(3):
        clean = np.clip(scene(1, 40) + 0.1 * seed * noisy(scene(1, 40), 1.0, seed=9, item=""), 0, 1)
        y = noisy(clean, SIGMA, seed=seed, item="a")
        best_of_four = BASELINES["tv-oracle"](y, sigma=SIGMA, reference=clean)
        tuned = BASELINES["tv"](y, sigma=SIGMA)
        assert np.square(best_of_four - clean).mean() <= np.square(tuned - clean).mean()


@pytest.mark.parametrize("sigma", [SIGMA, 2 * SIGMA])
def test_tv_is_converged(sigma: float) -> None:
    from skimage.restoration import denoise_tv_chambolle

    clean = scene(1)
    y = noisy(clean, sigma, seed=1, item="a")
    weight = baselines.TV_FACTOR * sigma
    exact = denoise_tv_chambolle(y[0], weight=weight, eps=0, max_num_iter=3000)[None]
    ours = BASELINES["tv"](y, sigma=sigma)
    assert np.sqrt(np.square(ours - exact).mean()) < 0.2 * np.sqrt(np.square(ours - clean).mean())


def test_enlarging_keeps_a_constant_and_a_smooth_picture() -> None:
    rows, columns = np.mgrid[:24, :20] / 24
    smooth = np.stack([0.5 + 0.2 * np.cos(2 * rows + columns)] * 3).astype("f4")
    fine_rows, fine_columns = (np.mgrid[:96, :80] + 0.5) / 4 - 0.5
    truth = 0.5 + 0.2 * np.cos((2 * fine_rows + fine_columns) / 24)
    for name in ("bicubic", "lanczos"):
        enlarged = BASELINES[name](smooth, scale=4)
        assert enlarged.shape == (3, 96, 80)
        np.testing.assert_allclose(
            enlarged[:, 10:-10, 10:-10] - truth[10:-10, 10:-10], 0, atol=2e-3
        )
        flat = BASELINES[name](np.full((1, 7, 9), 0.3, dtype="f4"), scale=3)
        np.testing.assert_allclose(flat, 0.3, atol=1e-6)


def test_bm3d_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(MissingExtraError, match=r"undrift\[baselines\]"):
        BASELINES["bm3d"](scene(1), sigma=SIGMA)


@pytest.mark.slow
@pytest.mark.parametrize("item", ["coffee", "camera"])
def test_bm3d_beats_total_variation_on_photographs(item: str) -> None:
    pytest.importorskip("bm3d")
    ((_, picture),) = load_photos("skimage-photos", [item])
    clean = picture[:, 150:246, 200:304]
    y = noisy(clean, SIGMA, seed=0, item="a")
    ours, tv_result = (BASELINES[name](y, sigma=SIGMA) for name in ("bm3d", "tv"))
    assert ours.shape == clean.shape
    assert psnr(ours, clean, data_range=1) > psnr(tv_result, clean, data_range=1) + 1


def test_wrong_calls_say_what_is_wanted() -> None:
    with pytest.raises(InputError, match=r"\(c, h, w\).*\(96, 104\)"):
        BASELINES["tv"](scene(1)[0], sigma=SIGMA)
    with pytest.raises(InputError, match="positive sigma, got None"):
        BASELINES["tv"](scene(1), scale=4)
    with pytest.raises(InputError, match="oracle"):
        BASELINES["tv-oracle"](scene(1), sigma=SIGMA)
    with pytest.raises(UsageError, match="did you mean 'wavelet'"):
        baseline("wavelets", "denoise")
    with pytest.raises(UsageError, match="there are: bicubic, lanczos"):
        baseline("tv", "sr")


def test_only_oracles_see_the_reference_and_only_models_the_item() -> None:
    seen: list[dict[str, object]] = []

    def restore(y: np.ndarray, value: float, **options: object) -> np.ndarray:
        seen.append(options)
        return y

    for kind in ("baseline", "oracle", "model"):
        method = Method("m", "denoise", restore, "", kind)
        method(scene(1), sigma=SIGMA, reference=scene(1), item="a")
    assert [sorted(options) for options in seen] == [[], ["reference"], ["item"]]


def test_tuning_finds_the_factor_with_the_highest_mean() -> None:
    photos = [("a", scene(1, 48)), ("b", scene(3, 48))]
    found = tune_tv(photos, factors=(0.05, 0.8), sigmas=(25.0,))
    assert best(found) == 0.8
    for factor, (mean,) in found.items():
        restore = Method("m", "denoise", partial(tv, factor=factor), "")
        scores = []
        for name, clean in photos:
            restored = restore(noisy(clean, SIGMA, seed=0, item=name), sigma=SIGMA)
            scores.append(float(psnr(np.clip(restored, 0, 1), clean, data_range=1)))
        assert mean == pytest.approx(np.mean(scores))
