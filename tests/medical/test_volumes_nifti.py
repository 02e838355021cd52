"""NIfTI files of many kinds, made by nibabel or by hand, through the reader and the writer."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Extension

from undrift.common.errors import InputError
from undrift.medical.volumes.geometry import finer
from undrift.medical.volumes.nifti import read_nifti, write_nifti
from undrift.medical.volumes.volume import Volume

SHAPE = (7, 5, 4)


def load(path: Path) -> Any:
    return nib.load(path)


def rotation(seed: int = 0) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    return q * np.linalg.det(q)


def placed(axes: np.ndarray, steps: tuple[float, ...] = (1.0, 1.5, 3.0)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = axes @ np.diag(steps)
    affine[:3, 3] = (-90.25, 126.5, -71.75)
    return affine


@dataclass(frozen=True)
class Case:
    name: str
    dtype: str = "<i2"
    affine: np.ndarray = field(default_factory=lambda: placed(np.eye(3)))
    shape: tuple[int, ...] = SHAPE
    slope: float = np.nan
    inter: float = np.nan
    codes: tuple[int, int] = (1, 1)
    qform: np.ndarray | None = None
    units: tuple[str, str] = ("mm", "sec")
    extension: bytes = b""
    suffix: str = ".nii.gz"
    version: int = 1


PERMUTED = np.array([[0, 0, -1.0], [1.0, 0, 0], [0, -1.0, 0]])
CASES = [
    Case("int16"),
    Case("int16 bare", suffix=".nii"),
    Case("int16 big-endian", ">i2"),
    Case("uint8", "u1"),
    Case("int8", "i1"),
    Case("uint16", "<u2"),
    Case("uint16 big-endian", ">u2", suffix=".nii"),
    Case("int32", "<i4"),
    Case("uint32 big-endian", ">u4"),
    Case("float32", "<f4"),
    Case("float32 big-endian", ">f4"),
    Case("float64", "<f8"),
    Case("float64 big-endian", ">f8", suffix=".nii"),
    Case("slope of 1", slope=1.0, inter=0.0),
    Case("slope of 0", slope=0.0, inter=0.0),
    Case("CT with an intercept", "<u2", slope=1.0, inter=-1024.0),
    Case("odd slope", slope=0.0371, inter=1.7),
    Case("negative slope", slope=-2.5, inter=10.0),
    Case("uint8 with slope", "u1", slope=3.90625e-3, inter=-0.5),
    Case("oblique", affine=placed(rotation())),
    Case("flipped", affine=placed(np.diag([-1.0, 1, 1]))),
    Case("all flipped", affine=placed(-np.eye(3))),
    Case("sagittal", affine=placed(PERMUTED)),
    Case("oblique, left-handed", affine=placed(rotation(1) @ np.diag([1.0, 1, -1]))),
    Case("sheared sform", affine=placed(np.eye(3) + 0.1 * np.eye(3, k=1))),
    Case("sform and qform differ", codes=(4, 1), qform=placed(rotation(2))),
    Case("only sform", codes=(2, 0)),
    Case("only qform", codes=(0, 1), affine=placed(rotation(3))),
    Case("neither", codes=(0, 0)),
    Case("4D", shape=(4, 3, 5, 6)),
    Case("4D with milliseconds", "<f4", shape=(4, 3, 5, 2), units=("mm", "msec")),
    Case("one time point", shape=(4, 3, 5, 1)),
    Case("one volume of 5 axes", shape=(4, 3, 5, 1, 1)),
    Case("one slice", shape=(6, 5)),
    Case("units unknown", units=("unknown", "unknown")),
    Case("metres", affine=placed(np.eye(3), (1e-3, 2e-3, 2e-3)), units=("meter", "sec")),
    Case("micrometres", affine=placed(np.eye(3), (40.0, 40.0, 90.0)), units=("micron", "sec")),
    Case("extension", extension=b"<note>one</note>"),
    Case("big-endian, extension", ">i2", extension=b"odd length!", suffix=".nii"),
    Case("NIfTI-2", version=2),
    Case("NIfTI-2 big-endian, oblique", ">f4", affine=placed(rotation(5)), version=2),
    Case("pair", suffix=".img"),
]  # fmt: skip


def make(path: Path, case: Case) -> np.ndarray:
    """Writes the case byte by byte from nibabel's header; returns the stored numbers."""
    dtype = np.dtype(case.dtype)
    draw = np.random.default_rng(7)
    if dtype.kind == "f":
        numbers = draw.normal(0, 300, case.shape).astype(np.float32).astype(dtype)
    else:
        low, high = max(np.iinfo(dtype).min, -30000), min(np.iinfo(dtype).max, 30000)
        numbers = draw.integers(low, high, case.shape, endpoint=True).astype(dtype)
    kind = {1: nib.Nifti1Header, 2: nib.Nifti2Header}[case.version]
    header = kind(endianness=">" if case.dtype[0] == ">" else "<")
    header.set_data_shape(case.shape)
    header.set_data_dtype(dtype)
    header.set_qform(case.affine if case.qform is None else case.qform, case.codes[1])
    header.set_sform(case.affine, case.codes[0])
    header.set_xyzt_units(*case.units)
    if len(case.shape) == 4:
        header["pixdim"][4] = 2.25
    header["descrip"], header["aux_file"], header["intent_name"] = b"scan 3", b"none", b"z"
    header["cal_min"], header["cal_max"], header["toffset"] = -3.5, 1162.0, 0.5
    header["intent_code"], header["dim_info"], header["slice_code"] = 5, 57, 3
    header["slice_end"], header["slice_duration"] = 3, 0.0625
    header["scl_slope"], header["scl_inter"] = case.slope, case.inter
    if case.extension:
        header.extensions.append(Nifti1Extension(6, case.extension))
    if case.suffix == ".img":
        header["magic"] = b"ni1"
        path.with_suffix(".hdr").write_bytes(header.binaryblock)
        path.write_bytes(numbers.tobytes(order="F"))
        return numbers
    with (gzip.open if case.suffix == ".nii.gz" else open)(path, "wb") as file:
        header.write_to(file)
        file.write(numbers.tobytes(order="F"))
    return numbers


def fields(path: Path) -> dict[str, bytes]:
    """Every field of the header as it lies in the file."""
    header = load(path).header
    head = path.with_suffix(".hdr") if path.suffix == ".img" else path
    with (gzip.open if path.suffix == ".gz" else open)(head, "rb") as file:
        raw = type(header)(file.read(len(header.binaryblock)), check=False)
    found = {name: np.asarray(raw[name]).tobytes() for name in raw.keys()}  # noqa: SIM118
    return {**found, "byte order": raw.endianness.encode()}


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
