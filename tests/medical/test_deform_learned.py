"""Deformations by a model: its large voxels, the faces of the box, what the record says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import SMALL, write_model

import undrift
from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.common.noise import Noise
from undrift.medical.deformation import learned
from undrift.medical.deformation.fields import determinants
from undrift.medical.deformation.learned import Learned
from undrift.medical.deformation.random_fields import diffeomorphism, random_velocity
from undrift.medical.resampling import resample_to_spacing
from undrift.medical.volumes import Volume, write_volume

HEADER: dict[str, Any] = {
    "id": "tiny-shapes",
    "domain": "medical",
    "task": "deform",
    "process": {"name": "flow"},
    "prediction": "balanced",
    "scaling": {"sigma_d": 0.5, "mean": 0.0, "std": 0.02, "centre": 0.0},
    "signal": {
        "modality": "ct", "spacing": [12.0, 12.0], "fov": [100, 150],
        "intensity": {"kind": "hu-window", "low": -1024, "high": 1600},
    },
    "network": {"name": "local-nafnet3d", "params": {**SMALL, "inputs": 1, "outputs": 3}},
    "presets": {name: {"solver": "ddim", "steps": 1} for name in ("fast", "balanced", "best")},
}  # fmt: skip
STEPS = (3.0, 4.0, 6.0)
VOXELS = (12.0, 12.0, 12.0)


def trunk() -> Volume:
    """144 x 120 x 132 mm of HU; air around."""
    grid = (48, 30, 22)
    places = np.stack(
        np.meshgrid(
            *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(grid, STEPS, strict=True)],
            indexing="ij",
        ),
        -1,
    )
    far = np.linalg.norm(places / (55, 40, 90), axis=-1)
    array = np.where(far < 1, 40.0, -1000.0).astype(np.float32)
    array[np.linalg.norm(places - (10, 5, 0), axis=-1) < 15] = 300
    return Volume(array, np.diag([*STEPS, 1.0]), "HU")


@pytest.fixture
def silent(tmp_path: Path) -> str:
    """A model that finds nothing to undo."""
    return write_model(tmp_path / "tiny.safetensors", HEADER, last=0.0)


def test_a_model_that_undoes_nothing_leaves_the_random_shape_of_its_voxels(silent: str) -> None:
    """The field at the centres of the model's voxels is the random one there, in mm."""
    volume, notes = trunk(), []
    model = Learned.of(silent, "cpu")
    made = model.deformation(volume, 6.0, (8.0, 16.0, 32.0), Noise(3, "a", 0), notes)
    small = resample_to_spacing(volume, VOXELS)
    assert small.grid == (12, 10, 11)
    velocity = random_velocity(
        small.grid, small.spacing, Noise(3, "a", 0), strength=6.0, scales=(32.0,)
    )
    start = 12 * diffeomorphism(velocity.float()).field[0].numpy()
    fine = made.field[0].numpy() * np.reshape(STEPS, (3, 1, 1, 1))
    # voxel 4 k + 1.5 of x lies at voxel k of the model, 2 k + .5 of z too, 3 k + 1 of y
    there = 0.5 * (fine[:, 1::4] + fine[:, 2::4])[:, :, 1::3]
    there = 0.5 * (there[..., ::2] + there[..., 1::2])
    inner = (slice(None), slice(1, -1), slice(1, -1), slice(1, -1))
    assert np.abs(there - start)[inner].max() < 0.04 * np.abs(start).max()
    assert made.least == pytest.approx(float(determinants(made.field).min())) and made.least > 0.05
    assert made.share == 1.0 and notes == []


def test_an_affine_field_comes_back_exactly_on_finer_voxels() -> None:
    volume = trunk()
    small = resample_to_spacing(volume, VOXELS)
    where = np.stack(np.meshgrid(*[np.arange(n) for n in small.grid], indexing="ij"))
    field = 0.02 * torch.from_numpy(where[[1, 2, 0]]).float()[None] - 0.1
    made = learned._on_grid_of(volume, small, field, 0.5)
    ratios = 12 / np.array(STEPS)
    place = [(np.arange(n) + 0.5) / r - 0.5 for n, r in zip(volume.grid, ratios, strict=True)]
    wanted = np.stack(np.meshgrid(*place, indexing="ij"))[[1, 2, 0]] * 0.02 - 0.1
    wanted *= ratios.reshape(3, 1, 1, 1)
    inner = (slice(None), slice(8, -8), slice(6, -6), slice(4, -4))
    np.testing.assert_allclose(made.field[0].numpy()[inner], wanted[inner], atol=0.005)
    assert made.share == 0.5


def test_a_field_that_would_fold_between_the_models_voxels_is_taken_in_part() -> None:
    volume = trunk()
    small = resample_to_spacing(volume, VOXELS)
    field = torch.zeros(1, 3, *small.grid)
    field[0, 0, 6:] = -1.1  # x falls by more than a voxel within one
    made = learned._on_grid_of(volume, small, field, 1.0)
    assert made.share in (0.5, 0.25)
    assert made.least > 0.05


def test_the_recovered_field_keeps_the_faces_of_the_box(tmp_path: Path) -> None:
    """A network that pushes everything towards x moves no voxel across the faces of x."""
    pushing = write_model(tmp_path / "push.safetensors", HEADER, last=0.05)
    volume, notes = trunk(), []
    made = Learned.of(pushing, "cpu").deformation(volume, 5.0, (32.0,), Noise(0, "", 0), notes)
    still = Learned.of(write_model(tmp_path / "s.safetensors", HEADER, last=0.0), "cpu")
    other = still.deformation(volume, 5.0, (32.0,), Noise(0, "", 0), [])
    assert float((made.field - other.field).abs().max()) > 0.05
    assert float(made.field[0, 0, [0, -1]].abs().max()) == 0
    assert float(made.field[0, 2][..., [0, -1]].abs().max()) == 0
    assert made.least > 0.05


def test_the_command_by_a_model_and_its_record(
    silent: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_volume(tmp_path / "ct.nii.gz", trunk(), "int16")
    call = ["medical", "deform", str(tmp_path / "ct.nii.gz"), "-o", str(tmp_path / "out.nii.gz"),
            "--units", "HU", "--model", silent, "--strength", "50", "--samples", "2"]  # fmt: skip
    assert main(call) == 0
    record = json.loads((tmp_path / "out.json").read_text())
    made = record["Made"]
    assert made["model"] == "tiny-shapes" and made["weights"].startswith("sha256:")
    assert made["weights_licence"] == made["model_version"] == "unknown"
    assert made["working_spacing_mm"] == 12
    assert str(tmp_path) not in json.dumps(record)
    assert "the model was trained up to 46.8 mm" in " ".join(record["Warnings"])


def test_what_a_model_cannot_do_is_refused(silent: str) -> None:
    with pytest.raises(UsageError, match="without a model"):
        undrift.medical.deform(trunk(), model=silent, physics="incompressible")
    thin = Volume(trunk().array[:, :, :5], np.diag([*STEPS, 1.0]), "HU")
    with pytest.raises(InputError, match="144 x 120 x 30 mm is too small for tiny-shapes"):
        undrift.medical.deform(thin, model=silent)
