"""Medical data sets: folders of the published layout and file format, made here; and wrong ones."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import nibabel
import numpy as np
import pytest

from undrift.cli import main
from undrift.common.errors import InputError, MissingExtraError, UsageError
from undrift.medical.datasets.dataset import MedicalData, packaged
from undrift.medical.makers import make
from undrift.medical.volumes.fastmri import Measured, write_fastmri
from undrift.medical.volumes.volume import Volume

GRID = (6, 5, 4)


def values(seed: int, low: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(low, 900, GRID).astype(np.int16)


def nifti(path: Path, seed: int, step: float = 1.0, low: int = 0) -> np.ndarray:
    """By nibabel alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = values(seed, low)
    nibabel.save(nibabel.Nifti1Image(array, np.diag([step, 1, 1, 1])), path)  # type: ignore[reportPrivateImportUsage]
    return array


def metaimage(path: Path, seed: int) -> np.ndarray:
    """By SimpleITK alone."""
    itk: Any = pytest.importorskip("SimpleITK", reason="the reader of MetaImage is not installed")
    path.parent.mkdir(parents=True, exist_ok=True)
    array = values(seed, -1000)
    image = itk.GetImageFromArray(array.transpose(2, 1, 0))
    image.SetSpacing((0.7, 0.8, 1.25))
    itk.WriteImage(image, str(path))
    return array


def series(folder: Path, seed: int, suffix: str = ".dcm", modality: str = "CT") -> np.ndarray:
    """A series of four slices in HU, by pydicom alone, names in no order."""
    pydicom: Any = pytest.importorskip("pydicom", reason="the extra dicom is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    array = values(seed, -1000)
    series_uid = pydicom.uid.generate_uid(entropy_srcs=[str(folder), modality])
    for k in range(GRID[2]):
        one = pydicom.dataset.Dataset()
        one.file_meta = pydicom.dataset.FileMetaDataset()
        one.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        one.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        one.SOPClassUID = pydicom.uid.CTImageStorage
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        one.SeriesInstanceUID, one.Modality = series_uid, modality
        one.Rows, one.Columns = GRID[1], GRID[0]
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.RescaleSlope, one.RescaleIntercept = "1", "-1024"
        one.PixelSpacing, one.ImageOrientationPatient = [0.7, 0.7], [1, 0, 0, 0, 1, 0]
        one.ImagePositionPatient = [0.0, 0.0, 1.0 * k]
        one.PixelData = (array[:, :, k].T + 1024).astype("<u2").tobytes()
        one.save_as(folder / f"{(k * 3) % 4:06d}{suffix}", enforce_file_format=True)
    return array


def kspace(path: Path, seed: int, name: str = "kspace") -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    data = (rng.standard_normal((2, 3, 8, 6)) + 1j).astype(np.complex64)
    write_fastmri(path, {name: data, "reconstruction_rss": np.ones((2, 6, 6), np.float32)},
                  {"acquisition": "AXT2"})  # fmt: skip
    return data


def test_ixi_is_read_a_contrast_at_a_time(tmp_path: Path) -> None:
    t1 = nifti(tmp_path / "IXI-T1/IXI002-Guys-0828-T1.nii.gz", 1)
    nifti(tmp_path / "IXI-T1/IXI012-HH-1211-T1.nii.gz", 2)
    nifti(tmp_path / "IXI-T2/IXI002-Guys-0828-T2.nii.gz", 3, step=0.9)  # on another grid, as there
    data = MedicalData("ixi", tmp_path, view="t1")
    assert [(item.name, item.group) for item in data] == [
        ("IXI002-Guys-0828", "002"), ("IXI012-HH-1211", "012")]  # fmt: skip
    first = data[0].clean
    assert isinstance(first, Volume) and first.units == "unknown"
    np.testing.assert_array_equal(first.array, t1)
    assert main(["data", "verify", "ixi", "--root", str(tmp_path)]) == 0


def test_ixi_pairs_that_are_not_registered_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for contrast, step in (("T1", 1.0), ("T2", 0.9)):
        nifti(tmp_path / f"registered/{contrast}/IXI002-Guys-0828-{contrast}.nii.gz", 1, step)
    with pytest.raises(InputError, match=r"another grid.*register"):
        MedicalData("ixi", tmp_path, view="t1-t2")[0]
    assert main(["data", "verify", "ixi", "--root", str(tmp_path)]) == 3
    assert "0.9 x 1 x 1 mm" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("split", "case", "names"),
    [
        ("train", "BraTS2021_00000", ("t1", "t2", "flair", "t1ce", "seg")),
        ("train-gli", "BraTS-GLI-00002-000", ("t1n", "t2w", "t2f", "t1c", "seg")),
    ],
)
def test_brats_pairs_contrasts_and_labels(
    split: str, case: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    made = {}
    for number, name in enumerate(names):
        separator = "_" if split == "train" else "-"
        made[name] = nifti(tmp_path / case / f"{case}{separator}{name}.nii.gz", number)
    for view, target in (("t1-t2", names[1]), ("t1-flair", names[2]), ("t1-t1ce", names[3])):
        (item,) = MedicalData("brats", tmp_path, split, view)
        assert item.name == case and item.group in ("00000", "00002")
        for side, name in ((item.degraded, names[0]), (item.clean, target), (item.mask, "seg")):
            assert isinstance(side, Volume)
            np.testing.assert_array_equal(side.array, made[name])


def test_brats_with_a_missing_contrast_or_a_cut_file_is_told(tmp_path: Path) -> None:
    case = tmp_path / "BraTS2021_00000"
    for number, name in enumerate(("t1", "t2", "seg")):
        nifti(case / f"BraTS2021_00000_{name}.nii.gz", number)
    nifti(tmp_path / "BraTS2021_00002/BraTS2021_00002_t1.nii.gz", 4)
    with pytest.raises(InputError, match=r"has no clean partner .*BraTS2021_00002_t2\.nii\.gz"):
        MedicalData("brats", tmp_path, view="t1-t2")
    rmtree(tmp_path / "BraTS2021_00002")
    whole = (case / "BraTS2021_00000_t2.nii.gz").read_bytes()
    (case / "BraTS2021_00000_t2.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"BraTS2021_00000_t2\.nii\.gz"):
        MedicalData("brats", tmp_path, view="t1-t2")[0]
    with pytest.raises(UsageError, match="train/t1-flair"):
        MedicalData("brats", tmp_path, view="t1-flare")


def test_fastmri_is_read_as_k_space(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = kspace(tmp_path / "multicoil_val/file1000000.h5", 1)
    kspace(tmp_path / "multicoil_val/file_brain_AXT2_200_2000001.h5", 2)
    found = MedicalData("fastmri", tmp_path, "val", "multicoil")
    assert [item.name for item in found] == ["file1000000", "file_brain_AXT2_200_2000001"]
    first = found[0].clean
    assert isinstance(first, Measured) and first.shape == (2, 3, 8, 6)
    np.testing.assert_array_equal(first.kspace(1), data[1])
    kspace(tmp_path / "multicoil_val/file3.h5", 2, name="data")
    assert main(["data", "verify", "fastmri", "--root", str(tmp_path)]) == 3
    assert "file3.h5: has no 'kspace'" in capsys.readouterr().err


def test_lidc_is_read_as_series_and_radiographs_are_left_out(tmp_path: Path) -> None:
    scan = series(tmp_path / "LIDC-IDRI-0001/01-01-2000-30178/3000566.000000-03192", 1)
    series(tmp_path / "LIDC-IDRI-0001/01-01-2000-35511/3000923.000000-62357", 2, modality="DX")
    data = MedicalData("lidc", tmp_path)
    (item,) = data
    assert item.name == "LIDC-IDRI-0001/3000566.000000-03192" and item.group == "0001"
    assert isinstance(item.clean, Volume) and item.clean.units == "HU"
    np.testing.assert_array_equal(item.clean.array, scan)
    (data.entries[0].files["clean"] / "000003.dcm").unlink()  # the second slice
    with pytest.raises(InputError, match="missing"):
        data[0]


def test_luna16_is_read_in_hu(tmp_path: Path) -> None:
    scan = metaimage(tmp_path / "subset0/1.3.6.1.4.1.14519.mhd", 1)
    metaimage(tmp_path / "subset7/1.3.6.1.4.1.14520.mhd", 2)
    data = MedicalData("luna16", tmp_path)
    assert [item.group for item in data] == ["1.3.6.1.4.1.14519", "1.3.6.1.4.1.14520"]
    first = data[0].clean
    assert isinstance(first, Volume) and first.units == "HU"
    assert first.spacing == pytest.approx((0.7, 0.8, 1.25))
    np.testing.assert_array_equal(first.array, scan)
    (tmp_path / "subset0/1.3.6.1.4.1.14519.raw").unlink()
    with pytest.raises(InputError, match="14519"):
        data[0]


@pytest.mark.parametrize(
    ("card", "write", "suffix", "split", "region", "case"),
    [
        ("synthrad2023", nifti, ".nii.gz", "brain", "brain", "1BA001"),
        ("synthrad2025", metaimage, ".mha", "ab", "AB", "1ABA005"),
    ],
)
def test_synthrad_pairs_mr_with_ct_in_hu(
    card: str, write: Callable[[Path, int], np.ndarray], suffix: str, split: str, region: str,
    case: str, tmp_path: Path,
) -> None:  # fmt: skip
    folder = tmp_path / "Task1" / region / case
    made = {
        name: write(folder / f"{name}{suffix}", k) for k, name in enumerate(("ct", "mr", "mask"))
    }
    (item,) = MedicalData(card, tmp_path, split, "mr-ct")
    assert item.name == f"Task1/{region}/{case}" and item.group == case
    sides = {"ct": item.clean, "mr": item.degraded, "mask": item.mask}
    for name, side in sides.items():
        assert isinstance(side, Volume)
        np.testing.assert_array_equal(side.array, made[name])
        assert side.units == ("HU" if name == "ct" else "unknown")
    (folder / f"mask{suffix}").unlink()
    with pytest.raises(InputError, match="no mask file at all"):
        MedicalData(card, tmp_path, split, "mr-ct")


def test_ldct_pairs_full_and_quarter_dose(tmp_path: Path) -> None:
    full = series(tmp_path / "L067/full_1mm", 1, ".IMA")
    quarter = series(tmp_path / "L067/quarter_1mm", 2, ".IMA")
    (item,) = MedicalData("ldct-aapm", tmp_path, view="1mm")
    assert item.name == item.group == "L067"
    assert isinstance(item.clean, Volume) and isinstance(item.degraded, Volume)
    np.testing.assert_array_equal(item.clean.array, full)
    np.testing.assert_array_equal(item.degraded.array, quarter)
    assert item.clean.units == item.degraded.units == "HU"
    rmtree(tmp_path / "L067/quarter_1mm")
    with pytest.raises(InputError, match="no degraded file at all"):
        MedicalData("ldct-aapm", tmp_path, view="1mm")


def test_a_root_that_is_one_folder_off_is_told(tmp_path: Path) -> None:
    nifti(tmp_path / "IXI-T1/IXI002-Guys-0828-T1.nii.gz", 1)
    with pytest.raises(InputError, match="use that as the root"):
        MedicalData("ixi", tmp_path / "IXI-T1", view="t1")
    with pytest.raises(InputError, match="is not a folder"):
        MedicalData("ixi", tmp_path / "nothing")


def test_volumes_of_packages_are_those_of_their_cards(tmp_path: Path) -> None:
    assert main(["data", "verify", "nibabel-anatomical"]) == 0
    found = packaged("nibabel-anatomical")["anatomical"]
    assert found.grid == (33, 41, 25) and found.orientation == "LAS"
    assert (found.array.min(), found.array.max()) == (-610, 30393)
    (path,) = make("nibabel-anatomical", tmp_path, {"items": ["anatomical"]})
    assert path.read_bytes()[:4] == (348).to_bytes(4, "big")
    assert set(make("nibabel-anatomical", tmp_path).values()) == {"skipped"}
    with pytest.raises(InputError, match="MedicalData"):
        packaged("ixi")
    with pytest.raises(InputError, match="did you mean 'anatomical'"):
        make("nibabel-anatomical", tmp_path, {"items": ["anatomicl"]})
    with pytest.raises(UsageError, match="only items"):
        make("nibabel-anatomical", tmp_path, {"noise": 3.0})


def test_the_template_of_nilearn_is_that_of_its_card_or_the_package_is_named() -> None:
    try:
        found = packaged("icbm152")
    except MissingExtraError as error:
        assert "pip install nilearn" in str(error)
        return
    assert len(found) == 3 and {v.grid for v in found.values()} == {(197, 233, 189)}
    assert {v.orientation for v in found.values()} == {"RAS"}
