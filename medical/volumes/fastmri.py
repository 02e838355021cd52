"""Raw measurements of MRI in fastMRI's layout (.h5): k-space, head, mask and reconstruction.

    kspace              (slices, coils, readout, phase) complex64, without the axis of coils for one
    reconstruction_rss  (slices, y, x) float32, or reconstruction_esc; absent in test sets
    mask                (phase,) of the lines measured; absent where all are
    ismrmrd_header      XML of ISMRMRD: matrices and fields of view, limits of the phase encoding
    attributes          acquisition, max, norm, patient_id

Lines that were never encoded lie outside padding_left = N // 2 - centre and padding_right =
padding_left + maximum + 1, with N the encoded lines (fastMRI, `mri_data.py`). Slices are read one
by one, since a file holds hundreds of megabytes. The layout has no position in space: volumes get
the spacing of the head, and say that their place is not known.
"""

import xml.etree.ElementTree as XML
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.medical.volumes.volume import Values, Volume

_TARGETS = ("reconstruction_rss", "reconstruction_esc")
_NAMES = "{http://www.ismrm.org/ISMRMRD}"


@dataclass(frozen=True)
class Encoding:
    """Grids of the head, axes (readout, phase, partition): voxels and field of view in mm.

    padding: the first line that was encoded, and the one after the last.
    """

    encoded: tuple[int, int, int]
    encoded_mm: tuple[float, float, float]
    wanted: tuple[int, int, int]
    wanted_mm: tuple[float, float, float]
    padding: tuple[int, int]

    @property
    def pixel(self) -> tuple[float, float]:
        """Millimetres between samples of (readout, phase) as encoded; cropping keeps them."""
        return self.encoded_mm[0] / self.encoded[0], self.encoded_mm[1] / self.encoded[1]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres that the head asks for, (readout, phase, partition); others once cropped."""
        x, y, z = (mm / n for mm, n in zip(self.wanted_mm, self.wanted, strict=True))
        return x, y, z


@dataclass(frozen=True)
class Measured:
    """A file of k-space.  shape: (slices, coils, readout, phase), of one coil where there is one.

    target: the name of the reconstruction within, or None.  facts: the file's attributes.
    """

    path: Path
    shape: tuple[int, int, int, int]
    head: str
    encoding: Encoding | None
    mask: npt.NDArray[np.bool_] | None
    target: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def kspace(self, index: int) -> npt.NDArray[np.complex64]:
        """(coils, readout, phase) of one slice. Raises InputError where it is not finite."""
        with _open(self.path) as file:
            data = np.asarray(file["kspace"][index], np.complex64)
        if not np.isfinite(data).all():
            raise InputError(f"{self.path}: slice {index} holds numbers that are not finite")
        return data.reshape(self.shape[1:])

    def reconstruction(self) -> Values | None:
        """(slices, y, x) as the file has it."""
        if self.target is None:
            return None
        with _open(self.path) as file:
            return np.asarray(file[self.target], np.float32)

    def volume(self, images: Values) -> Volume:
        """Images (slices, y, x) as a volume (x, y, slices).

        The rows of an image are samples of the readout, its columns of the phase; fastMRI cuts its
        reconstructions out of the encoded field of view, so pixels are those of `Encoding.pixel`.
        """
        if self.encoding is None:
            raise InputError(f"{self.path}: has no ISMRMRD header, hence no spacing")
        readout, phase = self.encoding.pixel
        affine = np.diag([phase, readout, self.encoding.spacing[2], 1.0])
        note = "fastMRI files have no position: only the spacing is true"
        array = np.ascontiguousarray(images.transpose(2, 1, 0), np.float32)
        return Volume(array, affine, "relative", notes=(note,))


def read_fastmri(path: Path) -> Measured:
    """Reads all but the large arrays. Raises InputError for another layout or a damaged file."""
    with _open(path) as file:
        if "kspace" not in file:
            raise InputError(f"{path}: has no 'kspace'; it holds: {', '.join(file) or 'nothing'}")
        data = file["kspace"]
        if data.ndim not in (3, 4) or data.dtype.kind != "c":
            raise InputError(
                f"{path}: kspace is {data.shape} {data.dtype}, expected complex (slices, coils, "
                "readout, phase), or (slices, readout, phase) of one coil"
            )
        shape = data.shape if data.ndim == 4 else (data.shape[0], 1, *data.shape[1:])
        head = file["ismrmrd_header"][()] if "ismrmrd_header" in file else b""
        text = head.decode() if isinstance(head, bytes) else str(head)
        mask = np.asarray(file["mask"]).astype(bool).ravel() if "mask" in file else None
        if mask is not None and mask.size != shape[-1]:
            raise InputError(f"{path}: a mask of {mask.size} lines, but kspace has {shape[-1]}")
        target = next((name for name in _TARGETS if name in file), None)
        return Measured(path, shape, text, encoding_of(text, path) if text else None, mask,
                        target, dict(file.attrs))  # fmt: skip


def write_fastmri(path: Path, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Writes arrays under fastMRI's names, and attributes, whole or not at all."""
    import h5py

    def write(part: Path) -> None:
        with h5py.File(part, "w") as file:
            for name, value in arrays.items():
                file.create_dataset(name, data=value.encode() if isinstance(value, str) else value)
            file.attrs.update(facts)

    write_atomically(path, write)


def encoding_of(head: str, path: Path) -> Encoding:
    """The grids that an ISMRMRD header tells. Raises InputError where it lacks them."""
    try:
        root = XML.fromstring(head)
        spaces = []
        for name in ("encodedSpace", "reconSpace"):
            for part, kind in (("matrixSize", int), ("fieldOfView_mm", float)):
                found = [_text(root, "encoding", name, part, axis) for axis in "xyz"]
                spaces.append(tuple(kind(text) for text in found))
        lines = ("encoding", "encodingLimits", "kspace_encoding_step_1")
        centre, last = (int(_text(root, *lines, name)) for name in ("center", "maximum"))
    except (XML.ParseError, ValueError) as error:
        raise InputError(f"{path}: the ISMRMRD header cannot be understood: {error}") from error
    first = spaces[0][1] // 2 - centre
    return Encoding(*spaces, padding=(first, first + last + 1))


def _text(root: XML.Element, *names: str) -> str:
    node = root.find("/".join(_NAMES + name for name in names))
    if node is None or node.text is None:
        raise ValueError(f"no {'/'.join(names)}")
    return node.text


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    import h5py

    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        file = h5py.File(path)
    except OSError as error:
        raise InputError(f"{path}: is no HDF5 file, damaged or cut off ({error})") from error
    with file:
        try:
            yield file
        except (OSError, KeyError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from error
