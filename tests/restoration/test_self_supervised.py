"""Denoising without clean pictures: the trained denoiser, its data, its commands, whiteness."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from scipy.signal import lfilter

import undrift
from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.common.training.session import open_session
from undrift.common.training.trial import try_out
from undrift.restoration.images import read_picture
from undrift.restoration.self_supervised.data import NoisyCrops, NoisySettings
from undrift.restoration.self_supervised.denoiser import BlindSpotDenoiser
from undrift.restoration.self_supervised.whiteness import whiteness


def smooth_and_noisy(channels: int, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """(clean, noisy), each (c, h, w): the channels have units of their own."""
    rows, columns = np.mgrid[:side, :side] / side
    rng = np.random.default_rng(channels)
    scale = 10.0 ** np.arange(channels)[:, None, None]
    clean = scale * (np.sin(5 * rows) * np.cos(4 * columns))
    noisy = clean + 0.5 * scale * rng.standard_normal(clean.shape)
    return clean.astype(np.float32), noisy.astype(np.float32)


def small(pictures: list[np.ndarray], **options: object) -> BlindSpotDenoiser:
    settings = {"iterations": 1, "width": 8, "depth": 2, "crop": 20, "device": "cpu", **options}
    return BlindSpotDenoiser.fit(pictures, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two grey noisy pictures."""
    path = tmp_path_factory.mktemp("noisy")
    for k in range(2):
        x = smooth_and_noisy(1)[1][0] * 40 + 120 + k
        Image.fromarray(np.clip(x, 0, 255).astype(np.uint8)).save(path / f"{k}.png")
    return path


@pytest.mark.parametrize(
    ("channels", "method", "iterations"), [(1, "c-bsn", 80), (3, "sdap", 80), (7, "sdap", 120)]
)
def test_noise_goes_from_every_channel(channels: int, method: str, iterations: int) -> None:
    """Less than .4 of the squared error is left in each channel, in its own unit."""
    clean, noisy = smooth_and_noisy(channels)
    width = 8 if channels < 7 else 16
    fitted = small([noisy], iterations=iterations, stride=1, method=method, width=width)
    found = fitted(torch.from_numpy(noisy)[None])[0].numpy()
    left = ((found - clean) ** 2).mean((1, 2)) / ((noisy - clean) ** 2).mean((1, 2))
    assert found.shape == clean.shape
    assert (left < 0.4).all(), left
    assert len(fitted.losses) == iterations


@pytest.mark.parametrize("options", [{}, {"method": "sdap"}, {"method": "sdap", "again": True}])
def test_tiles_and_a_saved_model_give_the_same(options: dict[str, object], tmp_path: Path) -> None:
    _, noisy = smooth_and_noisy(1, 75)
    fitted = small([noisy], **options)
    pixels = torch.from_numpy(noisy)[None]
    whole = fitted(pixels)
    fitted.save(tmp_path / "m.safetensors")
    again = BlindSpotDenoiser.load(tmp_path / "m.safetensors", "cpu")
    torch.testing.assert_close(again(pixels), whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(again(pixels, tile=16), whole, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="1 channels"):
        again(pixels.expand(-1, 3, -1, -1))


def test_the_same_seed_trains_the_same_and_leaves_the_generator_alone() -> None:
    _, noisy = smooth_and_noisy(1)
    before = torch.get_rng_state()
    first, second, other = (small([noisy], iterations=2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.losses == second.losses != other.losses


def test_items_are_functions_of_their_number() -> None:
    settings = NoisySettings.model_validate({"source": {"path": "."}, "crop": 20})
    pictures = [smooth_and_noisy(2)[1], 5 + 3 * smooth_and_noisy(2)[1]]
    data = NoisyCrops(pictures, settings, seed=4)
    item = data[11]
    assert {k: tuple(v.shape) for k, v in item.items()} == {
        "x0": (2, 20, 20), "pick": (10, 10), "order": (4, 4, 25)
    }  # fmt: skip
    same = NoisyCrops(pictures[::-1][::-1], settings, seed=4)[11]
    assert all(torch.equal(item[name], same[name]) for name in item)
    assert sorted(item["order"][2, 3].tolist()) == list(range(25))
    whole = np.stack([data._read(k) for k in range(2)])
    np.testing.assert_allclose(whole[0], whole[1], atol=1e-5)  # unit and offset do not matter
    np.testing.assert_allclose(whole.mean((2, 3)), 0.5, atol=1e-5)
    np.testing.assert_allclose(whole.std((2, 3)), 0.25, atol=1e-5)


def test_pictures_that_cannot_serve_are_named() -> None:
    settings = NoisySettings.model_validate({"source": {"path": "."}, "crop": 20})
    good = smooth_and_noisy(1)[1]
    for bad, why in (
        (smooth_and_noisy(3)[1], "3 channels"),
        (good[:, :8], "64 x 8 pixels"),
        (good * np.nan, "finite"),
    ):
        with pytest.raises(InputError, match=f"picture 2.*{why}"):
            NoisyCrops([good, bad], settings)
    with pytest.raises(UsageError, match=r"did you mean.*c-bsn|c-bsn"):
        small([good], method="cbsn")


def test_the_recipe_trains_a_folder_and_tells_of_other_channels(
    folder: Path, tmp_path: Path
) -> None:
    source = f"data.source.path={folder}"
    with pytest.raises(InputError, match=r"-s network\.params\.inputs=1"):
        try_out("own-noisy-folder", (source,), cpu=True)
    changes = (
        source, "network.params.inputs=1", "network.params.outputs=1", "network.params.width=8",
        "network.params.depth=2", "data.crop=20", "schedule.iterations=2", "schedule.decay=0",
    )  # fmt: skip
    session = open_session("own-noisy-folder", tmp_path / "run", changes, cpu=True)
    weights = session.train()
    fitted = BlindSpotDenoiser.load(weights, "cpu")
    out = tmp_path / "out"
    command = ["denoise", str(folder), "-o", str(out), "--method", "blind-spot", "-q"]
    assert main([*command, "--model", str(weights)]) == 0
    y = read_picture(folder / "1.png").pixels
    expected = fitted(torch.from_numpy(y.copy())[None])[0].numpy()
    found = read_picture(out / "1.png").pixels
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=0.6 / 255)


def test_the_command_trains_on_its_inputs_and_keeps_the_model(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.safetensors"
    command = ["denoise", str(folder), "--method", "blind-spot", "--iterations", "1", "-q"]
    command += ["--keep-model", str(kept)]
    assert main([*command, "-o", str(tmp_path / "a")]) == 0
    first = kept.read_bytes()
    assert BlindSpotDenoiser.load(kept).settings.record["iterations"] == 1
    assert main([*command, "-o", str(tmp_path / "b")]) == 0  # used, not trained again
    assert kept.read_bytes() == first
    for name in ("0.png", "1.png"):
        assert (tmp_path / "a" / name).is_file() and (tmp_path / "b" / name).is_file()
    assert main(["denoise", str(folder), "-o", str(tmp_path / "c"), "--iterations", "3"]) == 2
    refused = ["--method", "blind-spot", "--model", "leaves-denoise", "-q"]
    assert main(["denoise", str(folder), "-o", str(tmp_path / "d"), *refused]) != 0


def test_score_vi_writes_the_map_of_the_noise(tmp_path: Path) -> None:
    x = smooth_and_noisy(1, 24)[1][0] * 40 + 120
    Image.fromarray(np.clip(x, 0, 255).astype(np.uint8)).save(tmp_path / "in.png")
    result = undrift.denoise(tmp_path / "in.png", method="score-vi", steps=2)
    assert result.info["noise_map"].shape == (24, 24)
    assert result.info["steps"] == 2
    target = tmp_path / "out.png"
    command = ["denoise", str(tmp_path / "in.png"), "-o", str(target), "--method", "score-vi"]
    assert main([*command, "--steps", "2", "-q"]) == 0
    written = tifffile.imread(tmp_path / "out.noise.tif")
    np.testing.assert_allclose(written, result.info["noise_map"], rtol=1e-5)
    assert b"noise_map" not in target.read_bytes()


def test_whiteness_of_a_known_field() -> None:
    """A separable AR(1) field: correlation rho^lag, flatness (1 - rho^2)^2; and white noise."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((1, 256, 256))
    rho = 0.5
    field = np.asarray(lfilter([1], [1, -rho], lfilter([1], [1, -rho], white, axis=1), axis=2))
    estimate = np.zeros_like(field)
    found = whiteness(field, estimate)
    np.testing.assert_allclose(found.lags, rho ** np.arange(1.0, 9.0), atol=0.04)
    assert found.flatness == pytest.approx((1 - rho**2) ** 2, rel=0.1)
    found = whiteness(white + 1, estimate)
    np.testing.assert_allclose(found.lags, 0, atol=0.02)
    assert found.flatness > 0.97
    assert found.deviation == pytest.approx(1, abs=0.02)
    assert whiteness(1.5 * white, white).common == pytest.approx(1)
    with pytest.raises(InputError, match="nothing was removed"):
        whiteness(white, white)
