"""The task functions: kinds in and out, what a result holds, and that only wishes matter."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from undrift.common.errors import InputError, UsageError
from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.weights.model import load_model
from undrift.restoration.degrade import bicubic, downscale, quantise, upscale
from undrift.restoration.images import Picture, read_picture, write_picture
from undrift.restoration.tasks import denoise, sr

REPEATED = ("preset", "steps", "solver", "samples", "seed", "item", "device", "dtype", "tile")
SAMPLED = {"solver": "sde-multistep-2", "steps": 3, "samples": 2}


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    """Smooth waves with some noise, float32 within [0.1, 0.9]."""
    rng = np.random.default_rng(seed)
    height, width = shape[:2]
    rows, columns = np.mgrid[:height, :width]
    wave = 0.5 + 0.2 * np.sin(rows / 7) * np.cos(columns / 9)
    plane = wave if len(shape) == 2 else np.repeat(wave[..., None], shape[2], 2)
    return (plane + rng.uniform(-0.2, 0.2, shape)).astype(np.float32)


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] / 12
    planes = [0.5 + 0.35 * np.sin(rows + k) * np.cos(columns - k) for k in range(3)]
    return np.stack(planes, -1)


def of_kind(kind: str) -> Any:
    unit = pixels(24, 31, 3)
    return {
        "uint8": lambda: (unit * 255).astype(np.uint8),
        "uint16": lambda: (unit * 65535).astype(np.uint16),
        "float32": lambda: unit,
        "float64": lambda: unit.astype(np.float64),
        "grey": lambda: (unit[..., 0] * 255).astype(np.uint8),
        "grey with axis": lambda: unit[..., :1],
        "alpha": lambda: (pixels(24, 31, 4) * 255).astype(np.uint8),
        "tensor": lambda: torch.from_numpy(unit).permute(2, 0, 1).contiguous(),
        "flat tensor": lambda: torch.from_numpy(unit[..., 0]),
        "half tensor": lambda: torch.from_numpy(unit).permute(2, 0, 1).half(),
        "PIL": lambda: Image.fromarray((unit * 255).astype(np.uint8)),
    }[kind]()


KINDS = (
    "uint8", "uint16", "float32", "float64", "grey", "grey with axis", "alpha", "tensor",
    "flat tensor", "half tensor", "PIL",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_is_of_the_kind_that_came(denoise_model: str, kind: str) -> None:
    given = of_kind(kind)
    result = denoise(given, sigma=30, model=denoise_model, **SAMPLED)
    assert type(result.value) is type(given)
    assert len(result.samples) == 2
    for value in (result.value, *result.samples):
        if isinstance(given, Image.Image):
            assert (value.mode, value.size) == (given.mode, given.size)
        else:
            assert (value.dtype, value.shape) == (given.dtype, given.shape)
    shape = (24, 31, 3) if kind in ("PIL", "alpha") else np.asarray(given).shape
    for field in (result.std, result.residual):
        assert tuple(field.shape) == shape
        assert isinstance(field, torch.Tensor if "tensor" in kind else np.ndarray)
        assert str(field.dtype).endswith("float32")
    json.dumps(dict(result.info))


@pytest.mark.parametrize("kind", ["uint8", "uint16", "grey", "alpha", "tensor", "PIL"])
def test_enlarging_keeps_the_kind(sr_model: str, kind: str) -> None:
    given = of_kind(kind)
    result = sr(given, scale=2, model=sr_model)
    assert type(result.value) is type(given)
    if isinstance(given, Image.Image):
        assert (result.value.mode, result.value.size) == ("RGB", (62, 48))
    elif kind == "tensor":
        assert result.value.shape == (3, 48, 62)
    else:
        assert result.value.shape == (48, 62, *given.shape[2:])
        assert result.value.dtype == given.dtype
    if kind == "alpha":
        assert isinstance(given, np.ndarray)
        alpha = torch.from_numpy(given[..., 3] / np.float32(255))[None]
        expected = np.rint(upscale(alpha, 2)[0].clamp(0, 1).numpy() * 255)
        assert np.abs(result.value[..., 3] - expected).max() <= 1
    assert result.std is None and result.samples == ()


def test_a_path_gives_a_picture_and_its_name_is_the_item(
    denoise_model: str, tmp_path: Path
) -> None:
    array = (pixels(24, 31, 3) * 255).astype(np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png", dpi=(300, 300))
    result = denoise(tmp_path / "a.png", sigma=30, model=denoise_model, **SAMPLED)
    assert isinstance(result.value, Picture)
    assert result.info["item"] == "a.png"
    named = denoise(array, sigma=30, model=denoise_model, item="a.png", **SAMPLED)
    other = denoise(array, sigma=30, model=denoise_model, **SAMPLED)
    planes = np.clip(result.samples[0].pixels.astype(np.float64), 0, 1)
    assert np.array_equal(np.rint(255 * np.moveaxis(planes, 0, -1)), named.samples[0])
    assert not np.array_equal(named.samples[0], other.samples[0])
    assert result.value.metadata.dpi == pytest.approx((300, 300), abs=0.1)


def test_all_kinds_give_the_same_numbers(denoise_model: str) -> None:
    unit = np.rint(pixels(24, 31, 3) * 255).astype(np.uint8)
    as_float = unit.astype(np.float32) / np.float32(255)
    expected = denoise(as_float, sigma=20, model=denoise_model).value
    tensor = torch.from_numpy(as_float).permute(2, 0, 1)
    found = denoise(tensor, sigma=20, model=denoise_model).value.permute(1, 2, 0).numpy()
    assert np.array_equal(found, expected)
    rounded = np.rint(np.clip(expected, 0, 1).astype(np.float64) * 255).astype(np.uint8)
    assert np.array_equal(denoise(unit, sigma=20, model=denoise_model).value, rounded)
    pil = denoise(Image.fromarray(unit), sigma=20, model=denoise_model).value
    assert np.array_equal(np.asarray(pil), rounded)


def test_mean_spread_and_residual_are_those_of_the_samples(denoise_model: str) -> None:
    given = pixels(20, 26, 3)
    wishes = {**SAMPLED, "samples": 4}
    result = denoise(given, sigma=40, model=denoise_model, **wishes)
    stack = np.stack(result.samples).astype(np.float64)
    np.testing.assert_allclose(result.value, stack.mean(0), atol=2e-7)
    np.testing.assert_allclose(result.std, stack.std(0, ddof=1), atol=1e-6)
    np.testing.assert_allclose(result.residual, given - result.value, atol=1e-6)
    rms = float(np.sqrt(np.mean((given - result.value.astype(np.float64)) ** 2)))
    assert result.info["residual_rms"] == pytest.approx(rms, rel=1e-4)
    assert result.info["chi"] == pytest.approx(rms / (40 / 255), abs=1e-4)
    assert result.info["nfe"] == 12
    assert result.std.min() > 0


@pytest.mark.parametrize("sigma", [15.0, 60.0])
def test_chi_of_the_perfect_denoiser_is_the_closed_form(gaussian_model: str, sigma: float) -> None:
    """y - E[x0 | y] = (y - c) s^2/(S^2 + s^2), so chi = s / sqrt(S^2 + s^2)."""
    noise, spread = sigma / 255, 0.25
    rng = np.random.default_rng(3)
    clean = 0.5 + spread * rng.standard_normal((96, 96, 3))
    noisy = (clean + noise * rng.standard_normal(clean.shape)).astype(np.float32)
    result = denoise(noisy, sigma=sigma, model=gaussian_model)
    expected = 0.5 + spread**2 / (spread**2 + noise**2) * (noisy - 0.5)
    np.testing.assert_allclose(result.value, expected, atol=1e-5)
    assert result.info["chi"] == pytest.approx(noise / np.hypot(spread, noise), rel=0.02)
    error = float(np.sqrt(np.mean((result.value - clean) ** 2)))
    assert error == pytest.approx(noise * spread / np.hypot(spread, noise), rel=0.02)


@pytest.mark.parametrize("preset", ["fast", "best"])
@pytest.mark.parametrize("samples", [None, 2])
def test_info_repeats_the_run(denoise_model: str, preset: str, samples: int | None) -> None:
    given = (pixels(24, 31, 3) * 255).astype(np.uint8)
    first = denoise(given, model=denoise_model, preset=preset, samples=samples, seed=4, item="x")
    info = json.loads(json.dumps(dict(first.info)))
    again = denoise(
        given, model=denoise_model, sigma=info["sigma"], **{key: info[key] for key in REPEATED}
    )
    assert np.array_equal(again.value, first.value)
    assert all(np.array_equal(*pair) for pair in zip(again.samples, first.samples, strict=True))
    assert {**again.info, "seconds": 0, "sigma_given": 0} == {
        **first.info, "seconds": 0, "sigma_given": 0,
    }  # fmt: skip


def test_info_repeats_an_enlargement(sr_model: str) -> None:
    given = (pixels(15, 14) * 255).astype(np.uint8)
    first = sr(given, scale=2.5, model=sr_model, preset="best", samples=2, tile="off")
    info = json.loads(json.dumps(dict(first.info)))
    wishes = {key: info[key] for key in REPEATED}
    again = sr(given, scale=info["scale"], model=sr_model, **wishes)
    assert info["tile"] == "off"
    assert np.array_equal(again.value, first.value)


def test_saving_tells_how_it_was_made(denoise_model: str, tmp_path: Path) -> None:
    given = (pixels(24, 31) * 255).astype(np.uint8)
    for name in ("a.png", "b.tif"):
        result = denoise(given, sigma=25, model=denoise_model)
        result.save(tmp_path / name)
        back = read_picture(tmp_path / name)
        assert np.array_equal(np.rint(back.pixels[0] * 255).astype(np.uint8), result.value)
        [line] = back.metadata.history
        told = json.loads(line)
        assert (told["task"], told["sigma"], told["model"]) == ("denoise", 25.0, "tiny-denoise")
        assert told["weights"] == result.info["weights"]
        assert "seconds" not in told
    again = denoise(tmp_path / "a.png", sigma=5, model=denoise_model)
    again.save(tmp_path / "c.png")
    assert len(read_picture(tmp_path / "c.png").metadata.history) == 2
    with pytest.raises(InputError, match="this is the input itself"):
        again.save(tmp_path / "a.png")
    with pytest.raises(InputError, match="cannot write"):
        again.save(tmp_path / "a.xyz")


def test_plots(denoise_model: str) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    for given in (of_kind("grey"), of_kind("tensor"), of_kind("PIL")):
        figure = denoise(given, sigma=30, model=denoise_model, **SAMPLED).plot()
        shown = [axis for axis in figure.axes if axis.get_title()]
        assert [axis.get_title() for axis in shown] == [
            "restored", "standard deviation", "residual",
        ]  # fmt: skip
        assert all(axis.images[0].get_array().shape[:2] == (24, 31) for axis in shown)
        pyplot.close(figure)


@pytest.mark.parametrize("solver", ["ddim", "sde-multistep-2"])
@pytest.mark.parametrize("grey", [False, True])
def test_tiles_and_batches_change_nothing(
    denoise_model: str, sr_model: str, grey: bool, solver: str
) -> None:
    given = pixels(83, 70) if grey else pixels(83, 70, 3)
    small = given[:37, :30]
    worst = 0.0
    for task, picture, own in ((denoise, given, {"sigma": 30}), (sr, small, {"scale": 2.3})):
        model = denoise_model if task is denoise else sr_model
        wishes = {"solver": solver, "steps": 2, "samples": 2 if solver[0] == "s" else 1}
        whole = task(picture, model=model, tile="off", **own, **wishes)
        for tile, batch in ((64, 1), (32, 8), (256, 1), ((17, 40), 2), ("auto", 1)):
            part = task(picture, model=model, tile=tile, batch=batch, **own, **wishes)
            worst = max(worst, float(np.abs(part.value - whole.value).max()))
            assert part.info["chi"] == pytest.approx(whole.info["chi"] or 0, abs=1e-3) or (
                whole.info["chi"] is None
            )
    assert worst <= 1e-5


def test_symmetries_go_with_tiles(denoise_model: str) -> None:
    """A turned picture is tiled otherwise, and "off" means whole for it too."""
    given = pixels(83, 44, 3)
    whole, odd, even = (
        denoise(given, sigma=30, model=denoise_model, preset="best", tile=tile).value
        for tile in ("off", (40, 16), 64)
    )
    assert max(np.abs(odd - whole).max(), np.abs(even - whole).max()) <= 1e-5
    turned = denoise(given[::-1, ::-1], sigma=30, model=denoise_model, preset="best").value
    plain = denoise(given, sigma=30, model=denoise_model, steps=4, solver="multistep-2").value
    np.testing.assert_allclose(turned[::-1, ::-1], whole, atol=1e-5)
    assert np.abs(plain - whole).max() > 1e-3


def test_grey_is_three_equal_channels(denoise_model: str, bare_sr_model: str) -> None:
    grey = pixels(24, 30)
    colour = np.repeat(grey[..., None], 3, 2)
    alone = denoise(grey, sigma=30, model=denoise_model).value
    together = denoise(colour, sigma=30, model=denoise_model).value.mean(-1)
    np.testing.assert_allclose(alone, together, atol=1e-6)
    y = upscale(torch.from_numpy(grey)[None, None], 2)
    denoiser = load_model(bare_sr_model).denoiser
    x1 = start(denoiser.process, y, Noise(0)(tuple(y.shape), 0))  # the same noise in all three
    both = [value.expand(-1, 3, -1, -1) for value in (x1, y)]
    expected = denoiser(both[0], 1.0, both[1], torch.tensor([[0.5]])).x0.mean(1)[0].numpy()
    np.testing.assert_allclose(sr(grey, scale=2, model=bare_sr_model).value, expected, atol=1e-6)


def test_a_grey_model_takes_grey_only(tmp_path: Path) -> None:
    params = {**tiny.DENOISE["network"]["params"], "inputs": 1, "outputs": 1}
    network = {"name": "local-nafnet", "params": params}
    path = tiny.write_model(tmp_path / "g.safetensors", {**tiny.DENOISE, "network": network})
    assert denoise(pixels(16, 20), sigma=20, model=path).value.shape == (16, 20)
    with pytest.raises(InputError, match="tiny-denoise restores 1 channels, not 3"):
        denoise(pixels(16, 20, 3), sigma=20, model=path)


def test_sampling_starts_at_the_enlarged_picture(bare_sr_model: str) -> None:
    """One call without back-projection is D(x_1, y)."""
    low = pixels(15, 18, 3)
    result = sr(low, scale=3, model=bare_sr_model, seed=2, item="q")
    y = upscale(torch.from_numpy(low).permute(2, 0, 1)[None], 3)
    denoiser = load_model(bare_sr_model).denoiser
    x1 = start(denoiser.process, y, Noise(2, "q", 0)(tuple(y.shape), 0))
    level = torch.tensor([[np.log2(3) / 2]], dtype=torch.float32)
    expected = denoiser(x1, 1.0, y, level).x0[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(result.value, expected, atol=1e-6)
    assert np.abs(expected - y[0].permute(1, 2, 0).numpy()).std() > 1e-3


@pytest.mark.parametrize("scale", [2, 2.5, 3, 4])
@pytest.mark.parametrize("levels", [255, 65535])
def test_back_projection_explains_the_data(plain_sr_model: str, scale: float, levels: int) -> None:
    """A smooth picture, reduced and rounded: within the preset's rounds chi is at most 1."""
    clean = torch.from_numpy(smooth(97, 110)).permute(2, 0, 1).float()[None]
    low = quantise(downscale(clean, scale), levels)[0].permute(1, 2, 0).numpy()
    stored = np.rint(low * levels).astype(np.uint8 if levels == 255 else np.uint16)
    result = sr(stored, scale=scale, model=plain_sr_model)
    assert result.value.shape[:2] == tuple(int(np.ceil(n * scale)) for n in stored.shape[:2])
    assert result.info["back_projections"] <= 5
    if levels == 255:
        assert result.info["chi"] <= 1
    again = bicubic(
        torch.from_numpy(result.value.astype(np.float32)).permute(2, 0, 1),
        (stored.shape[0], stored.shape[1]),
        (1 / scale, 1 / scale),
    )
    rest = stored - again.permute(1, 2, 0).numpy()
    assert np.sqrt(np.mean(rest**2)) < (0.5 if levels == 255 else 20)


def test_samples_do_not_depend_on_their_number(sr_model: str) -> None:
    """Also where each needs its own number of back-projections."""
    given = (smooth(20, 24) * 255).astype(np.uint8)
    wishes = {"solver": "sde-multistep-2", "steps": 2, "model": sr_model, "scale": 3}
    one, two, four = (sr(given, samples=count, **wishes) for count in (1, 2, 4))
    assert np.array_equal(one.value, two.samples[0])
    assert all(np.array_equal(*pair) for pair in zip(two.samples, four.samples, strict=False))


def test_nothing_to_do(denoise_model: str) -> None:
    given = (pixels(16, 20, 3) * 255).astype(np.uint8)
    still = denoise(given, sigma=0, model=denoise_model, samples=3)
    assert np.array_equal(still.value, given)
    assert (still.info["chi"], still.info["nfe"]) == (None, 0)
    assert still.std.max() == 0
    flat = np.full((20, 30), 77, np.uint8)
    constant = denoise(flat, model=denoise_model)
    assert np.array_equal(constant.value, flat)
    assert (constant.info["sigma"], constant.info["sigma_given"]) == (0.0, "auto")


def test_noise_is_estimated_a_little_high(gaussian_model: str) -> None:
    rng = np.random.default_rng(1)
    noisy = (smooth(128, 128) + 20 / 255 * rng.standard_normal((128, 128, 3))).astype(np.float32)
    found = denoise(noisy, model=gaussian_model).info["sigma"]
    assert found == pytest.approx(1.05 * 20, rel=0.05)


@pytest.mark.parametrize(
    ("own", "error", "said"),
    [
        ({"sigma": "much"}, UsageError, "expected 'auto', or 0 or more"),
        ({"sigma": -1}, UsageError, "0 or more"),
        ({"sigma": float("nan")}, UsageError, "0 or more"),
        ({"sigma": None}, UsageError, "0 or more"),
        ({"sigma": 1e5}, UsageError, r"ends at 38\d+.* is sigma on the right scale"),
        ({"sigma": 5, "step": 3}, UsageError, "did you mean 'steps'"),
        ({"sigma": 5, "solver": "huen"}, UsageError, "did you mean 'heun'"),
        ({"sigma": 5, "solver": "ddim", "samples": 2}, UsageError, "all samples would be the same"),
        ({"sigma": 5, "model": "gone.safetensors"}, InputError, "no such weight file"),
        ({"sigma": 5, "model": "leaves-denoize"}, InputError, "no model 'leaves-denoize'"),
    ],
)
def test_bad_calls(
    denoise_model: str, own: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        denoise(pixels(12, 12), **{"model": denoise_model, **own})


@pytest.mark.parametrize("scale", [1.5, 5, 0, -2, float("nan"), float("inf"), "4x"])
def test_scales_the_model_does_not_know(sr_model: str, scale: Any) -> None:
    with pytest.raises(UsageError, match="was trained for 2 to 4; enlarge in two steps"):
        sr(pixels(12, 12), scale=scale, model=sr_model)


def test_bad_pictures(denoise_model: str, sr_model: str) -> None:
    with pytest.raises(InputError, match="3 x 2 pixels are too few to tell the noise"):
        denoise(pixels(2, 3), model=denoise_model)
    assert denoise(pixels(1, 1), sigma=9, model=denoise_model).value.shape == (1, 1)
    assert sr(pixels(1, 1), scale=2, model=sr_model).value.shape == (2, 2)
    with pytest.raises(InputError, match="is a model for sr, not for denoise"):
        denoise(pixels(12, 12), sigma=5, model=sr_model)
    with pytest.raises(InputError, match="not finite"):
        denoise(np.full((9, 9), np.nan, np.float32), model=denoise_model)


@pytest.mark.parametrize("steps", [1, 4, 8, 12])
@pytest.mark.parametrize("sigma", [1.0, 5.0, 25.0])
def test_every_sigma_goes_with_every_number_of_steps(
    gaussian_model: str, sigma: float, steps: int
) -> None:
    for solver in ("ddim", "multistep-2", "sde-multistep-2"):
        result = denoise(
            pixels(16, 16), sigma=sigma, steps=steps, solver=solver, model=gaussian_model
        )
        assert np.isfinite(result.value).all()
        assert result.info["nfe"] == steps


def test_twelve_bits_round_as_twelve_bits(plain_sr_model: str, tmp_path: Path) -> None:
    unit = smooth(30, 34).astype(np.float32).transpose(2, 0, 1)
    picture = Picture(unit, None, "uint16", (0.0, 4095.0))
    result = sr(picture, scale=2, model=plain_sr_model)
    write_picture(tmp_path / "a.tif", result.value)
    assert result.info["chi"] == pytest.approx(
        result.info["residual_rms"] * 4095 * np.sqrt(12), rel=1e-3
    )
