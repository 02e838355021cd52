"""`undrift models`, on a small model made here: card and weights have to agree."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

import undrift
from undrift.common.errors import InputError
from undrift.common.model_cards import load_model_card
from undrift.common.weights.cli import models
from undrift.common.weights.files import save_weights
from undrift.common.weights.settings import Settings

NETWORK = {"inputs": 3, "outputs": 3, "widths": [8], "depths": [1], "features": 8}
PRESETS = {"fast": 1, "balanced": 4, "best": 16}
PROSE = """
## Details
Small.

## Uses
Tests.

## Hallucination and misuse
It invents everything.

## Training data and procedure
None.

## Evaluation
None.

## How to start
Do not.
"""


def settings(name: str = "toy") -> Settings:
    return Settings.model_validate(
        {
            "id": name,
            "domain": "restoration",
            "task": "denoise",
            "process": {"name": "flow", "params": {"scale": 1.0}},
            "prediction": "x0",
            "scaling": {"sigma_d": 0.25, "centre": 0.5},
            "network": {"name": "local-nafnet", "params": NETWORK},
            "presets": {key: {"steps": steps} for key, steps in PRESETS.items()},
        }
    )


def head(content: bytes, name: str = "toy") -> dict:
    preset = {"solver": "ddim", "grid": None, "samples": 1}
    block = {
        "schema": 1,
        "id": name,
        "version": "1",
        "task": "denoise",
        "process": {"name": "flow", "params": {"scale": 1.0}},
        "prediction": "x0",
        "network": {"name": "local-nafnet", "params": NETWORK},
        "latent": None,
        "input": {"axes": "c h w", "channels": [3], "multiple_of": 2, "range": [0.0, 1.0]},
        "scale": None,
        "conditioning": [],
        "presets": {key: {**preset, "steps": steps} for key, steps in PRESETS.items()},
        "files": [
            {
                "name": f"{name}.safetensors",
                "url": None,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        ],
        "ported_from": None,
        "trained_on": ["leaves"],
        "parity": [],
        "measured": [
            {
                "data": "skimage-photos",
                "split": None,
                "case": "sigma 25",
                "metric": "psnr",
                "value": 20.5,
                "ci": [20.0, 21.0],
                "n": 14,
                "device": "cpu",
                "seconds_per_item": None,
                "peak_mb": None,
                "commit": None,
            }
        ],
        "intended": ["tests"],
        "not_for": ["anything else"],
        "risks": ["none"],
    }
    return {"license": "apache-2.0", "library_name": "undrift", "undrift": block}


def write_card(path: Path, data: dict, prose: str = PROSE) -> None:
    path.write_text(f"---\n{yaml.safe_dump(data)}---\n{prose}", encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """<root>/restoration/weights with one model, `toy`, as the only one there is."""
    weights = tmp_path / "restoration" / "weights"
    weights.mkdir(parents=True)
    network = settings().build().network
    save_weights(weights / "toy.safetensors", network.state_dict(), settings())
    write_card(weights / "toy.md", head((weights / "toy.safetensors").read_bytes()))
    monkeypatch.setattr(undrift, "__path__", [str(tmp_path)])
    return weights


def run(*args: str) -> Result:
    return CliRunner().invoke(models, list(args), standalone_mode=False)


def complaint(*args: str) -> str:
    error = run(*args).exception
    assert isinstance(error, InputError), error
    return str(error)


def test_list_show_and_path(folder: Path) -> None:
    row = json.loads(run("list", "--json").stdout)
    assert row["id"] == "toy"
    assert row["bytes"] == (folder / "toy.safetensors").stat().st_size
    assert run("list").stdout.split()[:3] == ["toy", "denoise", "apache-2.0"]
    assert run("list", "--task", "sr").stdout == ""
    shown = run("show", "toy").stdout
    assert "preset balanced: solver ddim, steps 4, samples 1" in shown
    assert "psnr 20.5 [20, 21], n = 14" in shown
    assert '"sigma_d": 0.25' in shown
    both = json.loads(run("show", "toy", "--json").stdout)
    assert both["card"]["undrift"]["id"] == both["header"]["id"] == "toy"
    assert run("path", "toy").stdout.strip() == str((folder / "toy.safetensors").resolve())


def test_a_good_model_verifies(folder: Path) -> None:
    assert "toy: good" in run("verify").stderr
    assert json.loads(run("verify", "toy", "--json").stdout) == {
        "id": "toy",
        "ok": True,
        "problems": [],
    }


def test_verify_finds_a_changed_byte(folder: Path) -> None:
    path = folder / "toy.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "the card says" in complaint("verify", "toy")
    path.write_bytes(content[:-4])
    said = complaint("verify", "toy")
    assert "toy" in said
    path.unlink()
    assert "is not there" in complaint("verify", "toy")
    assert "is not there" in complaint("path", "toy")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("prediction", "eps", "prediction: the card says 'eps'"),
        ("process", {"name": "flow", "params": {"scale": 2.0}}, "process: the card says"),
        ("task", "sr", "task: the card says 'sr', the header of the weights 'denoise'"),
    ],
)
def test_verify_compares_card_and_header(folder: Path, key: str, value: object, said: str) -> None:
    data = head((folder / "toy.safetensors").read_bytes())
    data["undrift"][key] = value
    write_card(folder / "toy.md", data)
    assert said in complaint("verify")


def test_verify_compares_presets(folder: Path) -> None:
    data = head((folder / "toy.safetensors").read_bytes())
    data["undrift"]["presets"]["fast"]["steps"] = 7
    write_card(folder / "toy.md", data)
    assert "presets.fast.steps: the card says 7, the header of the weights 1" in complaint("verify")


def test_verify_finds_weights_that_do_not_fit_their_network(folder: Path) -> None:
    path = folder / "toy.safetensors"
    state = settings().build().network.state_dict()
    state.pop(next(iter(state)))
    save_weights(path, state, settings())
    write_card(folder / "toy.md", head(path.read_bytes()))
    assert "do not fit the header's network" in complaint("verify")


def test_mistakes_in_a_model_card_are_named_at_once(folder: Path) -> None:
    data = head(b"")
    data["undrift"]["predictoin"] = data["undrift"].pop("prediction")
    data["undrift"]["measured"][0]["n"] = 0
    data["library_name"] = "diffusers"
    data["license"] = "MIT"
    write_card(folder / "toy.md", data, PROSE.replace("Hallucination and misuse", "Limits"))
    said = complaint("show", "toy")
    for part in (
        "did you mean 'prediction'",
        "undrift.measured.0.n",
        "library_name",
        "lower case, 'mit'",
        "'## Hallucination and misuse' is missing",
    ):
        assert part in said


def test_a_medical_model_must_say_not_for_diagnosis(tmp_path: Path) -> None:
    path = tmp_path / "medical" / "weights" / "toy.md"
    path.parent.mkdir(parents=True)
    write_card(path, head(b""))
    with pytest.raises(InputError, match="Not for diagnosis"):
        load_model_card(path)
    write_card(path, head(b""), PROSE.replace("Tests.", "Not for diagnosis."))
    assert load_model_card(path).domain == "medical"


def test_an_unknown_model_gets_the_nearest_name(folder: Path) -> None:
    assert "did you mean 'toy'" in complaint("path", "toyy")
