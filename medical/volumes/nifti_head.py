"""The head of a NIfTI file: what it says of the grid, and the head of an output.

nibabel's header object holds the fields, unchecked and unrepaired, and the bytes between it and the
voxels (extensions) are kept as they are. An output gets both again; only what its values or its
grid make untrue is changed.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.volumes import geometry
from undrift.medical.volumes.nifti_transforms import affine_of, regrid
from undrift.medical.volumes.storing import Storage

if TYPE_CHECKING:
    from undrift.medical.volumes.volume import Volume


@dataclass(frozen=True, eq=False)
class Head:
    """The header (nibabel's object, not to be changed) and the bytes between it and the voxels.

    shape: of the array, (x, y, z) or (x, y, z, t).  affine: in millimetres.
    """

    header: Any
    tail: bytes
    shape: tuple[int, ...]
    affine: geometry.Affine
    notes: tuple[str, ...]
    single: bool = True

    @property
    def dtype(self) -> np.dtype:
        """The type of a voxel with its byte order."""
        return self.header.get_data_dtype()

    @property
    def offset(self) -> int:
        """Bytes before the first voxel."""
        return int(self.header["vox_offset"])

    @property
    def slope(self) -> float:
        """value = slope * number + inter."""
        return _scale(self.header)[0]

    @property
    def inter(self) -> float:
        """See `slope`."""
        return _scale(self.header)[1]

    @property
    def bytes(self) -> bytes:
        """All bytes before the first voxel."""
        return self.header.binaryblock + self.tail


def read(file: IO[bytes], path: Path, single: bool) -> Head:
    """The head of an open file. Raises InputError where it is none, or of no volume."""
    start = file.read(540)
    header = _parse(start, path)
    size = len(header.binaryblock)
    rest = start[size:]
    offset = float(header["vox_offset"])
    if not (size if single else 0) <= offset <= 1e9:
        raise InputError(f"{path}: the header says that voxels begin at byte {offset:g}")
    wanted = int(offset) - size if single else len(rest)
    tail = (rest + file.read(max(wanted - len(rest), 0)))[:wanted]
    return of_header(header, str(path), tail, single)


def of_header(header: Any, name: str, tail: bytes = bytes(4), single: bool = True) -> Head:
    """The head that a header of nibabel makes. Raises InputError, as `read` does."""
    shape = _shape(header, name)
    if not np.isfinite(_scale(header)[1]):
        raise InputError(f"{name}: has a slope but its intercept is {_scale(header)[1]}")
    try:
        affine, notes = affine_of(header)
        geometry.check_affine(affine)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    affine.setflags(write=False)
    return Head(header, tail, shape, affine, notes, single)


def head_for(volume: "Volume", storage: Storage) -> Head:
    """The head of an output file: the source's wherever it stays true."""
    source = volume.stored.header if volume.stored.kind == "nifti" else None
    head = _fresh(volume) if source is None else replace(source, header=source.header.copy())
    header = head.header
    if not head.single:
        head = replace(head, tail=head.tail or bytes(4), single=True)
        header["magic"] = b"n+1" if len(header.binaryblock) == 348 else b"n+2\0\r\n\x1a\n"
    if source is not None and (
        volume.array.shape != source.shape or not np.array_equal(volume.affine, source.affine)
    ):
        regrid(header, volume, source.shape, source.affine)
    if storage.dtype != head.dtype.newbyteorder("="):
        header.set_data_dtype(storage.dtype)
    if (storage.slope, storage.inter) != _scale(header):
        header["scl_slope"], header["scl_inter"] = storage.slope, storage.inter
    header["vox_offset"] = len(header.binaryblock) + len(head.tail)
    return head


def _parse(start: bytes, path: Path) -> Any:
    """nibabel's header of the version, unchecked and unrepaired."""
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    for kind, at, size, magics in (
        (Nifti1Header, 344, 348, (b"n+1\0", b"ni1\0")),
        (Nifti2Header, 4, 540, (b"n+2\0", b"ni2\0")),
    ):
        if start[at : at + 4] not in magics or len(start) < size:
            continue
        try:
            header = kind(start[:size], check=False)
            header.get_data_dtype()
        except (HeaderDataError, ValueError, KeyError) as error:
            raise InputError(f"{path}: the header cannot be understood: {error}") from error
        return header
    raise InputError(
        f"{path}: is no NIfTI file (no 'n+1', 'ni1', 'n+2' or 'ni2' in its header); Analyze 7.5 "
        "has no orientation, convert it with its scanner's information"
    )


def _shape(header: Any, path: str) -> tuple[int, ...]:
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(
            f"{path}: voxels are of type {dtype}, expected real numbers of at most 64 bits; write "
            "magnitude and phase, or the channels of a colour, as files of their own"
        )
    count = int(header["dim"][0])
    sizes = [int(size) for size in header["dim"][1 : count + 1]]
    if not 1 <= count <= 7 or min(sizes, default=0) < 1:
        raise InputError(f"{path}: the header announces a shape of {sizes} voxels")
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) > 4:
        raise InputError(f"{path}: has shape {tuple(sizes)}, expected (x, y, z) or (x, y, z, t)")
    return (*sizes, *[1] * (3 - len(sizes)))


def _scale(header: Any) -> tuple[float, float]:
    """Slope and intercept; a slope of 0, or of no finite number, means none."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0:
        return 1.0, 0.0
    return slope, inter


def _fresh(volume: "Volume") -> Head:
    """A head for what never was a NIfTI file: both transforms, in millimetres and seconds."""
    from nibabel.nifti1 import Nifti1Header

    header = Nifti1Header()
    header.set_data_shape(volume.array.shape)
    header.set_qform(volume.affine, 1)
    header.set_sform(volume.affine, 1)
    header.set_xyzt_units("mm", "sec")
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["magic"] = b"n+1"
    return Head(header, bytes(4), volume.array.shape, volume.affine, ())
