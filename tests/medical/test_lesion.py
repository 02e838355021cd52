"""`undrift.medical.lesion` and its command, by an untrained network: what is kept and told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lesion_models import tiny_model

import undrift
from undrift.cli import main
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.common.noise import Noise
from undrift.medical.lesions.places import draw_mask
from undrift.medical.volumes import Volume, read_volume, write_volume

GRID = (22, 20, 18)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"))


def scan() -> tuple[Volume, Volume]:
    """Lung-like values beyond the window too, and a mask of two parts."""
    rng = np.random.default_rng(0)
    values = (-850 + 60 * rng.standard_normal(GRID)).astype(np.float32)
    values[:, :2], values[:, -2:] = 1500.0, -1024.0
    affine = np.diag([-2.0, 2.0, 1.5, 1.0])
    affine[:3, 3] = (40, -30, 5)
    mask = np.zeros(GRID, np.float32)
    mask[4:8, 6:10, 5:9], mask[15:18, 10:13, 10:13] = 1, 1
    mask[4, 1, 5] = 0
    return Volume(values, affine, "HU"), Volume(mask, affine, "label")


def test_the_background_is_the_input_bit_for_bit(model: Path) -> None:
    volume, mask = scan()
    made = undrift.medical.lesion(volume, mask, model=str(model), steps=3, samples=2, context=4)
    outside = mask.array == 0
    for sample in made.samples:
        assert sample.array[outside].tobytes() == volume.array[outside].tobytes()
        assert (sample.array[~outside] != volume.array[~outside]).mean() > 0.9
    inside = [sample.array[~outside] for sample in made.samples]
    assert not np.array_equal(*inside)
    np.testing.assert_allclose(made.std[~outside], np.abs(inside[0] - inside[1]) / 2, rtol=1e-3)
    assert (made.std[outside] == 0).all()
    assert np.array_equal(made.value.affine, volume.affine)


def test_without_weights_the_error_says_how_to_make_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("undrift.medical.lesions.tasks.DEFAULT", "ct-lesion-of-nobody")
    with pytest.raises(MissingExtraError, match="undrift train ct-lesion-of-nobody"):
        undrift.medical.lesion(*scan())


def test_what_is_told_of_each_lesion(model: Path) -> None:
    volume, mask = scan()
    made = undrift.medical.lesion(volume, mask, model=str(model), steps=2, context=4)
    ((one, two),) = made.info["lesions"]
    places = sorted((told["voxels"], tuple(told["centroid_mm"])) for told in (one, two))
    assert places[0] == (27, (-2.0 * 16 + 40, 2.0 * 11 - 30, 1.5 * 11 + 5))
    assert places[1] == (64, (-2.0 * 5.5 + 40, 2.0 * 7.5 - 30, 1.5 * 6.5 + 5))
    assert {told["volume_mm3"] for told in (one, two)} == {27 * 6.0, 64 * 6.0}
    array = made.value.array
    for told in (one, two):
        part = array[15:18, 10:13, 10:13] if told["voxels"] == 27 else array[4:8, 6:10, 5:9]
        assert told["mean"] == pytest.approx(part.mean(), abs=0.01)
        assert told["deviation"] == pytest.approx(part.std(), abs=0.01)
    assert made.info["nfe"] == 2 * 2  # two parts of two steps; no way back in so short a walk
    assert made.info["asked_mean"] == pytest.approx(10, abs=10)


def test_samples_depend_on_seed_item_and_histogram_alone(model: Path) -> None:
    volume, mask = scan()

    def values(**settings: Any) -> np.ndarray:
        given = {"model": str(model), "steps": 2, "context": 3, **settings}
        return undrift.medical.lesion(volume, mask, **given).value.array

    base = values()
    assert np.array_equal(values(), base)
    for change in ({"seed": 1}, {"item": "b"}, {"histogram": "ground-glass"}, {"vary": 0.5},
                   {"texture_of": (volume.array, mask.array)}, {"edge": 5.0}):  # fmt: skip
        assert not np.array_equal(values(**change), base), change
    two = undrift.medical.lesion(volume, mask, model=str(model), steps=2, context=3, samples=2)
    assert np.array_equal(two.value.array, base)


def test_a_ball_is_drawn_where_there_is_no_mask(model: Path) -> None:
    volume, _ = scan()
    centre = (20.0, -12.0, 18.0)
    made = undrift.medical.lesion(volume, {"centre": centre, "radius": 6.0}, model=str(model),
                                  steps=1, context=2)  # fmt: skip
    ((told,),) = made.info["lesions"]
    assert np.abs(np.array(told["centroid_mm"]) - centre).max() < 2.5
    ball = draw_mask(GRID, volume.spacing, (10, 9, 26 / 3), 6.0, Noise(0, " mask"))
    assert told["voxels"] == ball.sum()
    assert (made.value.array != volume.array)[ball].mean() > 0.9


def test_classes_are_made_by_their_own_channels(tmp_path: Path) -> None:
    path = tiny_model(tmp_path, "network.params.inputs=2", "network.params.outputs=2")
    volume, mask = scan()
    both = mask.with_array(mask.array.copy())
    both.array[6:8][both.array[6:8] > 0] = 2
    made = [undrift.medical.lesion(volume, m, model=str(path), steps=2, context=3) for m in
            (mask, both)]  # fmt: skip
    changed = made[0].value.array != made[1].value.array
    assert changed[both.array == 2].mean() > 0.9
    assert not changed[(both.array == 1)].any()
    three = both.with_array(np.where(both.array == 2, np.float32(3), both.array))
    with pytest.raises(InputError, match="knows 1 to 2"):
        undrift.medical.lesion(volume, three, model=str(path), steps=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"histogram": "veil"}, "there are solid"),
        ({"vary": 2.0}, "vary"),
        ({"edge": -1}, "edge"),
        ({"steps": 0}, "steps"),
        ({"preset": "bst"}, "did you mean 'best'"),
        ({"conext": 3}, "did you mean 'context'"),
    ],
)
def test_wrong_settings_are_refused(model: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        undrift.medical.lesion(*scan(), model=str(model), **change)


def test_wrong_volumes_and_masks_are_refused(model: Path) -> None:
    volume, mask = scan()
    normalised = volume.with_array(volume.array / np.float32(1500))
    with pytest.raises(InputError, match="undo the normalisation"):
        undrift.medical.lesion(normalised, mask, model=str(model))
    with pytest.raises(InputError, match="empty"):
        undrift.medical.lesion(volume, mask.with_array(np.zeros_like(mask.array)), model=str(model))
    with pytest.raises(InputError, match="whole numbers"):
        undrift.medical.lesion(
            volume, mask.with_array(mask.array * np.float32(0.5)), model=str(model)
        )
    with pytest.raises(InputError, match="not on one grid"):
        undrift.medical.lesion(volume, mask.on_grid(mask.array, np.eye(4)), model=str(model))
    with pytest.raises(UsageError, match="centre and radius"):
        undrift.medical.lesion(volume, {"centre": (0, 0, 0)}, model=str(model))


def test_the_command_writes_the_volume_and_its_record(model: Path, tmp_path: Path) -> None:
    volume, mask = scan()
    write_volume(tmp_path / "ct.nii.gz", volume, "int16")
    write_volume(tmp_path / "mask.nii.gz", mask)
    out = tmp_path / "out"
    call = ["medical", "lesion", str(tmp_path / "ct.nii.gz"), "-o", str(out), "-q", "--steps", "2",
            "--model", str(model), "--histogram", "-600,60", "--context", "3"]  # fmt: skip
    assert main([*call, "--mask", str(tmp_path / "mask.nii.gz")]) == 0
    before, after = (read_volume(p / "ct.nii.gz", "HU") for p in (tmp_path, out))
    outside = mask.array == 0
    assert np.array_equal(before.array[outside], after.array[outside])
    assert not np.array_equal(before.array, after.array)
    record = json.loads((out / "ct.json").read_text())
    assert record["Synthetic"] is True
    assert record["Made"]["asked_mean"] == pytest.approx(-600, abs=5)
    assert record["Made"]["background"] == "equal to the input"
    assert record["Values"]["StoredAs"] == "int16"
    assert record["Made"]["weights_licence"] == "unknown"  # no card says
    page = tmp_path / "page.html"
    assert main([*call, "--overwrite", "--mask", str(tmp_path / "mask.nii.gz"),
                 "--report", str(page)]) == 0  # fmt: skip
    assert "appeared" in page.read_text() and "data:image" in page.read_text()
    assert main([*call, "--overwrite", "--centre", "20,-12,18", "--radius", "6"]) == 0
    assert main([*call, "--overwrite"]) == 2  # neither a mask nor a place
