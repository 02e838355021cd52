"""Enlargement, colour, compressed sensing and low light by their operators."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import KINDS, of_kind, pixels, smooth

import undrift
from undrift.common.errors import InputError, UsageError
from undrift.restoration.baselines import bicubic
from undrift.restoration.degrade_operators import Compressed, Darkened, Reduced, sensing
from undrift.restoration.lowlight import tone
from undrift.restoration.measurements import read_measurement, save_measurement
from undrift.restoration.photos import centre_crop, load_photos


def psnr(x: np.ndarray, reference: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(np.clip(x, 0, 1) - reference).mean()))


@pytest.mark.parametrize(("kernel", "scale"), [("average", 3), ("bicubic", 2.5), ("gaussian:1", 2)])
def test_enlargement_explains_the_small_picture(kernel: str, scale: float) -> None:
    clean = smooth(60, 72)
    small = Reduced(int(scale), "average")(torch.from_numpy(clean).permute(2, 0, 1))
    image = small.permute(1, 2, 0).numpy().astype(np.float32)
    result = undrift.sr(image, scale=scale, method="operator", kernel=kernel, noise=1)
    size = tuple(round(side * scale) for side in image.shape[:2])
    assert result.value.shape == (*size, 3)
    assert result.info["chi"] < 1.1
    assert result.info["kernel"] == kernel


def test_enlargement_of_means_beats_bicubic_on_photographs() -> None:
    gains = []
    for _, photo in load_photos("wheel-photos", ["coins", "ascent"]):
        clean = centre_crop(photo, 128)
        small = clean.reshape(1, 32, 4, 32, 4).mean((2, 4))
        ours = undrift.sr(small[0], scale=4, method="operator", kernel="average").value
        gains.append(psnr(ours, clean[0]) - psnr(bicubic(small, 4)[0], clean[0]))
    assert np.mean(gains) > 1


@pytest.mark.parametrize("kind", ["uint8", "grey", "tensor", "flat tensor", "PIL", "alpha"])
def test_colour_keeps_the_grey_values(kind: str, denoise_model: str) -> None:
    image = of_kind(kind)
    result = undrift.colourise(image, model=denoise_model, steps=4, fidelity=10)
    value = result.value
    shape = np.shape(value) if kind != "PIL" else (value.height, value.width, 3)
    assert 3 in (shape[0], shape[-1]) or shape[-1] == 4
    assert result.info["residual_rms"] < 0.02
    assert kind in KINDS


def test_few_measurements_and_their_file(tmp_path: Path) -> None:
    clean = smooth(64, 64)[..., 0]
    given = Compressed(0.4, "hadamard", seed=3, noise=0.01)
    shape = given.operator((1, 64, 64)).shape_out
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()
    y = given(torch.from_numpy(clean)[None], noise)
    path = tmp_path / "y.npz"
    save_measurement(path, y, size=(64, 64), patterns="hadamard", pattern_seed=3, noise=0.01)
    result = undrift.restore(path, task="compressed-sensing")
    back = sensing("hadamard", (1, 64, 64), 0.4, 3).adjoint(y)[0].numpy()
    assert psnr(result.value, clean) > psnr(back, clean) + 8
    assert 0.7 < result.info["chi"] < 1.3
    again = undrift.restore(
        y.numpy(),
        task="compressed-sensing",
        size=(64, 64),
        pattern_seed=3,
        noise=0.01,
        item="y.npz",
    )
    np.testing.assert_array_equal(result.value, again.value)


def test_low_light_gets_its_exposure_back() -> None:
    clean = np.clip(smooth(64, 64) + 0.1, 0, 1)
    dark = Darkened(0.2, 2.2)(torch.from_numpy(clean)).numpy()
    rng = np.random.default_rng(0)
    noisy = (dark + rng.normal(0, 1 / 255, dark.shape)).astype(np.float32)
    told = undrift.restore(noisy, task="lowlight", noise=1, gain=0.2, gamma=2.2)
    plain = np.clip(noisy / 0.2, 0, 1) ** (1 / 2.2)
    assert psnr(told.value, clean) > psnr(plain, clean) + 3
    found = undrift.restore(noisy, task="lowlight", noise=1)
    assert 0.36 < float(found.value.mean()) < 0.48
    assert 0.8 < found.info["chi"] < 1.2


def test_the_tone_of_an_exposed_picture_follows_its_definition() -> None:
    x = torch.from_numpy(smooth(64, 64)).permute(2, 0, 1)[None]
    gain, gamma = tone(0.1 * x**3)
    lit = (0.1 * x**3 / gain) ** (1 / gamma)
    assert float(lit.mean()) == pytest.approx(0.42, abs=0.02)
    assert float(lit.quantile(0.995)) == pytest.approx(0.95, abs=0.02)


def test_files_of_measurements_say_what_is_wrong(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    np.savez(tmp_path / "b.npz", y=np.ones(3), nois=0.1)
    (tmp_path / "c.npz").write_bytes(b"no")
    np.save(tmp_path / "d.npy", np.ones(3, complex))
    np.savez(tmp_path / "e.npz", y=np.ones(3))
    for name, said in (
        ("a.npz", "expected y"),
        ("b.npz", "noise"),
        ("c.npz", "cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            read_measurement(tmp_path / name)
    with pytest.raises(InputError, match="unknown entry"):
        save_measurement(tmp_path / "f.npz", np.ones(3), shape=(1, 2))


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        ({"task": "lowlite"}, UsageError, "lowlight"),
        ({"task": "lowlight", "noise": -1}, UsageError, "0 or more"),
        ({"task": "compressed-sensing"}, InputError, "expected finite numbers"),
    ],
)
def test_tasks_that_cannot_be(
    call: dict[str, Any], error: type[Exception], said: str, denoise_model: str
) -> None:
    with pytest.raises(error, match=said):
        undrift.restore(pixels(16, 20), model=denoise_model, **call)


def test_other_refusals(denoise_model: str) -> None:
    with pytest.raises(InputError, match="black"):
        undrift.restore(np.zeros((16, 20), np.float32), task="lowlight", noise=1)
    with pytest.raises(UsageError, match="no size"):
        undrift.restore(np.ones(20), task="compressed-sensing", model=denoise_model)
    with pytest.raises(UsageError, match="operator"):
        undrift.sr(pixels(16, 20), method="operators")
    with pytest.raises(InputError, match="average"):
        undrift.sr(pixels(16, 20), method="operator", kernel="avrage", model=denoise_model)
    with pytest.raises(UsageError, match="above 1 up to 16"):
        undrift.sr(pixels(16, 20), method="operator", scale=1, model=denoise_model)
