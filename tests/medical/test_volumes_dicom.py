"""Oblique slices under shuffled names, made by pydicom alone; SimpleITK is the witness."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.medical.volumes.dicom import read_series
from undrift.medical.volumes.dicom_write import Derivation, write_series

pydicom: Any = pytest.importorskip("pydicom", reason="the extra dicom is not installed")

ROWS, COLUMNS, SLICES = 6, 9, 20
STEP, PIXEL = 2.5, (0.75, 0.5)  # mm; rows, columns
START = np.array([-31.5, 12.25, -140.0])


def axes() -> np.ndarray:
    """Rows (3,), columns (3,), normal (3,): turned by 20 degrees about x, then 35 about z."""
    a, b = np.radians(20), np.radians(35)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return (about_z @ about_x).T


def numbers() -> np.ndarray:
    """(slices, rows, columns) as stored; HU are 1024 less."""
    return np.random.default_rng(3).integers(0, 4096, (SLICES, ROWS, COLUMNS)).astype(np.uint16)


def slice_of(index: int, series: str, study: str, frame: str, **changes: Any) -> Any:
    row, column, normal = axes()
    one = pydicom.Dataset()
    one.SOPClassUID, one.SOPInstanceUID = pydicom.uid.CTImageStorage, pydicom.uid.generate_uid()
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = study, series, frame
    one.Modality, one.PatientID, one.PatientName = "CT", "P1", "Nobody^None"
    one.SeriesDescription, one.SeriesNumber, one.StudyID = "Thorax", 4, "1"
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.InstanceNumber = (7 * index) % SLICES + 1  # of no help
    one.ImageOrientationPatient = [f"{v:.10f}" for v in (*row, *column)]
    one.ImagePositionPatient = [f"{v:.8f}" for v in START + index * STEP * normal]
    one.PixelSpacing, one.SliceThickness = list(PIXEL), 3.0
    one.Rows, one.Columns, one.SamplesPerPixel = ROWS, COLUMNS, 1
    one.PhotometricInterpretation = "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 12, 11, 0
    one.RescaleSlope, one.RescaleIntercept = 1, -1024
    one.WindowCenter, one.WindowWidth = 40, 400
    one.add_new((0x0009, 0x0010), "LO", "SCANNER")
    one.add_new((0x0009, 0x1001), "LO", "private")
    one.PixelData = numbers()[index].tobytes()
    for name, value in changes.items():
        setattr(one, name, value)
    return one


def save(one: Any, path: Path) -> None:
    one.file_meta = pydicom.dataset.FileMetaDataset()
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    one.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    one.save_as(path, enforce_file_format=True)


def make(folder: Path, skip: tuple[int, ...] = (), **changes: Any) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    series, study, frame = (
        pydicom.uid.generate_uid(),
        pydicom.uid.generate_uid(),
        pydicom.uid.generate_uid(),
    )
    for index, name in enumerate(np.random.default_rng(0).permutation(SLICES)):
        if index not in skip:
            save(slice_of(index, series, study, frame, **changes), folder / f"IM{name:04d}")


def affine() -> np.ndarray:
    """By PS3.3 equation C.7.6.2.1-1, with x and y turned to RAS."""
    row, column, normal = axes()
    lps = np.eye(4)
    lps[:3, :3] = np.stack([row * PIXEL[1], column * PIXEL[0], normal * STEP], 1)
    lps[:3, 3] = START
    return np.diag([-1, -1, 1, 1]) @ lps


def test_ct_made_of_mr_is_stored_in_hu(tmp_path: Path) -> None:
    """A series of MR has no rescale tags; what is in HU says so, in 16 bits with a sign."""
    make(tmp_path / "mr", RescaleSlope=None, RescaleIntercept=None)
    for path in (tmp_path / "mr").iterdir():
        one = pydicom.dcmread(path)
        del one.RescaleSlope, one.RescaleIntercept
        one.save_as(path, enforce_file_format=True)
    given = read_series(tmp_path / "mr")
    hu = np.linspace(-1000.4, 1500, given.array.size, dtype=np.float32).reshape(given.array.shape)
    stored = replace(given.stored, slope=None, inter=None, limits=None, span=None)
    write_series(tmp_path / "ct", replace(given, array=hu, units="HU", stored=stored))
    one = pydicom.dcmread(tmp_path / "ct" / "00001.dcm")
    assert (one.RescaleType, one.RescaleSlope, one.RescaleIntercept) == ("HU", 1, 0)
    assert (one.BitsStored, one.PixelRepresentation) == (16, 1)
    np.testing.assert_array_equal(one.pixel_array, np.rint(hu[:, :, 0].T))


def test_shuffled_oblique_slices_are_put_in_their_places(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    volume = read_series(tmp_path)
    assert volume.notes == ("1 files are no DICOM images, passed over",)
    assert np.array_equal(volume.array, numbers().transpose(2, 1, 0).astype(np.float32) - 1024)
    assert np.abs(volume.affine - affine()).max() < 1e-5
    assert volume.spacing == pytest.approx((0.5, 0.75, 2.5), abs=1e-6)
    assert (volume.units, volume.grid) == ("HU", (COLUMNS, ROWS, SLICES))


def test_simpleitk_reads_source_and_derived_series_alike(tmp_path: Path) -> None:
    sitk = pytest.importorskip("SimpleITK", reason="the extra itk is not installed")
    make(tmp_path / "a")
    volume = read_series(tmp_path / "a")
    write_series(tmp_path / "b", volume.with_array(volume.array * 0.5))
    images = []
    for folder in ("a", "b"):
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / folder))
        images.append(sitk.ReadImage(names))
    for image in images:
        lps = np.diag([-1, -1, 1, 1]) @ volume.affine
        assert np.allclose(image.GetOrigin(), lps[:3, 3], rtol=0, atol=1e-5)
        assert np.allclose(image.GetSpacing(), volume.spacing, rtol=0, atol=1e-5)
        direction = lps[:3, :3] / volume.spacing
        assert np.allclose(image.GetDirection(), direction.ravel(), rtol=0, atol=1e-6)
    theirs = [sitk.GetArrayFromImage(image).transpose(2, 1, 0) for image in images]
    assert np.array_equal(theirs[0], volume.array)
    assert np.array_equal(theirs[1], np.rint(volume.array.astype(np.float64) * 0.5))


def test_what_a_derived_series_says_of_itself(tmp_path: Path) -> None:
    make(tmp_path / "a")
    volume = read_series(tmp_path / "a")
    told = Derivation("denoised", "By a network.", "0.1")
    written = write_series(tmp_path / "b", volume.with_array(volume.array + 5000), told)
    files = sorted((tmp_path / "b").iterdir())
    assert len(files) == SLICES and written.clipped == volume.array.size - int(
        (volume.array <= -1929).sum()
    )
    ours = [pydicom.dcmread(path) for path in files]
    sources = {
        str(pydicom.dcmread(p).SOPInstanceUID): pydicom.dcmread(p)
        for p in (tmp_path / "a").iterdir()
    }
    for one in ours:
        source = sources[one.SourceImageSequence[0].ReferencedSOPInstanceUID]
        for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "ImagePositionPatient",
                     "ImageOrientationPatient", "PixelSpacing", "BitsStored"):  # fmt: skip
            assert one[name].value == source[name].value, name
        assert one.SeriesInstanceUID != source.SeriesInstanceUID and one.SeriesNumber == 1004
        assert one.SOPInstanceUID not in sources
        assert list(one.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
        assert one.SeriesDescription == "SYNTHETIC denoised"
        assert one.DerivationDescription == "By a network."
        assert one.ContributingEquipmentSequence[0].Manufacturer == "undrift"
        assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
        assert (0x0009, 0x1001) not in one and "WindowCenter" not in one
        assert one.LargestImagePixelValue == one.pixel_array.max() == 4095
    assert len({one.SOPInstanceUID for one in ours}) == SLICES
    assert len({one.SeriesInstanceUID for one in ours}) == 1
    with pytest.raises(InputError, match="holds files already"):
        write_series(tmp_path / "b", volume)
    again = read_series(tmp_path / "b")
    assert np.array_equal(again.array, np.minimum(volume.array + 5000, 3071))
    assert np.abs(again.affine - volume.affine).max() < 1e-9


def test_a_finer_grid_gets_a_geometry_of_its_own(tmp_path: Path) -> None:
    from undrift.medical.volumes.geometry import finer

    make(tmp_path / "a")
    volume = read_series(tmp_path / "a")
    fine = volume.on_grid(np.repeat(volume.array, 3, 2), finer(volume.affine, (1, 1, 3)))
    write_series(tmp_path / "b", fine)
    again = read_series(tmp_path / "b")
    assert np.array_equal(again.array, fine.array)
    assert np.abs(again.affine - fine.affine).max() < 1e-5
    # The outer faces of the first voxels are one plane.
    outer = [v.affine @ (0, 0, -0.5, 1) for v in (volume, again)]
    assert np.allclose(*outer, rtol=0, atol=1e-5)


def test_each_slice_has_its_own_scale(tmp_path: Path) -> None:
    tmp_path.joinpath("a").mkdir()
    uids = [pydicom.uid.generate_uid() for _ in range(3)]
    for index in range(3):
        one = slice_of(index, *uids, Modality="PT", Units="BQML", RescaleSlope=1 + index / 8)
        one.RescaleIntercept = 0
        save(one, tmp_path / "a" / f"{9 - index}.dcm")
    volume = read_series(tmp_path / "a")
    wanted = numbers()[:3] * np.array([1, 1.125, 1.25])[:, None, None]
    assert np.array_equal(volume.array, wanted.transpose(2, 1, 0).astype(np.float32))
    assert volume.units == "BQML" and volume.stored.slope is None
    write_series(tmp_path / "b", volume)
    step = wanted.max() / 32767
    assert np.abs(read_series(tmp_path / "b").array - volume.array).max() <= 0.51 * step


@pytest.mark.parametrize("skip", [(7,), (7, 8, 12)])
def test_a_missing_slice_is_refused(tmp_path: Path, skip: tuple[int, ...]) -> None:
    make(tmp_path, skip)
    far = {1: "5 mm between .*: 1 missing", 3: "7.5 mm between .*: 2 missing"}[len(skip)]
    with pytest.raises(InputError, match=f"2.5 mm apart, but {far}"):
        read_series(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, about what is cut
@pytest.mark.parametrize("share", [0.12, 0.15, 0.18, 0.21, 0.25, 0.3, 0.45, 0.6, 0.75, 0.85, 0.95])
def test_an_outer_slice_that_is_cut_off_is_not_passed_over(tmp_path: Path, share: float) -> None:
    make(tmp_path)
    last = Path(read_series(tmp_path).stored.header[-1].filename)
    whole = last.read_bytes()  # its length is never the same: made-up UIDs
    last.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=f"{last.name}: "):
        read_series(tmp_path)


def test_a_place_held_twice_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    one = pydicom.dcmread(tmp_path / "IM0003")
    one.SOPInstanceUID = pydicom.uid.generate_uid()
    save(one, tmp_path / "IM0099")
    with pytest.raises(InputError, match=r"IM0003 and IM0099|IM0099 and IM0003"):
        read_series(tmp_path)


def test_two_series_are_named_and_one_may_be_chosen(tmp_path: Path) -> None:
    make(tmp_path / "x")
    make(tmp_path / "y", SeriesDescription="Head", SeriesNumber=9)
    with pytest.raises(InputError, match=r"2 series; (?s:.*)4 Thorax \(CT, 20(?s:.*)9 Head"):
        read_series(tmp_path)
    for name in ("Head", "9"):
        assert read_series(tmp_path, name).stored.header[0].SeriesNumber == 9
    with pytest.raises(InputError, match="no series called 'Haed'; did you mean 'Head'"):
        read_series(tmp_path, "Haed")


def test_a_tilted_gantry_is_refused_with_its_angle(tmp_path: Path) -> None:
    series, study, frame = (
        pydicom.uid.generate_uid(),
        pydicom.uid.generate_uid(),
        pydicom.uid.generate_uid(),
    )
    _, column, normal = axes()
    for index in range(5):
        place = START + index * STEP * (normal + np.tan(np.radians(12)) * column)
        changes = {"ImagePositionPatient": [f"{v:.8f}" for v in place]}
        save(slice_of(index, series, study, frame, **changes), tmp_path / f"{index}")
    with pytest.raises(InputError, match=r"tilted 12\.0 degrees"):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ImagePositionPatient": None}, "has no ImagePositionPatient"),
        ({"Rows": 3}, "Rows is 3, but 6"),
        ({"PixelSpacing": [1, 1]}, "PixelSpacing is"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}, "ImageOrientationPatient is"),
        ({"NumberOfFrames": 4}, "multi-frame"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "a mosaic of many slices"),
        ({"SamplesPerPixel": 3}, "in colour"),
        ({"PixelData": b"12"}, "pixels cannot be decoded"),
    ],
)
def test_an_odd_slice_is_named(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    uids = [pydicom.uid.generate_uid() for _ in range(3)]
    for index in range(4):
        save(slice_of(index, *uids, **(changes if index == 2 else {})), tmp_path / f"{index}.dcm")
    with pytest.raises(InputError, match=rf"2\.dcm: .*{told}"):
        read_series(tmp_path)


def test_real_slices_of_pydicom(tmp_path: Path) -> None:
    """One slice each of a GE CT and a Toshiba MR, with all that scanners write."""
    for name, units in (("CT_small.dcm", "HU"), ("MR_small.dcm", "unknown")):
        source = Path(pydicom.__file__).parent / "data" / "test_files" / name
        if not source.is_file():
            pytest.skip("this pydicom ships no data")
        volume = read_series(source)
        theirs = pydicom.dcmread(source)
        slope, inter = (float(theirs.get(k, d)) for k, d in
                        (("RescaleSlope", 1), ("RescaleIntercept", 0)))  # fmt: skip
        assert np.array_equal(volume.array[:, :, 0], theirs.pixel_array.T * slope + inter)
        assert volume.units == units
        write_series(tmp_path / name, volume)
        (made,) = (pydicom.dcmread(path) for path in (tmp_path / name).iterdir())
        assert np.array_equal(made.pixel_array, theirs.pixel_array)
        assert made.PatientID == theirs.PatientID and made.SOPClassUID == theirs.SOPClassUID
        assert made.get("RescaleIntercept") == theirs.get("RescaleIntercept")


def test_no_image_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="no DICOM image"):
        read_series(tmp_path)
    with pytest.raises(InputError, match="no such"):
        read_series(tmp_path / "b")
