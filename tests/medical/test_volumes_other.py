"""MetaImage and NRRD by SimpleITK, k-space in fastMRI's layout, names of BIDS, records."""

import json
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import pytest

from undrift.common.errors import InputError
from undrift.common.inspection import inspect_file
from undrift.medical.volumes import (
    Volume,
    read_fastmri,
    read_volume,
    write_fastmri,
    write_volume,
)
from undrift.medical.volumes.bids import derivative, find_raw, parse_bids, start_derivatives
from undrift.medical.volumes.sidecar import provenance, sidecar_path, write_sidecar

SHAPE = (5, 6, 4)
DIRECTION = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])


def numbers(dtype: str = "int16") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, SHAPE).astype(dtype)


def make(path: Path, dtype: str = "int16") -> Any:
    sitk: Any = pytest.importorskip("SimpleITK", reason="the extra itk is not installed")
    image = sitk.GetImageFromArray(np.ascontiguousarray(numbers(dtype).transpose(2, 1, 0)))
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetOrigin((-12.25, 33.5, 7.0))
    image.SetDirection(DIRECTION.ravel())
    image.SetMetaData("Study", "one of many")
    sitk.WriteImage(image, str(path))
    return sitk


def near(value: Any) -> Any:
    """NRRD stores spacing times direction, which costs the last bit."""
    return value if isinstance(value, str) else pytest.approx(value, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("suffix", ["mha", "nrrd"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_itk_files_come_back(tmp_path: Path, suffix: str, dtype: str) -> None:
    source, copy = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    sitk = make(source, dtype)
    volume = read_volume(source, units="HU")
    assert np.array_equal(volume.array, numbers(dtype)) and volume.units == "HU"
    lps = np.eye(4)
    lps[:3, :3] = DIRECTION * (0.7, 0.9, 2.5)
    lps[:3, 3] = (-12.25, 33.5, 7.0)
    assert volume.affine == pytest.approx(np.diag([-1, -1, 1, 1]) @ lps, abs=1e-9)
    write_volume(copy, volume)
    one, other = (sitk.ReadImage(str(path)) for path in (source, copy))
    assert np.array_equal(sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(other))
    for name in ("GetPixelIDTypeAsString", "GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(one, name)() == near(getattr(other, name)()), name
    assert other.GetMetaData("Study") == "one of many"
    # And as NIfTI it lies at the same place, by SimpleITK's own reader.
    write_volume(tmp_path / "c.nii.gz", volume)
    third = sitk.ReadImage(str(tmp_path / "c.nii.gz"))
    for name in ("GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(third, name)() == pytest.approx(getattr(one, name)(), abs=1e-5)
    assert inspect_file(source)["spacing"] == pytest.approx((0.7, 0.9, 2.5))


def test_itk_files_that_are_none(tmp_path: Path) -> None:
    sitk = make(tmp_path / "a.mha")
    data = (tmp_path / "a.mha").read_bytes()
    (tmp_path / "a.mha").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"a\.mha: cannot be read"):
        read_volume(tmp_path / "a.mha")
    sitk.WriteImage(
        sitk.GetImageFromArray(np.zeros((4, 3, 3), np.uint8), True), f"{tmp_path}/b.mha"
    )
    with pytest.raises(InputError, match="2 axes and 3 values"):
        read_volume(tmp_path / "b.mha")
    sheared = np.eye(4) + 0.2 * np.eye(4, k=1)
    sheared[:, 3] = (0, 0, 0, 1)
    with pytest.raises(InputError, match="right angles"):
        write_volume(tmp_path / "c.mha", Volume(np.zeros(SHAPE, np.float32), sheared))
    with pytest.raises(InputError, match="2 time points"):
        write_volume(tmp_path / "c.mha", Volume(np.zeros((*SHAPE, 2), np.float32), np.eye(4)))
    assert not (tmp_path / "c.mha").exists()


HEAD = """<?xml version="1.0"?>
<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>
<encodedSpace><matrixSize><x>640</x><y>{lines}</y><z>1</z></matrixSize>
<fieldOfView_mm><x>280.0</x><y>{y_mm}</y><z>4.5</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>320</x><y>320</y><z>1</z></matrixSize>
<fieldOfView_mm><x>140.0</x><y>160.0</y><z>4.5</z></fieldOfView_mm></reconSpace>
<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{last}</maximum>
<center>{centre}</center></kspace_encoding_step_1></encodingLimits>
</encoding></ismrmrdHeader>"""


def kspace(coils: bool = True) -> np.ndarray:
    draw = np.random.default_rng(2).normal(size=(3, 4, 8, 10, 2)).view(np.complex128)[..., 0]
    return (draw if coils else draw[:, 0]).astype(np.complex64)


@pytest.mark.parametrize("coils", [True, False])
def test_k_space(tmp_path: Path, coils: bool) -> None:
    path = tmp_path / "file1.h5"
    head = HEAD.format(lines=640, y_mm=322.0, last=321, centre=161)
    target = np.random.default_rng(3).uniform(size=(3, 6, 5)).astype(np.float32)
    name = "reconstruction_rss" if coils else "reconstruction_esc"
    with h5py.File(path, "w") as file:
        file["kspace"], file[name] = kspace(coils), target
        file["ismrmrd_header"] = head.encode()
        file["mask"] = np.arange(10) % 2 == 0
        file.attrs.update({"acquisition": "CORPD_FBK", "max": 1.5, "patient_id": "x"})
    measured = read_fastmri(path)
    assert measured.shape == (3, 4 if coils else 1, 8, 10) and measured.head == head
    for index in range(3):
        wanted = kspace(coils)[index]
        assert np.array_equal(measured.kspace(index), wanted if coils else wanted[None])
    assert measured.mask is not None and measured.mask.sum() == 5
    assert measured.facts["acquisition"] == "CORPD_FBK"
    stored = measured.reconstruction()
    assert measured.target == name and stored is not None and np.array_equal(stored, target)
    encoding = measured.encoding
    assert encoding is not None
    # 640 // 2 - 161 = 159, and 159 + 321 + 1 = 481.
    assert encoding.padding == (159, 481)
    assert encoding.spacing == (140 / 320, 0.5, 4.5)
    volume = measured.volume(target)
    # Columns are samples of the phase, 322 mm over 640 lines; rows of the readout, 280 mm over 640.
    assert volume.grid == (5, 6, 3) and volume.spacing == (322 / 640, 280 / 640, 4.5)
    assert volume.array[4, 1, 2] == target[2, 1, 4]
    write_fastmri(
        tmp_path / "b.h5", {"kspace": kspace(coils), "ismrmrd_header": head}, {"max": 1.5}
    )
    again = read_fastmri(tmp_path / "b.h5")
    assert again.encoding == encoding and again.target is None and again.mask is None


def test_k_space_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_fastmri(path, {"image": np.zeros(3)}, {})
    with pytest.raises(InputError, match="no 'kspace'; it holds: image"):
        read_fastmri(path)
    write_fastmri(path, {"kspace": np.zeros((3, 4, 5, 6))}, {})
    with pytest.raises(InputError, match="float64, expected complex"):
        read_fastmri(path)
    bad = kspace()
    bad[1, 2, 3, 4] = np.nan
    write_fastmri(path, {"kspace": bad}, {})
    with pytest.raises(InputError, match=r"slice 1 .* not finite"):
        read_fastmri(path).kspace(1)
    write_fastmri(path, {"kspace": kspace(), "mask": np.ones(9)}, {})
    with pytest.raises(InputError, match="9 lines, but kspace has 10"):
        read_fastmri(path)
    write_fastmri(path, {"kspace": kspace(), "ismrmrd_header": HEAD[:300]}, {})
    with pytest.raises(InputError, match="ISMRMRD header cannot"):
        read_fastmri(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match="damaged or cut off"):
        read_fastmri(path)


def test_names_of_bids(tmp_path: Path) -> None:
    source = parse_bids(Path("sub-01/ses-2/anat/sub-01_ses-2_acq-x_T1w.nii.gz"))
    assert dict(source.entities) == {"sub": "01", "ses": "2", "acq": "x"}
    made = derivative(source, "synth", "T2w")
    assert made.path == Path("sub-01/ses-2/anat/sub-01_ses-2_acq-x_desc-synth_T2w.nii.gz")
    assert derivative(parse_bids(made.path), "again").name.count("desc-") == 1
    for bad in ("T1.nii.gz", "ses-1_T1w.nii.gz", "sub-01_T1w", "sub-_T1w.nii"):
        with pytest.raises(InputError, match="no name of BIDS"):
            parse_bids(Path(bad))
    with pytest.raises(InputError, match="letters and digits"):
        derivative(source, "a-b")
    with pytest.raises(InputError, match="no suffix 'ct'"):
        derivative(source, "synth", "ct")
    assert derivative(source, "synth", "ct", allow_ct=True).name.endswith("desc-synth_ct.nii.gz")


def test_a_data_set_of_bids(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set of BIDS"):
        start_derivatives(tmp_path, "0.1.0")
    (tmp_path / "dataset_description.json").write_text("{}")
    for name in ("sub-01/anat/sub-01_T1w.nii.gz", "sub-02/ses-1/anat/sub-02_ses-1_T1w.nii",
                 "sub-02/ses-1/anat/sub-02_ses-1_T2w.nii.gz", "sub-02/odd.nii"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    folder = start_derivatives(tmp_path, "0.1.0")
    told = json.loads((folder / "dataset_description.json").read_text())
    assert told["DatasetType"] == "derivative"
    assert told["GeneratedBy"] == [{"Name": "undrift", "Version": "0.1.0"}]
    made = folder / derivative(parse_bids(Path("sub-01_T1w.nii.gz")), "synth").path
    made.parent.mkdir(parents=True)
    made.touch()  # and is no raw image
    assert [path.name for path in find_raw(tmp_path, ("02",), "T1w")] == ["sub-02_ses-1_T1w.nii"]
    assert len(find_raw(tmp_path)) == 3
    with pytest.raises(InputError, match="participant 07"):
        find_raw(tmp_path, ("sub-07",))


def test_the_record_beside_an_output(tmp_path: Path) -> None:
    source, output = tmp_path / "Doe^John.nii.gz", tmp_path / "out" / "a.nii.gz"
    nib.save(nib.Nifti1Image(numbers(), np.diag([2.0, 2, 2, 1])), source)
    volume = read_volume(source, units="HU")
    result = volume.with_array(volume.array + 3000)
    written = write_volume(output, result)
    facts = provenance(source, volume, result, written)
    path = write_sidecar(output, {**facts, "Seed": 3})
    assert path == tmp_path / "out" / "a.json" == sidecar_path(output)
    told = json.loads(path.read_text())
    assert told["Synthetic"] is True and "research" in told["Notice"]
    assert told["Values"]["ClippedVoxels"] == int((numbers() > 71).sum()) > 0
    assert told["Geometry"]["SameGridAsSource"] and told["Seed"] == 3
    assert np.array_equal(told["Geometry"]["Affine"], volume.affine)
    assert "Doe" not in path.read_text()
    assert provenance(source, volume, result, written, True)["Sources"] == [source.name]
    with pytest.raises(InputError, match="Synthetic"):
        write_sidecar(output, {"Seed": 3})
    with pytest.raises(InputError, match=r"nan at 'Values\.x'"):
        write_sidecar(output, {**facts, "Values": {"x": float("nan")}})


def test_paths_of_no_known_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown suffix '\.nrd'; did you mean '\.nrrd'"):
        read_volume(tmp_path / "a.nrd")
    with pytest.raises(InputError, match=r"unknown suffix '\.png'; known"):
        write_volume(tmp_path / "a.png", Volume(np.zeros(SHAPE, np.float32), np.eye(4)))
    with pytest.raises(InputError, match="needs the series it comes from"):
        write_volume(tmp_path / "folder", Volume(np.zeros(SHAPE, np.float32), np.eye(4)))
