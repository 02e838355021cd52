"""Which numbers pass for Hounsfield units: scans and their crops do, MR and other units do not."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.medical.honesty import guard
from undrift.medical.simulate.anatomy import brain
from undrift.medical.simulate.ct_pairs import LowDosePair, low_dose_pair
from undrift.medical.simulate.mr_acquisition import rician
from undrift.medical.simulate.mr_signal import signal
from undrift.medical.volumes import Needs, Volume, check_volume
from undrift.medical.volumes.hounsfield import doubts, not_hounsfield
from undrift.medical.volumes.on_disk import copied, on_disk

HU = Needs("HU")


def check(array: np.ndarray) -> None:
    check_volume(Volume(array.astype(np.float32), np.eye(4), "HU"), "x.nii", HU)


@cache
def scan(region: str) -> LowDosePair:
    return low_dose_pair(100_000, (48, 48, 8), region=region, dose=0.25)


@cache
def magnitudes(contrast: str) -> np.ndarray:
    """A head in a contrast of MR with noise of a fiftieth; its brightest thousandth is at 1."""
    clean = signal(brain(3, (40, 46, 40), 4.8), contrast)
    top = float(np.percentile(clean.array, 99.9))
    return rician(clean, 0.02 * top, 1).array / np.float32(top)


@pytest.mark.parametrize("region", ["head", "chest", "abdomen"])
def test_scans_pass_and_in_other_units_they_do_not(region: str) -> None:
    for array in (scan(region).low, scan(region).clean):
        assert not_hounsfield(array) == "" and doubts(array) == []
        for scale, offset in ((1e-3, 0.0), (1 / 3000, 1 / 3)):  # and 0..1
            with pytest.raises(InputError, match=r"x\.nii: values from .*undo the normalisation"):
                check(scale * array + offset)
        standard = (array - array.mean()) / array.std()
        assert "undo the normalisation" in not_hounsfield(standard)
        stored = np.maximum(array + 1024, 0)  # as unsigned integers
        assert "intercept" in (not_hounsfield(stored) or doubts(stored)[0])
        assert "above 800, where only dense bone is" in doubts(array + 1024)[0]  # noise below zero


def test_crops_without_air_pass() -> None:
    """Of 0 to 100 HU: noise-free organs; fluid of a head; liver and vessels in contrast medium."""
    rng = np.random.default_rng(0)
    organs = rng.choice([8.0, 27, 38, 55, 64], (16, 16, 16)) + rng.uniform(-5, 5, (16, 16, 16))
    for array in (organs, organs * 100 / organs.max(), 2 * organs + 90, organs - 20):
        check(array)
        assert doubts(array.astype(np.float32)) == []
    inside = np.s_[18:30, 18:30]
    for region in ("head", "chest", "abdomen"):
        for array in (scan(region).low[inside], scan(region).clean[inside]):
            assert not_hounsfield(array) == "" and doubts(array) == []


@pytest.mark.parametrize("contrast", ["mprage", "t2-se", "flair", "pd-se"])
def test_magnitudes_of_mr_are_refused(contrast: str) -> None:
    for brightest in (100, 300, 1000, 4000):
        with pytest.raises(InputError, match=r"none below zero.*expected Hounsfield units"):
            check(magnitudes(contrast) * brightest)
        assert "--kind mr" in not_hounsfield(magnitudes(contrast) * brightest)


@pytest.mark.parametrize("contrast", ["mprage", "t2-se", "flair", "pd-se"])
def test_resampled_mr_that_rings_below_zero_is_told_first(contrast: str) -> None:
    array = magnitudes(contrast) * 3000 - 20
    told = guard(Volume(array, np.eye(4), "HU"))
    assert told[0].startswith("NOT IN HOUNSFIELD UNITS? values from -")
    below = 100 * float(np.mean(array < 0))
    assert f"{below:.2g} % of them below zero" in told[0]
    assert "the result means nothing" in told[0]


def test_bone_alone_may_be_hounsfield_units_and_is_told() -> None:
    bone = np.random.default_rng(0).uniform(80, 1300, (12, 12, 12)).astype(np.float32)
    check(bone)
    assert "neither air nor fat" in doubts(bone)[0]


def test_a_background_of_zero_is_refused() -> None:
    """A brain cut out of its CT, on zeros: what is around it would be water."""
    brain_alone = np.zeros((16, 16, 16), np.float32)
    brain_alone[4:12, 4:12, 4:12] = 35 + 8 * np.random.default_rng(0).standard_normal((8, 8, 8))
    for brightest in (1, 12):
        with pytest.raises(InputError, match="none below zero"):
            check(brightest * brain_alone)
    assert "set the background to -1000" in not_hounsfield(12 * brain_alone)
    check(np.where(brain_alone, brain_alone, -1000))


def test_real_slices_of_pydicom() -> None:
    """A GE CT with its intercept and without, a Toshiba MR."""
    pydicom = pytest.importorskip("pydicom")
    place = Path(pydicom.__file__).parent / "data" / "test_files"
    if not (place / "CT_small.dcm").is_file():
        pytest.skip("this pydicom ships no data")
    ct, mr = (
        pydicom.dcmread(place / name).pixel_array[..., None].astype(np.float32)
        for name in ("CT_small.dcm", "MR_small.dcm")
    )
    assert not_hounsfield(ct - 1024) == "" and doubts(ct - 1024) == []
    assert "Subtract 1024" in not_hounsfield(ct)
    assert "--kind mr" in not_hounsfield(mr)


def test_volumes_on_the_disk_are_told_alike(tmp_path: Path) -> None:
    for array in (magnitudes("flair") * 900, magnitudes("flair") * 3000 - 20):
        there = on_disk(array.shape, tmp_path)
        copied(array, there)
        assert not_hounsfield(there) == not_hounsfield(array)
        assert doubts(there) == doubts(array)
