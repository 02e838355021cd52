"""Converted checkpoints of SGMSE and StoRM give the official outputs, with their own settings."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning_files as files
import pytest
import torch
from lightning_files import DNN, SECOND, TWO, converted
from ncsnpp_stored import inputs, near, result, tensors
from torch import Tensor

from undrift.cli import main
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError, UsageError
from undrift.common.model_cards import load_model_card
from undrift.common.noise import Noise
from undrift.common.processes import BBED, OUVE, SchroedingerBridge
from undrift.common.weights.model import load_model
from undrift.common.wishes import Wishes
from undrift.speech.asked import Asked
from undrift.speech.bridge import BridgeSampler
from undrift.speech.checkpoints import SpeechCheckpoint, load_speech_checkpoint
from undrift.speech.method import ByModel, method_for
from undrift.speech.published.convert import convert_speech
from undrift.speech.published.known import KNOWN
from undrift.speech.sgmse import ScoreSampler
from undrift.speech.spectrogram import Spectrogram
from undrift.speech.tasks import enhance

ROOT = math.sqrt(2)


def raw(model: SpeechCheckpoint, name: str) -> Tensor:
    """What the network of a converted checkpoint gives for the stored inputs."""
    seen, network = inputs(name), model.network
    more = (seen["y"],) if "denoised" in seen else ()
    return network.raw(seen["x"], seen.get("denoised", seen["y"]), seen["t"], *more)  # type: ignore[call-arg]


@pytest.mark.parametrize("average", ["all", "trained"])
def test_sgmse_plus(average: str, tmp_path: Path) -> None:
    """The moving average is taken, in both lengths that it is written in."""
    model = converted(tmp_path, DNN, files.SGMSE, average=average)
    near(raw(model, "ncsnpp_small"), -result("ncsnpp_small"))
    assert model.process == OUVE(1.5, 0.05 / ROOT, 0.5 / ROOT)
    assert model.spectrogram == Spectrogram(16000, 62, 16, 0.15, 0.5)
    assert model.sampler == ScoreSampler("pc", 30, "ald", 1, 0.5, 0.03)
    assert (model.padding, model.storm) == ("zero", False)
    settings = model.settings
    assert (settings.id, settings.task, settings.prediction) == ("x", "enhance", "eps")
    assert settings.signal["level"] is None
    assert settings.presets["fast"].times == pytest.approx((1, 0.7575, 0.515, 0.2725, 0.03, 0))
    record = settings.record
    assert record["weights"] == "moving average"
    assert record["assumed"] == {}
    options = record["options"]
    assert isinstance(options, dict)
    assert options["batch_size"] == 8
    assert "base_dir" not in options  # a folder of somebody's machine


def test_without_a_moving_average_the_last_weights_are_taken(tmp_path: Path) -> None:
    model = converted(tmp_path, DNN, files.SGMSE, average="none")
    assert "no moving average" in str(model.settings.record["weights"])
    last = model.network.state_dict()["dnn.output_layer.bias"]
    torch.testing.assert_close(last, tensors("ncsnpp_small")["output_layer.bias"] + 0.1)


def test_options_of_2022(tmp_path: Path) -> None:
    """Neither rate nor steps were among them; what is assumed is written down."""
    model = converted(tmp_path, DNN, files.YEAR_2022)
    near(raw(model, "ncsnpp_small"), -result("ncsnpp_small"))
    assert model.sampler == ScoreSampler("pc", 30, "ald", 1, 0.5, 0.03)
    assert model.settings.record["assumed"] == {"sr": 16000, "sampler_type": "pc", "N": 30}


def test_bridge_with_the_tensors_of_a_loss(tmp_path: Path) -> None:
    loss = {f"pesq_loss.mel.fb{k}": torch.zeros(2) for k in range(10)}
    model = converted(tmp_path, SECOND, files.BRIDGE, more=loss)
    near(raw(model, "ncsnpp_v2_small"), result("ncsnpp_v2_small"))
    assert model.process == SchroedingerBridge("ve", 0.2, 2.6)
    assert model.sampler == BridgeSampler("ode", 50, 1e-4, "current", "sgmse")
    assert (model.settings.prediction, model.padding) == ("x0", "reflect")


def test_bbed_under_its_first_name(tmp_path: Path) -> None:
    model = converted(tmp_path, DNN, files.BBVE)
    near(raw(model, "ncsnpp_small"), -result("ncsnpp_small"))
    assert model.process == BBED(2.6, 0.265)
    assert model.sampler == ScoreSampler("pc", 30, "ald", 1, 0.5, 0.03, 0.999)
    today = {**files.BBVE, "sde": "bbed", "k": 2.6}
    del today["sigma_max"]
    assert converted(tmp_path, DNN, today).process == model.process


@pytest.mark.parametrize("average", ["all", "trained"])
def test_storm(average: str, tmp_path: Path) -> None:
    model = converted(tmp_path, TWO, files.REGENERATION, average=average)
    near(raw(model, "storm_score_small"), -result("storm_score_small"))
    near(model.first(inputs("storm_denoiser_small")["y"]), result("storm_denoiser_small"))
    assert model.storm
    assert model.sampler == ScoreSampler("pc", 20, "none", 1, 0.5, 0.03, 1.0, "even-steps")
    seen = inputs("storm_score_small")
    bound = model.given(seen["y"])
    assert bound(seen["x"], 0.5, seen["denoised"]).x0.shape == seen["x"].shape


def drawn(seed: int) -> Callable[[int], Tensor]:
    """Unit noise (1, 2, 32, 16) by number; double, since angles of single precision move times."""

    def draw(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(1000 * seed + number)
        return torch.randn(1, 2, 32, 16, generator=generator, dtype=torch.float64)

    return draw


def as_complex(x: Tensor) -> Tensor:
    return torch.complex(x[:, 0], x[:, 1])


def as_channels(z: Tensor) -> Tensor:
    return torch.stack([z.real, z.imag], 1)


def test_sampling_is_that_of_the_paper_in_complex_numbers(tmp_path: Path) -> None:
    """The reverse SDE of SGMSE+ (Algorithm 1, without corrector), noise of total variance 1."""
    model = converted(tmp_path, DNN, files.SGMSE)
    sampler, draw = ScoreSampler(steps=4, corrector="none"), drawn(1)
    y = 0.3 * drawn(2)(0)
    found = sampler(model.denoiser.double(), model.process, y, draw)

    noisy, growth = as_complex(y), math.log(10)
    mean = torch.zeros(())

    def deviation(t: float) -> float:
        grown = math.exp(2 * growth * t) - math.exp(-3 * t)
        return math.sqrt(0.05**2 * growth / (1.5 + growth) * grown)

    x = noisy + deviation(1) * as_complex(draw(0)) / ROOT
    times = [1, 1 - 0.97 / 3, 1 - 2 * 0.97 / 3, 0.03, 0]
    for k in range(4):
        t, step = times[k], times[k] - times[k + 1]
        score = as_complex(model.network.raw(as_channels(x), y, torch.tensor([t], dtype=y.dtype)))  # type: ignore[call-arg]
        diffusion = 0.05 * math.exp(growth * t) * math.sqrt(2 * growth)
        mean = x - step * (1.5 * (noisy - x) - diffusion**2 * score)
        x = mean + diffusion * math.sqrt(step) * as_complex(draw(k + 1)) / ROOT
    near(found, as_channels(mean), 1e-8)


def test_the_bridge_is_sampled_as_in_the_program(tmp_path: Path) -> None:
    """SB-ODE with its guard of 1e-8, the network asked at the time a step goes to."""
    model = converted(tmp_path, SECOND, {**files.BRIDGE, "N": 3})
    y = 0.3 * drawn(2)(0)
    found = model.sampler(model.denoiser.double(), model.process, y, drawn(1))

    guard, times = 1e-8, [1 - k * (1 - 1e-4) / 3 for k in range(4)]

    def deviation(t: float) -> Tensor:
        k, time = torch.tensor(2.6), torch.tensor(t)  # single precision, as there: it shows
        return torch.sqrt(0.4 * (k ** (2 * time) - 1.0) / (2 * torch.log(k)))

    def pair(t: float) -> tuple[Tensor, Tensor]:
        return deviation(t), torch.sqrt(deviation(1) ** 2 - deviation(t) ** 2 + guard)

    whole = deviation(1) ** 2
    x, (before, rest) = y, pair(1)
    for t in times[1:]:
        now, left = pair(t)
        estimate = model.network.raw(x, y, torch.tensor([t], dtype=y.dtype))  # type: ignore[call-arg]
        of_x = now * left / (before * rest + guard)
        of_x0 = (left**2 - rest * now * left / (before + guard)) / (whole + guard)
        of_y = (now**2 - before * now * left / (rest + guard)) / (whole + guard)
        x, before, rest = of_x * x + of_x0 * estimate + of_y * y, now, left
    near(found, x, 1e-5)


def test_bare_tensors_need_their_options_told(tmp_path: Path) -> None:
    torch.save(tensors("ncsnpp_v2_small"), tmp_path / "bare.pt")
    target = tmp_path / "bare.safetensors"
    said = r"does not say sde, .*loss_type.*--like NAME, or tell them: --set sde="
    with pytest.raises(InputError, match=said):
        convert_speech(tmp_path / "bare.pt", target, told=files.SMALL)
    told = {k: v for k, v in files.BRIDGE.items() if k in (*files.SMALL, "image_size")}
    front = files.FRONT | {"sde": "sbve", "k": 2.6, "c": 0.4, "backbone": "ncsnpp_v2"}
    given = {**told, **front, "loss_type": "data_prediction"}
    convert_speech(tmp_path / "bare.pt", target, told=given)
    model = load_speech_checkpoint(target)
    near(raw(model, "ncsnpp_v2_small"), result("ncsnpp_v2_small"))
    assert "N" in dict(model.settings.record["assumed"])  # type: ignore[call-overload]


def test_known_checkpoints_bring_their_settings(tmp_path: Path) -> None:
    """48 kHz and reverberation: what the file lacks, and the sampling that is recommended."""
    bare = {k: v for k, v in files.SGMSE.items() if k not in files.FRONT}
    small = {**files.SGMSE, **dict(KNOWN["sgmse-wsj0-reverb"].options)}
    small |= {"n_fft": 510, "hop_length": 128}
    model = converted(tmp_path, DNN, {**bare, **small}, like="sgmse-wsj0-reverb")
    assert model.sampler == ScoreSampler("pc", 50, "ald", 1, 0.33, 0.03)
    assert model.settings.task == "dereverb"
    torch.save(tensors("ncsnpp_v2_small"), tmp_path / "bare.pt")
    target, sizes = tmp_path / "bare.safetensors", {**files.SMALL, "image_size": 32}
    convert_speech(tmp_path / "bare.pt", target, like="sb-vb-dmd-ears-wham", told=sizes)
    bridge = load_speech_checkpoint(target)
    near(raw(bridge, "ncsnpp_v2_small"), result("ncsnpp_v2_small"))
    assert bridge.spectrogram == Spectrogram()
    with pytest.raises(InputError, match=r"its backbone is .*; its sigma_max is 0\.5, exp"):
        converted(tmp_path, DNN, {**bare, "theta": 2.0, "sigma_min": 0.1}, like="sgmse-ears-wham")
    with pytest.raises(UsageError, match="did you mean 'sgmse-vb-dmd'"):
        converted(tmp_path, DNN, files.SGMSE, like="sgmse-vbdmd")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = files.write(tmp_path / "x.ckpt", DNN, files.YEAR_2022)
    target = tmp_path / "vb.safetensors"
    call = ["models", "convert", str(source), str(target), "--set", "sr=16000"]
    assert main(call) == 0
    told = capsys.readouterr().out
    assert "moving average" in told
    assert "not in the file, hence as in the authors' program: sampler_type pc, N 30" in told
    card = load_model_card(tmp_path / "vb.md")
    assert (card.id, card.front.undrift.input.sample_rate_hz) == ("vb", 16000)
    model = load_model(target)
    assert isinstance(model.denoiser, Denoiser)
    assert main(call) == 2  # it is there
    assert main([*call[:3], str(tmp_path / "folder"), *call[4:]]) == 2
    assert main([*call[:3], str(tmp_path / "z.safetensors"), "--set", "sr"]) == 2
    assert main([*call[:3], str(tmp_path / "z.safetensors"), "--heads", "2", *call[4:]]) == 2


def test_enhance_runs_both_stages_of_storm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A score of zero means no noise in the state: x0 = y_d + (s/a) z for the z that was drawn."""
    converted(tmp_path, TWO, files.REGENERATION)
    wishes = Wishes(seed=3, preset="fast")
    method = method_for(Asked(), str(tmp_path / "x.safetensors"), wishes)
    assert isinstance(method, ByModel)
    denoiser = method.sampler.model.denoiser
    network: Any = denoiser.network
    layer = network.score_net.output_layer
    monkeypatch.setattr(layer, "weight", torch.nn.Parameter(torch.zeros_like(layer.weight)))
    monkeypatch.setattr(layer, "bias", torch.nn.Parameter(torch.zeros_like(layer.bias)))
    y = torch.randn(1, 2, 32, 21, generator=torch.Generator().manual_seed(0))
    stage = method.stage("", 0)
    parts = [stage.push(y), stage.finish()]
    found = torch.cat([part for part in parts if part.numel()], -1)
    z = Noise(3, "", 0)((1, 2, 32, 21), 0, (0, 0))
    one = torch.ones((), dtype=torch.float64)
    spread = float(denoiser.process.s(one) / denoiser.process.a(one))
    near(found, network.first(y) + spread * z, 1e-4)
    assert method.calls == 6


@pytest.mark.parametrize(("networks", "options"), [(DNN, files.BBVE), (SECOND, files.BRIDGE)])
def test_enhance_runs_bridges(
    networks: dict[str, str], options: dict[str, Any], tmp_path: Path
) -> None:
    """BBED begins at half time; both are asked five times, whatever the length."""
    converted(tmp_path, networks, options)
    wave = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0))
    model = str(tmp_path / "x.safetensors")
    done = enhance(wave, rate=16000, model=model, preset="fast")
    assert done.value.shape == wave.shape
    assert bool(torch.isfinite(done.value).all())
    assert done.info["nfe"] == 5


def test_enhance_samples_as_the_authors_do_unless_told(tmp_path: Path) -> None:
    """Two steps with a correction each."""
    converted(tmp_path, DNN, files.SGMSE)
    wave = 0.1 * torch.randn(4000, generator=torch.Generator().manual_seed(0))
    model = str(tmp_path / "x.safetensors")
    done = enhance(wave, rate=16000, model=model, steps=2)
    assert (done.info["nfe"], done.info["solver"]) == (4, "score")
    assert done.value.shape == wave.shape
    assert bool(torch.isfinite(done.value).all())
