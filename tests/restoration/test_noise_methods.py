"""Methods without a shipped network, fidelity, and the flags of `undrift denoise`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from pictures import pixels, smooth
from PIL import Image

import undrift
from undrift.cli import main
from undrift.common.errors import UsageError
from undrift.common.wishes import Wishes
from undrift.restoration import baselines, denoise_methods
from undrift.restoration.denoise_methods import METHODS, Found, denoise_method
from undrift.restoration.images import read_picture
from undrift.restoration.noise_models import KnownNoise


@pytest.mark.parametrize("name", ["tv", "wavelet", "nlm"])
@pytest.mark.parametrize("grey", [True, False])
def test_classical_methods_keep_the_kind(name: str, grey: bool) -> None:
    clean = smooth(40, 48).mean(-1) if grey else smooth(40, 48)
    rng = np.random.default_rng(0)
    noisy = np.rint(255 * np.clip(clean + 0.08 * rng.standard_normal(clean.shape), 0, 1))
    given = noisy.astype(np.uint8)
    result = undrift.denoise(given, sigma=20.4, method=name)
    assert (result.value.dtype, result.value.shape) == (np.uint8, given.shape)
    before, after = (np.square(x / 255.0 - clean).mean() for x in (given, result.value))
    assert after < 0.3 * before
    assert (result.info["method"], result.info["model"], result.info["nfe"]) == (name, None, 0)
    planes = given[None] if grey else given.transpose(2, 0, 1)
    direct = baselines.BASELINES[name](planes.astype(np.float32) / np.float32(255), sigma=0.08)
    kept = 255 * np.clip(direct, 0, 1).squeeze()
    np.testing.assert_allclose(kept if grey else kept.transpose(1, 2, 0), result.value, atol=0.51)


def test_a_method_is_told_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: dict[str, Any] = {}

    def spy(picture: torch.Tensor, known: KnownNoise, wishes: Wishes) -> Found:
        heard.update(known=known, wishes=wishes, shape=tuple(picture.shape))
        return Found(picture.expand(wishes.samples or 1, -1, -1, -1) - 0.1, {"nfe": 12})

    monkeypatch.setitem(METHODS, "spy", "undrift.restoration.denoise_methods:spy")
    monkeypatch.setattr(denoise_methods, "spy", spy, raising=False)
    given = pixels(16, 20, 3)
    wishes = {"method": "spy", "seed": 4, "samples": 2}
    result = undrift.denoise(given, gain=5, read_noise=3, fidelity=0.5, **wishes)
    np.testing.assert_allclose(result.value, given - 0.1, atol=1e-6)
    assert (heard["shape"], heard["wishes"].seed, heard["wishes"].samples) == ((1, 3, 16, 20), 4, 2)
    assert (255 * heard["known"].gain, 255 * heard["known"].read) == pytest.approx((5, 3))
    assert heard["known"].share == 2
    assert (result.info["nfe"], len(result.samples)) == (12, 2)
    nearer = undrift.denoise(
        given, sigma=9.0 + np.arange(320.0).reshape(16, 20), fidelity=2, **wishes
    )
    np.testing.assert_allclose(nearer.value, given - 0.025, atol=1e-6)
    assert tuple(heard["known"].map.shape) == (1, 1, 16, 20)


def test_every_name_has_a_function() -> None:
    assert all(callable(denoise_method(name)) for name in METHODS)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"method": "bm4d"}, r"did you mean 'bm3d'.*there are: model, tv"),
        ({"method": "tv", "model": "leaves-denoise"}, "a model is for networks, which tv has not"),
        ({"method": "tv", "samples": 3}, "tv draws nothing"),
        ({"method": "tv", "steps": 3}, "steps belongs to a network, which tv has not"),
        ({"method": "tv", "pad": "wrap"}, "pad belongs to a network"),
    ],
)
def test_methods_that_cannot_be(own: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        undrift.denoise(pixels(12, 12), sigma=9, **own)


@pytest.mark.parametrize("fidelity", [0.5, 1.0, 3.0])
def test_fidelity(gaussian_model: str, fidelity: float) -> None:
    """Below 1 the posterior mean for more noise, above the blend; chi counts the noise as it is."""
    given = pixels(32, 32, 3)
    result = undrift.denoise(given, sigma=40, fidelity=fidelity, model=gaussian_model)
    s, spread = 40 / 255 / min(fidelity, 1), 0.25
    expected = 0.5 + spread**2 / (spread**2 + s**2) * (given - 0.5)
    if fidelity > 1:
        expected = expected / 9 + given * 8 / 9
    np.testing.assert_allclose(result.value, expected, atol=1e-5)
    rms = np.sqrt(np.mean((given - expected) ** 2))
    assert result.info["chi"] == pytest.approx(rms / (40 / 255), abs=1e-4)
    assert (result.info["sigma"], result.info["fidelity"]) == (40, fidelity)


def test_fidelity_is_the_weight_of_structure_in_the_tempered_posterior() -> None:
    """Of a prior of spread S far above the noise s, the mean for s / f is 1 - 1/f^2 nearer to y."""
    spread, s, fidelity = 100.0, 0.1, 1.7
    gain = [spread**2 / (spread**2 + (s / f) ** 2) for f in (1.0, fidelity)]
    assert (gain[1] - gain[0]) / (1 - gain[0]) == pytest.approx(1 - 1 / fidelity**2, rel=1e-5)


def test_more_fidelity_brings_an_enlargement_nearer(plain_sr_model: str) -> None:
    """Rounds of back-projection go on until the rest is the rounding's over fidelity."""
    given = np.rint(255 * pixels(24, 30)).astype(np.uint8)
    fidelities = (0.01, 0.1, 0.3, 100.0)
    infos = [undrift.sr(given, scale=3, model=plain_sr_model, fidelity=f).info for f in fidelities]
    rounds = [info["back_projections"] for info in infos]
    chi = [info["chi"] for info in infos]
    assert rounds[0] == 0
    assert rounds[-1] == 5
    assert 0 < rounds[1] < 5
    assert rounds == sorted(rounds)
    assert chi == sorted(chi, reverse=True)
    for info, fidelity in zip(infos, fidelities, strict=True):
        assert info["chi"] <= 1 / fidelity or info["back_projections"] == 5


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    clean = smooth(40, 48)
    deep = np.clip(0.01 * rng.poisson(clean / 0.01) + 0.01 * rng.standard_normal(clean.shape), 0, 1)
    tifffile.imwrite("deep.tif", np.rint(deep * 65535).astype(np.uint16), photometric="rgb")
    Image.fromarray(np.rint(255 * clean).astype(np.uint8)).save("plain.png", dpi=(300, 300))
    np.save("map.npy", np.tile(np.linspace(5, 40, 48, dtype=np.float32), (40, 1)))
    return tmp_path


def records(capsys: pytest.CaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_commands(place: Path, denoise_model: str, capsys: pytest.CaptureFixture) -> None:
    shared = ["--model", denoise_model, "--json"]
    assert main(["denoise", "deep.tif", "-o", "a.tif", "--gain", "2.55", *shared]) == 0
    [first] = records(capsys)
    assert (first["noise"], first["gain"], first["nfe"]) == ("poisson-gaussian", 2.55, 1)
    assert first["read_noise"] > 0
    assert tifffile.imread("a.tif").dtype == np.uint16
    flags = ["--sigma-map", "map.npy", "--fidelity", "2"]
    assert main(["denoise", "plain.png", "-o", "b.png", *flags, *shared]) == 0
    [second] = records(capsys)
    assert (second["nfe"], second["fidelity"]) == (5, 2.0)
    told = json.loads(read_picture("b.png").metadata.history[0])
    assert (told["sigma_given"], told["sigma_range"]) == ("map.npy", [5.0, 40.0])
    assert read_picture("b.png").metadata.dpi == pytest.approx((300, 300), abs=0.1)
    args = ["denoise", "deep.tif", "-o", "c.tif", "--method", "wavelet", "--json"]
    assert main([*args, "--noise", "poisson-gaussian"]) == 0
    [third] = records(capsys)
    assert (third["model"], third["method"], third["nfe"]) == ("wavelet", "wavelet", 0)
    assert main([*args, "--noise", "poisson-gaussian"]) == 0
    assert [record["status"] for record in records(capsys)] == ["skipped"]


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--sigma", "5", "--sigma-map", "map.npy"], 2, "--sigma and --sigma-map both say"),
        (["--sigma-map", "gone.npy"], 2, "gone.npy"),
        (["--gain", "-1"], 2, "gain -1.0: expected a number above 0"),
        (["--noise", "pink"], 2, "there are: white, poisson-gaussian"),
        (["--method", "tv", "--model", "leaves-denoise"], 2, "a model is for networks"),
        (["--method", "tv", "--samples", "4"], 2, "tv draws nothing"),
        (["--method", "bm4d"], 2, "did you mean 'bm3d'"),
        (["--fidelity", "0"], 2, "expected a number above 0"),
    ],
)
def test_commands_that_cannot_be(
    place: Path, flags: list[str], code: int, said: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["denoise", "plain.png", "-o", "x.png", *flags]) == code
    assert said in capsys.readouterr().err
    assert not Path("x.png").exists()
