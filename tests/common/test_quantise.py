"""Weights in eight bits: torch's own numbers, small files, and models that load from them."""

from pathlib import Path

import pytest
import tiny
import torch
from click.testing import CliRunner
from safetensors import safe_open

from undrift.common.errors import InputError, UsageError
from undrift.common.quantise import SCALE, dequantised, quantise_file, quantised
from undrift.common.weights.cli import models
from undrift.common.weights.files import load_denoiser, read_settings, save_weights
from undrift.common.weights.model import find_weights, load_model


def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.randn(6, 4, 3, 3, generator=generator),
        "conv.bias": torch.randn(6, generator=generator),
        "linear.weight": 100 * torch.randn(5, 7, generator=generator),
        "steps": torch.arange(3),
    }


def test_the_values_are_those_of_torch() -> None:
    given = state()
    done = quantised(given)
    for name in ("conv.weight", "linear.weight"):
        scale, zero = done[name + SCALE], torch.zeros(len(given[name]), dtype=torch.int32)
        theirs = torch.fake_quantize_per_channel_affine(given[name], scale, zero, 0, -127, 127)
        torch.testing.assert_close(dequantised(done)[name], theirs, rtol=1e-6, atol=0)


def test_errors_are_at_most_half_a_step_and_extremes_are_met() -> None:
    given = state()
    back = dequantised(quantised(given))
    assert back.keys() == given.keys()
    for name in ("conv.weight", "linear.weight"):
        rows, found = given[name].flatten(1), back[name].flatten(1)
        top = rows.abs().amax(1, keepdim=True)
        assert ((rows - found).abs() <= top / 254 * (1 + 1e-5)).all()
        torch.testing.assert_close(found.abs().amax(1, keepdim=True), top, rtol=1e-6, atol=0)
    assert torch.equal(back["conv.bias"], given["conv.bias"])


def test_a_channel_of_zeros_stays_zero_and_plain_states_pass() -> None:
    given = {"weight": torch.tensor([[0.0, 0.0], [1.0, -0.5]])}
    assert torch.equal(dequantised(quantised(given))["weight"][0], torch.zeros(2))
    half = {"weight": torch.ones(2, 2, dtype=torch.float16), "own.scale": torch.ones(3)}
    plain = dequantised(half)
    assert plain["weight"].dtype is torch.float32 and plain["own.scale"].shape == (3,)


def test_what_cannot_be_quantised_is_told() -> None:
    with pytest.raises(InputError, match="int8 already; quantise the original"):
        quantised(quantised(state()))
    with pytest.raises(InputError, match="not finite"):
        quantised({"weight": torch.tensor([[float("nan")]])})
    lone = {"weight": torch.ones(2, 2, dtype=torch.int8)}
    with pytest.raises(InputError, match=r"has no weight.scale"):
        dequantised(lone)


def test_a_small_file_loads_as_the_model_it_was(tmp_path: Path) -> None:
    source = Path(tiny.write_model(tmp_path / "large.safetensors", tiny.DENOISE))
    target = tmp_path / "small.safetensors"
    quantise_file(source, target)
    before, after = (load_denoiser(path)[0] for path in (source, target))
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    first, second = (denoiser(x, 0.3).x0 for denoiser in (before, after))
    assert 0 < float((first - second).abs().max()) < 0.05 * float((first - x).abs().max())
    given, told = read_settings(source), read_settings(target)
    assert told.record.pop("quantised") == "int8, symmetric, one scale a channel"
    assert told == given
    with pytest.raises(InputError, match="int8 already"):
        quantise_file(target, tmp_path / "smaller.safetensors")
    broken = tmp_path / "broken.safetensors"
    with safe_open(target, framework="pt") as file:
        rest = {n: file.get_tensor(n) for n in file.keys() if not n.endswith(SCALE)}  # noqa: SIM118
    save_weights(broken, rest, given)
    with pytest.raises(InputError, match=r"broken.safetensors: .* is int8 but has no"):
        load_denoiser(broken)


@pytest.mark.parametrize("name", ["leaves-denoise", "leaves-sr"])
def test_shipped_models_shrink_to_less_than_a_third(name: str, tmp_path: Path) -> None:
    """Of their size in single precision; they ship in half."""
    before, after = quantise_file(find_weights(name), tmp_path / "small.safetensors")
    single = 4 * sum(p.numel() for p in load_model(name).denoiser.parameters())
    assert after < single / 3 and after < 0.6 * before
    denoiser = load_denoiser(tmp_path / "small.safetensors")[0]
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    given = (x, 0.2) if name == "leaves-denoise" else (x, 0.2, x, torch.ones(1, 1))
    gap = denoiser(*given).x0 - load_model(name).denoiser(*given).x0
    assert 0 < float(gap.abs().max()) < 0.02


def test_the_command_writes_a_small_file(tmp_path: Path) -> None:
    target = tmp_path / "small.safetensors"
    words = ["quantise", "leaves-denoise", "-o", str(target)]
    result = CliRunner().invoke(models, words, standalone_mode=False)
    assert result.exit_code == 0
    assert result.output.split()[0] == str(target)
    assert load_model(target).id == "leaves-denoise"
    with pytest.raises(UsageError, match="is there already"):
        CliRunner().invoke(models, words, standalone_mode=False, catch_exceptions=False)
