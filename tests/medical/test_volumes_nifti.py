"""NIfTI files of many kinds, made by nibabel or by hand, through the reader and the writer."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nifti_cases import CASES, SHAPE, Case, fields, load, make, placed, rotation

from undrift.common.errors import InputError
from undrift.medical.volumes.geometry import finer
from undrift.medical.volumes.nifti import read_nifti, write_nifti
from undrift.medical.volumes.nifti_images import from_nibabel, to_nibabel
from undrift.medical.volumes.volume import Volume


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_comes_back_with_every_field(tmp_path: Path, case: Case) -> None:
    source = tmp_path / f"a{case.suffix}"
    copy = tmp_path / ("b.nii" if case.suffix == ".img" else f"b{case.suffix}")
    numbers = make(source, case)
    volume = read_nifti(source)
    assert write_nifti(copy, volume).clipped == 0

    theirs, ours = load(source), load(copy)
    scale = {"micron": 1e-3, "meter": 1e3}.get(case.units[0], 1.0)
    assert np.abs(volume.affine[:3] - scale * theirs.affine[:3]).max() <= 1e-5 * scale
    assert np.abs(theirs.affine - ours.affine).max() <= 1e-5
    values = theirs.get_fdata()
    assert volume.array.reshape(values.shape) == pytest.approx(values, rel=1e-6, abs=1e-6)
    before, after = fields(source), fields(copy)
    if case.suffix == ".img":
        del before["magic"], after["magic"], before["vox_offset"], after["vox_offset"]
    assert before == after
    assert np.array_equal(np.asanyarray(ours.dataobj.get_unscaled()), numbers)
    extensions = [e.get_content() for e in ours.header.extensions]
    assert extensions == [e.get_content() for e in theirs.header.extensions]
    if case.suffix == ".nii":
        assert source.read_bytes() == copy.read_bytes()


def bad(path: Path, told: str) -> None:
    with pytest.raises(InputError, match=rf"{path.name}: .*{told}"):
        read_nifti(path)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_named(tmp_path: Path, share: float) -> None:
    for suffix in (".nii", ".nii.gz"):
        path = tmp_path / f"cut{suffix}"
        make(path, Case("", shape=(20, 20, 20), suffix=suffix))
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])
        bad(path, r"cut off" if share > 0.01 or suffix != ".nii" else "no NIfTI file")


def test_one_wrong_byte_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    make(path, Case(""))
    data = bytearray(path.read_bytes())
    data[-6] ^= 1  # of the checksum itself: every voxel is there
    path.write_bytes(data)
    bad(path, "cannot be decompressed to its end .*CRC")


def test_damaged_headers_are_read_to_the_letter_or_refused(tmp_path: Path) -> None:
    """No other error, no attempt at terabytes, whatever the header says."""
    draw = np.random.default_rng(0)
    make(tmp_path / "a.nii", Case("", qform=placed(rotation()), suffix=".nii"))
    whole = (tmp_path / "a.nii").read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for at in draw.integers(0, 348, 4):
            data[at] = draw.integers(0, 256)
        (tmp_path / "a.nii").write_bytes(data)
        try:
            volume = read_nifti(tmp_path / "a.nii")
        except InputError:
            refused += 1
            continue
        ours = load(tmp_path / "a.nii")
        assert np.array_equal(volume.array.ravel(), ours.get_fdata().astype(np.float32).ravel())
    assert 30 < refused < 250


def test_what_is_no_volume(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    bad(path, "no such file")
    path.write_bytes(b"")
    bad(path, "empty")
    path.write_bytes(b"x" * 1000)
    bad(path, "no NIfTI file")
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.complex64), np.eye(4)), path)
    bad(path, "complex64, expected real numbers")
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 2, 3), np.float32), np.eye(4)), path)
    bad(path, r"has shape \(2, 2, 2, 2, 3\)")
    flat = np.diag([1.0, 1.0, 0.0, 1.0])
    image = nib.Nifti1Image(np.zeros(SHAPE, np.float32), np.eye(4))
    image.header.set_sform(flat, 1)
    image.header["vox_offset"] = 352
    path.write_bytes(image.header.binaryblock + bytes(4 + 4 * 140))
    bad(path, "repair the header")
    (tmp_path / "b.hdr").write_bytes(b"x")
    bad(tmp_path / "b.hdr", "b.img is missing")


def test_what_is_odd_is_noted(tmp_path: Path) -> None:
    told = {
        "neither": "neither sform nor qform",
        "sform and qform differ": "sform and qform differ",
        "units unknown": "unit of length",
    }
    for case in CASES:
        if case.name in told:
            make(tmp_path / "a.nii.gz", case)
            (note, *_) = read_nifti(tmp_path / "a.nii.gz").notes
            assert told[case.name] in note
    make(tmp_path / "a.nii.gz", Case(""))
    assert read_nifti(tmp_path / "a.nii.gz").notes == ()


def test_real_files_of_nibabel(tmp_path: Path) -> None:
    """Scanner files with headers of FSL, SPM and AFNI."""
    folder = Path(nib.__file__).parent / "tests" / "data"
    names = ["anatomical.nii", "example4d.nii.gz", "functional.nii", "example_nifti2.nii.gz",
             "reoriented_anat_moved.nii", "resampled_anat_moved.nii"]  # fmt: skip
    for name in names:
        if not (folder / name).is_file():
            pytest.skip("this nibabel ships no data")
        write_nifti(tmp_path / name, read_nifti(folder / name))
        assert fields(tmp_path / name) == fields(folder / name), name
        theirs, ours = load(folder / name), load(tmp_path / name)
        assert np.array_equal(theirs.get_fdata(), ours.get_fdata(), equal_nan=True)
        assert np.array_equal(theirs.affine, ours.affine)


def test_a_finer_grid_keeps_codes_box_and_difference(tmp_path: Path) -> None:
    case = Case("", affine=placed(rotation()), codes=(4, 1), qform=placed(rotation(2)))
    make(tmp_path / "a.nii.gz", case)
    volume = read_nifti(tmp_path / "a.nii.gz")
    fine = volume.on_grid(np.repeat(volume.array, 3, 2), finer(volume.affine, (1, 1, 3)))
    write_nifti(tmp_path / "b.nii.gz", fine)
    theirs, ours = load(tmp_path / "a.nii.gz"), load(tmp_path / "b.nii.gz")
    assert ours.shape == (7, 5, 12)
    for form in ("get_sform", "get_qform"):
        (old, code), (new, kept) = (getattr(i.header, form)(coded=True) for i in (theirs, ours))
        assert code == kept
        for corner in np.ndindex(2, 2, 2):  # outer corners of the box
            mine, other = (np.append(np.multiply(corner, s) - 0.5, 1) for s in (ours.shape, SHAPE))
            assert np.allclose(new @ mine, old @ other, rtol=0, atol=1e-4)
    assert ours.header["descrip"] == theirs.header["descrip"]
    assert ours.header.get_zooms() == pytest.approx((1, 1.5, 1), abs=1e-5)


def test_one_time_point_of_many_keeps_the_rest_of_the_header(tmp_path: Path) -> None:
    case = Case("", shape=(4, 3, 5, 6), affine=placed(rotation()))
    make(tmp_path / "a.nii.gz", case)
    volume = read_nifti(tmp_path / "a.nii.gz")
    write_nifti(tmp_path / "b.nii.gz", volume.on_grid(volume.array[..., 2], volume.affine))
    before, after = (fields(tmp_path / name) for name in ("a.nii.gz", "b.nii.gz"))
    assert {name for name in before if before[name] != after[name]} == {"dim"}
    theirs, ours = load(tmp_path / "a.nii.gz"), load(tmp_path / "b.nii.gz")
    assert np.array_equal(ours.get_fdata(), theirs.get_fdata()[..., 2])


@pytest.mark.parametrize("name", ["oblique", "odd slope", "4D", "NIfTI-2 big-endian, oblique"])
def test_images_of_nibabel_go_in_and_out(tmp_path: Path, name: str) -> None:
    (case,) = (case for case in CASES if case.name == name)
    make(tmp_path / "a.nii.gz", case)
    image = load(tmp_path / "a.nii.gz")
    volume, read = from_nibabel(image), read_nifti(tmp_path / "a.nii.gz")
    assert np.array_equal(volume.array, read.array) and np.array_equal(volume.affine, read.affine)
    assert volume.stored.slope == read.stored.slope and volume.stored.dtype == read.stored.dtype
    made = to_nibabel(volume.with_array(volume.array + 1))
    assert np.array_equal(made.get_fdata(), (volume.array + 1).astype(np.float64))
    assert np.array_equal(made.affine, image.affine) and type(made) is type(image)
    for key in ("descrip", "qform_code", "sform_code", "xyzt_units", "pixdim", "quatern_b"):
        assert np.array_equal(made.header[key], image.header[key]), key
    write_nifti(tmp_path / "b.nii.gz", volume)
    assert np.array_equal(load(tmp_path / "b.nii.gz").get_fdata(), image.get_fdata())
    memory = from_nibabel(nib.Nifti1Image(np.ones(SHAPE, np.int16), placed(rotation())))
    assert memory.stored.dtype == "int16" and (memory.array == 1).all()


def test_a_volume_that_never_was_a_file(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    affine = placed(rotation(4))
    write_nifti(tmp_path / "a.nii.gz", Volume(array, affine))
    image = load(tmp_path / "a.nii.gz")
    assert np.array_equal(image.get_fdata(), array)
    assert np.abs(image.affine - affine).max() < 1e-5
    assert (image.header["sform_code"], image.header["qform_code"]) == (1, 1)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert np.abs(image.get_qform() - affine).max() < 1e-4


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    make(path, Case(""))
    before = path.read_bytes()
    volume = read_nifti(path)
    with pytest.raises(InputError, match="not finite"):
        write_nifti(path, volume.with_array(volume.array * np.float32(np.nan)))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii.gz"]
