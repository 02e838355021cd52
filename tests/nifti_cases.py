"""NIfTI files of many kinds, written byte by byte from headers of nibabel."""

import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1Extension

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
