"""`undrift.medical.deform` and its command: places, labels, records, refusals, repetition."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nibabel.nifti1 import Nifti1Image

import undrift
from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.medical.deformation.fields import pull
from undrift.medical.volumes import Volume, read_volume, write_volume

GRID, SPACING = (26, 22, 18), (1.5, 2.0, 2.5)


def blob(spacing: tuple[float, ...] = SPACING) -> tuple[Volume, Volume]:
    """A smooth ball in HU, and its labels."""
    places = np.stack(np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in GRID], indexing="ij"), -1)
    far = np.linalg.norm(places * spacing, axis=-1)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-10, 20, 5)
    image = Volume((1000 / (1 + np.exp(far - 12)) - 900).astype(np.float32), affine, "HU")
    return image, Volume((far < 12).astype(np.float32) * 3, affine, "label")


def test_the_volume_shows_the_original_at_the_displaced_place() -> None:
    image, labels = blob()
    made = undrift.medical.deform(image, labels=labels, strength=2.0, samples=2, seed=5)
    assert len(made.samples) == len(made.labels) == len(made.fields) == 2
    for sample, moved, field in zip(made.samples, made.labels, made.fields, strict=True):
        assert np.array_equal(sample.affine, image.affine)
        assert field.shape == (*GRID, 3)
        u = torch.from_numpy(field / np.array(SPACING, np.float32)).movedim(-1, 0)[None]
        again = pull(torch.from_numpy(image.array)[None, None], u)[0, 0].numpy()
        np.testing.assert_allclose(sample.array, again, atol=0.02)
        assert set(np.unique(moved.array)) == {0.0, 3.0}
        inside = sample.array[moved.array > 0].mean()
        assert inside - sample.array[moved.array == 0].mean() > 500
    assert not np.array_equal(made.fields[0], made.fields[1])
    for told, field in zip(made.info["deformations"], made.fields, strict=True):
        assert told["least_determinant"] > 0
        assert told["rms_mm"] == pytest.approx(np.sqrt((field**2).sum(-1).mean()), abs=1e-3)
        assert told["most_mm"] == pytest.approx(np.linalg.norm(field, axis=-1).max(), abs=1e-3)


def test_the_same_seed_gives_the_same_shape_however_the_file_keeps_its_axes() -> None:
    image, _ = blob()
    flipped = np.diag([-1.0, 1.0, 1.0, 1.0])
    flipped[0, 3] = GRID[0] - 1
    other = Volume(np.ascontiguousarray(image.array[::-1]), image.affine @ flipped, "HU")
    one, two = (undrift.medical.deform(v, seed=3, item="a") for v in (image, other))
    np.testing.assert_allclose(two.value.array[::-1], one.value.array, atol=1e-3)
    np.testing.assert_allclose(two.fields[0][::-1], one.fields[0], atol=1e-6)
    again = undrift.medical.deform(image, seed=3, item="a")
    assert np.array_equal(again.value.array, one.value.array)
    another = undrift.medical.deform(image, seed=4, item="a")
    assert not np.array_equal(another.value.array, one.value.array)


def test_kinds_come_back_as_they_went_in() -> None:
    image, labels = blob()
    array = undrift.medical.deform(image.array, labels=labels.array, spacing=SPACING)
    assert isinstance(array.value, np.ndarray)
    assert isinstance(array.labels[0], np.ndarray)
    tensor = undrift.medical.deform(torch.from_numpy(image.array), spacing=SPACING)
    assert isinstance(tensor.value, torch.Tensor)
    np.testing.assert_array_equal(tensor.value.numpy(), array.value)
    picture = Nifti1Image(image.array, image.affine)
    turned = undrift.medical.deform(picture)
    assert type(turned.value) is Nifti1Image
    np.testing.assert_allclose(np.asarray(turned.value.affine), image.affine)


def test_a_box_too_small_for_the_scales_is_deformed_all_the_same() -> None:
    made = undrift.medical.deform(np.random.rand(8, 8, 2).astype(np.float32), spacing=(1, 1, 1),
                                  strength=0.5, scales=(32.0, 64.0))  # fmt: skip
    assert made.info["deformations"][0]["rms_mm"] > 0


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"strength": 0}, UsageError, "strength"),
        ({"physics": "smoth"}, UsageError, "did you mean 'smooth'"),
        ({"scales": ()}, UsageError, "scales"),
        ({"stength": 1}, UsageError, "did you mean 'strength'"),
        ({"samples": 0}, UsageError, "samples"),
        ({"spacing": (1, 1, 1)}, UsageError, "spacing of its own"),
        ({"model": "nowhere/model.safetensors"}, InputError, "no such weight file"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        undrift.medical.deform(blob()[0], **change)


def test_bad_volumes_and_labels_are_refused() -> None:
    image, labels = blob()
    with pytest.raises(UsageError, match="give spacing"):
        undrift.medical.deform(image.array)
    holes = image.array.copy()
    holes[3, 4, 5] = np.nan
    with pytest.raises(InputError, match="no finite numbers"):
        undrift.medical.deform(image.with_array(holes))
    with pytest.raises(InputError, match="whole numbers"):
        undrift.medical.deform(image, labels=labels.with_array(labels.array + 0.5))
    with pytest.raises(InputError, match="not on one grid"):
        undrift.medical.deform(image, labels=labels.on_grid(labels.array, np.eye(4)))
    with pytest.raises(InputError, match="time points"):
        undrift.medical.deform(image.on_grid(np.stack([image.array] * 2, -1), image.affine))


def test_the_command_writes_samples_labels_fields_and_records(tmp_path: Path) -> None:
    image, labels = blob()
    write_volume(tmp_path / "ct.nii.gz", image, "int16")
    write_volume(tmp_path / "organs.nii.gz", labels)
    out = tmp_path / "out"
    call = ["medical", "deform", str(tmp_path / "ct.nii.gz"), "-o", str(out), "--samples", "2",
            "--labels", str(tmp_path / "organs.nii.gz"), "--fields", "--units", "HU", "-q",
            "--strength", "2"]  # fmt: skip
    assert main(call) == 0
    names = {path.name for path in out.iterdir() if ".nii" in path.name}
    stems = {f"ct{k}{w}.nii.gz" for k in ("", ".sample-2") for w in ("", ".labels", ".field")}
    assert names == stems
    made = undrift.medical.deform(tmp_path / "ct.nii.gz", units="HU", strength=2, samples=2,
                                  item="ct.nii.gz")  # fmt: skip
    first = Nifti1Image.from_filename(out / "ct.nii.gz")
    assert first.get_data_dtype() == np.int16
    np.testing.assert_allclose(first.get_fdata(), np.rint(made.value.array), atol=1)
    kept = read_volume(out / "ct.sample-2.labels.nii.gz")
    assert set(np.unique(kept.array)) == {0.0, 3.0}
    field = Nifti1Image.from_filename(out / "ct.field.nii.gz").get_fdata()
    np.testing.assert_allclose(field, made.fields[0], atol=1e-5)
    record = json.loads((out / "ct.json").read_text())
    assert record["Synthetic"] is True
    assert "research use only" in record["Notice"]
    assert record["Geometry"]["SameGridAsSource"] is True
    assert record["Made"]["physics"] == "smooth"
    assert record["Made"]["method"] == "random diffeomorphism, not learned"
    before = (out / "ct.nii.gz").stat().st_mtime_ns
    assert main(call) == 0
    assert (out / "ct.nii.gz").stat().st_mtime_ns == before


def test_help_says_for_research_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["medical", "deform", "--help"]) == 0
    assert "research use only" in capsys.readouterr().out
