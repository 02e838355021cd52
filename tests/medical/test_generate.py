"""Generation: schedules and conversions in closed form, MONAI's networks, files, refusals."""

import hashlib
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import undrift
from undrift.cli import main
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.training.recipes import read_recipe
from undrift.common.weights.files import save_weights
from undrift.medical.generation.folder import build, read_description
from undrift.medical.generation.maisi import (
    Told,
    latent_sides,
    maisi_denoiser,
    shift_ratio,
    shifted,
    shifted_times,
)
from undrift.medical.generation.medforj import (
    leading_times,
    linear_process,
    medforj_denoiser,
    trailing_times,
)
from undrift.medical.volumes import read_volume

SMALL = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1, "num_res_blocks": 1,
         "channels": [4, 8], "attention_levels": [False, False], "norm_num_groups": 4,
         "num_head_channels": 4}  # fmt: skip
LATENT = {"spatial_dims": 3, "in_channels": 4, "out_channels": 4, "num_res_blocks": 1,
          "num_channels": [4, 8], "attention_levels": [False, False], "norm_num_groups": 4,
          "num_head_channels": 4, "include_spacing_input": True, "num_class_embeds": 8,
          "resblock_updown": True, "include_fc": True}  # fmt: skip
CODER = {"spatial_dims": 3, "in_channels": 1, "out_channels": 1, "num_res_blocks": [1, 1, 1],
         "num_channels": [4, 4, 8], "attention_levels": [False, False, False],
         "latent_channels": 4, "norm_num_groups": 2, "num_splits": 1}  # fmt: skip


def abar(index: int) -> float:
    """The product of 1 - beta, beta linear from 1e-4 to .02 over 1000."""
    return float(np.prod(1 - np.linspace(1e-4, 0.02, 1000)[: index + 1]))


@pytest.mark.parametrize("index", [0, 300, 945, 999])
def test_the_path_is_the_published_schedule(index: int) -> None:
    t = torch.tensor((index + 1) / 1000, dtype=torch.float64)
    assert float(linear_process().a(t)) == pytest.approx(math.sqrt(abar(index)), rel=1e-9)


@pytest.mark.parametrize("target", ["sample", "velocity", "flow"])
def test_every_target_gives_back_the_clean_volume(target: str) -> None:
    """The network answers with the true target; told the index of the schedule."""
    generator = torch.Generator().manual_seed(0)
    x0 = 0.3 * torch.randn(1, 1, 4, 4, 4, generator=generator, dtype=torch.float64)
    eps = torch.randn(x0.shape, generator=generator, dtype=torch.float64)
    for index in (0, 400, 999):
        alpha, sigma = math.sqrt(abar(index)), math.sqrt(1 - abar(index))
        told: list[int] = []

        def network(x: Tensor, i: Tensor, a: float = alpha, s: float = sigma) -> Tensor:
            told.append(int(i[0]))  # noqa: B023
            return {"sample": x0, "velocity": a * eps - s * x0, "flow": eps - x0}[target]

        found = medforj_denoiser(network, target)(alpha * x0 + sigma * eps, (index + 1) / 1000)
        torch.testing.assert_close(found.x0, x0.clamp(-1, 1), rtol=1e-6, atol=1e-7)
        assert told == [index]


def test_published_and_own_times() -> None:
    """64 steps of the program: indices 945, 930, ..., 0; ours begin where the noise is."""
    indices = [round(1000 * t) - 1 for t in leading_times(64)[:-1]]
    assert indices == list(range(945, -1, -15))
    ours = trailing_times(64)
    assert (ours[0], ours[-1], len(ours)) == (1.0, 0.0, 65)
    assert all(later < now for now, later in itertools.pairwise(ours))
    with pytest.raises(UsageError, match="did you mean 'velocity'"):
        medforj_denoiser(lambda x, i: x, "velocty")


def test_the_time_shift_of_larger_volumes() -> None:
    assert shift_ratio((32, 32, 32)) == pytest.approx(1)
    assert shift_ratio((64, 64, 64)) == pytest.approx(2)
    assert shifted(0.5, 2.0) == pytest.approx(2 / 3)
    assert shifted(0.5, 1.0) == 0.5
    times = shifted_times(4, (64, 64, 64))
    assert times == pytest.approx([1, 6 / 7, 2 / 3, 0.4, 0])
    assert latent_sides((128, 64, 32), 4) == (32, 16, 8)
    with pytest.raises(UsageError, match="multiples of 4"):
        latent_sides((30, 32, 32), 4)


def test_a_rectified_flow_of_one_point_is_reached_along_any_times() -> None:
    """With v = x0 - eps of the point, Euler's path is straight; spacing comes times 100."""
    point = torch.full((1, 4, 4, 4, 4), 0.7)
    seen = []

    def network(x: Tensor, t: Tensor, spacing_tensor: Tensor, class_labels: Tensor) -> Tensor:
        seen.append((float(t), spacing_tensor.tolist(), class_labels.tolist()))
        return (point - x) / max(float(t) / 1000, 1e-6)

    denoise = maisi_denoiser(network, Told((1.5, 1.5, 2.0), 3))
    times = shifted_times(5, (64, 64, 64))
    made = run_plan(denoise, torch.randn(point.shape), build_solver("ddim").plan(
        denoise.process, times))  # fmt: skip
    torch.testing.assert_close(made, point, rtol=0, atol=1e-5)
    assert [entry[0] for entry in seen] == pytest.approx([1000 * t for t in times[:-1]])
    assert seen[0][1:] == ([[150.0, 150.0, 200.0]], [3])


def folder(place: Path, kind: str) -> Path:
    """A generator with MONAI's networks, a few channels and random weights."""
    from safetensors.torch import save_file

    described = (
        {"kind": "medforj", "network": SMALL, "target": "flow", "spacing": [1, 1, 1]}
        if kind == "medforj"
        else {"kind": "maisi", "network": LATENT, "autoencoder": CODER, "units": "HU",
              "window": [-1000, 1000], "scale_factor": 1.2, "modality": 1, "fov": [10, 40]}
    )  # fmt: skip
    place.mkdir()
    (place / "model.json").write_text(json.dumps(described))
    from undrift.medical.generation.folder import _class

    for part, params in (("network", described["network"]), ("autoencoder", CODER)):
        if part in described:
            torch.manual_seed(5)
            module = _class(kind, part)(**params)
            for parameter in module.parameters():
                torch.nn.init.normal_(parameter, std=0.1)
            state = {name: value.contiguous() for name, value in module.state_dict().items()}
            save_file(state, place / f"{part}.safetensors")
    return place


@pytest.mark.parametrize("kind", ["medforj", "maisi"])
def test_folders_of_published_networks_are_sampled(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("einops")
    place = folder(tmp_path / kind, kind)
    given = {"model": str(place), "shape": (8, 8, 16), "spacing": (2, 2, 1), "steps": 2}
    made = undrift.medical.generate(**given, samples=2, seed=1)
    for part, name in (("network", "weights"), ("autoencoder", "autoencoder_weights")):
        path = place / f"{part}.safetensors"
        if path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert made.info[name] == f"sha256:{digest}"
    one, two = made.samples
    assert one.grid == (8, 8, 16)
    assert not np.array_equal(one.array, two.array)
    assert np.isfinite(one.array).all()
    np.testing.assert_allclose(one.affine @ [3.5, 3.5, 7.5, 1], [0, 0, 0, 1], atol=1e-9)
    assert one.spacing == (2, 2, 1)
    low, high = (-1000, 1000) if kind == "maisi" else (0, 1)
    assert low <= one.array.min() <= one.array.max() <= high
    assert one.units == ("HU" if kind == "maisi" else "arbitrary")
    again = undrift.medical.generate(**given, seed=1)
    np.testing.assert_allclose(again.value.array, one.array, rtol=1e-5, atol=1e-3)
    if kind == "maisi":
        other = undrift.medical.generate(**{**given, "spacing": (3, 3, 3)}, seed=1)
        assert not np.array_equal(other.value.array, one.array)
        assert "field of view" in other.info["warnings"][0]
        assert not made.info["warnings"]


def test_damaged_folders_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("einops")
    place = folder(tmp_path / "a", "medforj")
    described = read_description(place)
    (place / "network.safetensors").unlink()
    with pytest.raises(InputError, match="neither network"):
        build(place, described, "network", "cpu")
    torch.save({"state_dict": {"a": torch.ones(2)}}, place / "network.pt")
    with pytest.raises(InputError, match="do not fit"):
        build(place, described, "network", "cpu")
    torch.save({"x": Path("harmful")}, place / "network.pt")
    with pytest.raises(InputError, match="more than tensors"):
        build(place, described, "network", "cpu")
    (place / "model.json").write_text('{"kind": "maisi", "network": {}}')
    with pytest.raises(InputError, match="needs an autoencoder"):
        read_description(place)
    (place / "model.json").write_text('{"kind": "medforj", "network": {}, "tarket": 1}')
    with pytest.raises(InputError, match="did you mean 'target'"):
        read_description(place)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shape": (8, 8)}, "three whole numbers"),
        ({"shape": (8, 8, 0)}, "three whole numbers"),
        ({"spacing": (1, 1, -1)}, "spacing"),
        ({"sample": 2}, "did you mean 'samples'"),
        ({"steps": 0}, "steps"),
    ],
)
def test_wrong_calls_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        undrift.medical.generate(**settings)


def test_a_prior_of_this_package_is_drawn_as_a_magnitude(tmp_path: Path) -> None:
    recipe = read_recipe("brain-prior", ("network.params.widths=[4]", "network.params.depths=[1]",
                                         "network.params.unshuffle=1"))  # fmt: skip
    settings = recipe.settings({})
    path = tmp_path / "prior.safetensors"
    save_weights(path, settings.build().network.state_dict(), settings)
    made = undrift.medical.generate(model=str(path), shape=(8, 8, 8), steps=2, spacing=(30, 30, 30))
    assert made.value.array.min() >= 0
    assert made.value.units == "arbitrary"
    assert made.value.spacing == (30, 30, 30)
    assert "the model knows 1 to 2.3" in made.info["warnings"][0]
    middle = undrift.medical.generate(model=str(path), shape=(8, 8, 8), steps=2)
    assert middle.value.spacing == pytest.approx((1.65, 1.65, 1.65))


def test_without_weights_the_error_says_how_to_make_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undrift.medical.generation.tasks.DEFAULT", "prior-of-nobody")
    with pytest.raises(MissingExtraError, match="undrift train prior-of-nobody"):
        undrift.medical.generate()


def test_the_command_writes_volumes_and_records(tmp_path: Path) -> None:
    pytest.importorskip("einops")
    place, out = folder(tmp_path / "m", "medforj"), tmp_path / "out"
    call = ["medical", "generate", "-o", str(out), "--model", str(place), "--shape", "8",
            "--steps", "1", "--samples", "2", "-q"]  # fmt: skip
    assert main(call) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["sample-001.json", "sample-001.nii.gz", "sample-002.json", "sample-002.nii.gz"]
    assert read_volume(out / "sample-002.nii.gz").grid == (8, 8, 8)
    record = json.loads((out / "sample-002.json").read_text())
    assert record["Synthetic"] is True
    assert "research use only" in record["Notice"]
    assert record["Made"]["sample"] == 1
    assert main(call) == 3  # what is there stays
    assert main([*call, "--overwrite"]) == 0
    assert main([*call[:2], "-o", str(tmp_path / "a.nii.gz"), *call[4:]]) == 2
