"""Weight files: everything needed to use them is inside, and nothing else is read."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from undrift.common.errors import InputError
from undrift.common.weights.files import load_denoiser, read_settings, save_weights
from undrift.common.weights.settings import Settings

SETTINGS = {
    "id": "small",
    "domain": "restoration",
    "task": "sr",
    "process": {"name": "residual-shift", "params": {"kappa": 0.25, "knee": 0.25}},
    "prediction": "balanced",
    "scaling": {"sigma_d": 0.05, "mean": 0.4, "std": 0.2},
    "network": {
        "name": "local-nafnet",
        "params": {"inputs": 6, "widths": [8], "depths": [1], "features": 8, "levels": 1},
    },
    "levels": ["half log2 of the scale"],
    "ranges": {"scale": [2.0, 4.0]},
    "presets": {"fast": {"steps": 1, "back_projections": 5}, "best": {"steps": 4}},
    "record": {"iterations": 7},
}


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate(SETTINGS)


@pytest.fixture
def path(tmp_path: Path, settings: Settings) -> Path:
    torch.manual_seed(0)
    network = settings.build().network
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.1)
    save_weights(tmp_path / "small.safetensors", network.state_dict(), settings)
    return tmp_path / "small.safetensors"


def test_what_is_saved_is_loaded(path: Path, settings: Settings) -> None:
    denoiser, found = load_denoiser(path)
    assert found == settings
    for name, value in load_file(path).items():
        assert torch.equal(denoiser.network.state_dict()[name], value)
    assert not denoiser.training
    assert not any(value.requires_grad for value in denoiser.parameters())
    y = torch.rand(1, 3, 10, 12)
    estimate = denoiser(y, 1.0, y, torch.tensor([[0.5]])).x0
    assert estimate.shape == y.shape and not torch.equal(estimate, y)
    save_weights(path, denoiser.network.state_dict(), found)  # channels-last, once more
    assert torch.equal(load_denoiser(path)[0](y, 1.0, y, torch.tensor([[0.5]])).x0, estimate)


def test_the_header_is_complete(path: Path, settings: Settings) -> None:
    assert read_settings(path) == settings
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    assert header["format"] == "pt"  # other readers of safetensors ask for it
    kept = json.loads(header["undrift"])
    given = json.loads(json.dumps(SETTINGS))
    assert {key: kept[key] for key in given if key != "presets"} == {
        key: value if key != "scaling" else {**value, "centre": None}
        for key, value in given.items()
        if key != "presets"
    }
    assert kept["presets"]["fast"]["back_projections"] == 5


def test_a_pickle_is_refused(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "weights.pt"
    torch.save(settings.build().network.state_dict(), path)
    with pytest.raises(
        InputError, match=r"weights\.pt: not a safetensors file .* safetensors only"
    ):
        load_denoiser(path)


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.999])
def test_a_truncated_file_is_refused(path: Path, keep: float) -> None:
    content = path.read_bytes()
    size = int(keep * len(content)) if isinstance(keep, float) else keep
    path.write_bytes(content[:size])
    with pytest.raises(InputError, match=r"small\.safetensors: not a safetensors file"):
        load_denoiser(path)


def test_missing_and_extra_and_misshapen_tensors_are_named(path: Path, settings: Settings) -> None:
    state = load_file(path)
    state["surplus.weight"] = state.pop("leave.bias")
    state["enter.bias"] = torch.zeros(3)
    save_weights(path, state, settings)
    with pytest.raises(InputError) as caught:
        load_denoiser(path)
    for text in ("small.safetensors", "leave.bias", "surplus.weight", "enter.bias", "[3]"):
        assert text in str(caught.value)


def test_safetensors_of_others_are_refused(path: Path) -> None:
    foreign = path.with_name("foreign.safetensors")
    save_file(load_file(path), foreign)
    with pytest.raises(
        InputError, match=r"foreign\.safetensors: its header holds no undrift settings"
    ):
        load_denoiser(foreign)


@pytest.mark.parametrize("text", ["{", "[]", '{"id": 3}'])
def test_settings_that_are_none_are_refused(path: Path, text: str) -> None:
    save_file(load_file(path), path, {"undrift": text})
    with pytest.raises(InputError, match=r"small\.safetensors"):
        read_settings(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such weight file"):
        read_settings(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="not a safetensors file"):
        read_settings(tmp_path)


def test_a_failed_write_leaves_the_old_file(
    path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(path, {"x": torch.zeros(3)}, settings)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_unknown_names_in_a_header_have_a_hint(settings: Settings) -> None:
    wrong = settings.model_copy(
        update={"network": settings.network.model_copy(update={"name": "local-nafnett"})}
    )
    with pytest.raises(InputError, match="did you mean 'local-nafnet'"):
        wrong.build()
