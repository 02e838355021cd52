"""Change maps against closed forms, in parts, on finer grids, and by command."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Image
from tiny_medical import DENOISE_CT, TRANSLATE, body, head, oblique, write_medical

from undrift.cli import main
from undrift.common.errors import InputError
from undrift.medical import Volume
from undrift.medical.honesty import change
from undrift.medical.honesty.change import change_map
from undrift.medical.volumes import finer

STEPS = (1.0, 2.0, 1.5)


def volume(array: np.ndarray, units: str = "HU") -> Volume:
    return Volume(array.astype(np.float32), np.diag([*STEPS, 1.0]), units)


def test_a_point_becomes_a_gaussian_of_the_width_in_millimetres() -> None:
    """Its sum is the change, whichever its sign, and its second moments are the width squared."""
    before, after = np.full((41, 31, 35), 40.0), np.full((41, 31, 35), 40.0)
    after[20, 15, 17] -= 90
    found = change_map(volume(before), volume(after), 3.0).astype(np.float64)
    assert found.min() >= 0
    assert found.sum() == pytest.approx(90, rel=1e-4)
    for axis, step in enumerate(STEPS):
        line = found.sum(axis=tuple(k for k in range(3) if k != axis)) / found.sum()
        place = (np.arange(len(line)) - (20, 15, 17)[axis]) * step
        assert (line * place).sum() == pytest.approx(0, abs=1e-4)
        assert (line * place**2).sum() == pytest.approx(9, rel=0.02)  # the ends are cut off
    assert found[20, 15, 17] == pytest.approx(
        90 * np.prod(STEPS) / ((2 * np.pi) ** 1.5 * 27), rel=0.02
    )


def test_noise_is_flat_and_its_mean_is_known() -> None:
    """E|n| of normal noise of deviation s is s sqrt(2 / pi); an even change stays as it is."""
    noise = np.random.default_rng(0).normal(0, 20, (48, 48, 48))
    found = change_map(volume(noise), volume(0 * noise), 4.0)
    assert found.mean() == pytest.approx(20 * (2 / np.pi) ** 0.5, rel=0.01)
    assert found.std() < 0.1 * found.mean()
    even = change_map(volume(noise), volume(noise - 7))
    np.testing.assert_allclose(even, 7, rtol=1e-5)


def test_parts_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = np.random.default_rng(1).normal(0, 1, (2, 20, 18, 30))
    whole = change_map(volume(one), volume(other))
    monkeypatch.setattr(change, "parts", lambda a: ((slice(k, k + 3),) for k in range(0, 20, 3)))
    np.testing.assert_allclose(change_map(volume(one), volume(other)), whole, rtol=1e-5)


def test_on_finer_voxels_what_interpolation_gives_is_no_change() -> None:
    """A ramp along z is its own linear interpolation; what is added to it is the map."""
    ramp = np.broadcast_to(np.arange(12.0) * 30, (16, 16, 12))
    before = volume(np.ascontiguousarray(ramp))
    affine = finer(before.affine, (1, 1, 3))
    z = (affine[2, 3] + affine[2, 2] * np.arange(36)) / STEPS[2]
    fine = np.broadcast_to(30 * z, (16, 16, 36)).astype(np.float32)
    same = change_map(before, before.on_grid(np.ascontiguousarray(fine), affine))
    assert same.shape == (16, 16, 36)
    assert same[:, :, 14:-14].max() < 1e-2  # the ramp's ends are flat in what is interpolated
    more = change_map(before, before.on_grid(fine + np.float32(12), affine))
    np.testing.assert_allclose(more[:, :, 14:-14], 12, atol=0.01)


def test_what_has_no_difference_is_refused() -> None:
    one = np.zeros((8, 8, 8))
    with pytest.raises(InputError, match="values of HU and of relative have no difference"):
        change_map(volume(one), volume(one, "relative"))
    with pytest.raises(InputError, match="one time point"):
        change_map(volume(np.zeros((8, 8, 8, 2))), volume(one))
    with pytest.raises(InputError, match="a width of -1"):
        change_map(volume(one), volume(one), -1)


def test_the_command_writes_it_beside_the_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_medical(tmp_path / "ct.safetensors", DENOISE_CT)
    write_medical(tmp_path / "t2.safetensors", TRANSLATE)
    nib.save(nib.Nifti1Image(body(), oblique()), tmp_path / "a.nii.gz")
    nib.save(nib.Nifti1Image(head(), oblique()), tmp_path / "t1.nii.gz")
    call = ["medical", "denoise", str(tmp_path / "a.nii.gz"), "--kind", "ct", "-q", "--model"]
    call += [str(tmp_path / "ct.safetensors"), "--store", "float32", "--change"]
    assert main([*call, "-o", str(tmp_path / "out.nii.gz")]) == 0
    names = ("a.nii.gz", "out.nii.gz", "out.change.nii.gz")
    given, made, found = (Nifti1Image.from_filename(tmp_path / name) for name in names)
    assert np.array_equal(np.asarray(found.affine), np.asarray(given.affine))
    assert found.get_data_dtype() == np.float32
    before, after = (
        Volume(np.asarray(v.get_fdata(), np.float32), np.asarray(v.affine), "HU")
        for v in (given, made)
    )
    wanted = change_map(before, after)
    assert wanted.max() > 0
    np.testing.assert_allclose(found.get_fdata(), wanted, rtol=1e-4, atol=1e-3)
    assert json.loads((tmp_path / "out.json").read_text())["Made"]["change_width_mm"] == max(
        2.0, *(float(v) for v in given.header.get_zooms())
    )
    words = ["medical", "translate", str(tmp_path / "t1.nii.gz"), "-o", str(tmp_path / "b.nii.gz")]
    assert main([*words, "--model", str(tmp_path / "t2.safetensors"), "--change"]) == 2
    assert "No such option '--change'" in capsys.readouterr().err
