"""K-space in files: fastMRI's .h5, and .npz with the arrays of `reconstruct_mri`.

    .npz    kspace, and where known mask, maps, noise, spacing (mm of readout, phase, slice), dims

Images of fastMRI have the readout along y and the phase encoding along x; a pixel is the encoded
field of view over the number of samples. Oversampling of the readout is cut off before the
reconstruction, which loses nothing; what lies beyond the wanted field of view along the phase after
it. Lines outside of the padding of the head were never encoded.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.files import full_suffix
from undrift.medical.honesty.priors import unlike_training
from undrift.medical.mri.methods import BASELINES, Choice
from undrift.medical.mri.scans import Scan, scan_of
from undrift.medical.volumes import Measured, Volume, read_fastmri

SUFFIXES = (".h5", ".hdf5", ".npz")
Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class KspaceFile:
    """scan, and maps and noise where the file has them. spacing: mm of (readout, phase, slice).

    sides: pixels of (readout, phase) that are kept of an image. notes: for the record.
    """

    scan: Scan
    spacing: Spacing
    sides: tuple[int, int]
    maps: Any = None
    noise: Any = None
    notes: tuple[str, ...] = ()

    def volume(self, images: Any) -> Volume:
        """Real images (slices, h, w), or (readout, phase, partition), as a volume (x, y, z)."""
        array = self.turned(images)
        step = self.spacing if not self.scan.whole else (self.spacing[1], self.spacing[0],
                                                      self.spacing[2])  # fmt: skip
        return Volume(array, np.diag([*step, 1.0]), "relative", notes=self.notes)

    def turned(self, images: Any) -> np.ndarray:
        """The same as an array: (phase, readout, slice), or unchanged for a volume."""
        values = np.asarray(images.cpu() if isinstance(images, Tensor) else images, np.float32)
        if not self.scan.whole:
            return np.ascontiguousarray(values)
        for axis, side in zip((1, 2), self.sides, strict=True):
            first = values.shape[axis] // 2 - side // 2
            values = values.take(range(first, first + side), axis)
        return np.ascontiguousarray(values.transpose(2, 1, 0))


def read_kspace(path: Path, mask: Any = None, spacing: Sequence[float] | None = None) -> KspaceFile:
    """Opens a file. mask: of what is used of it. spacing: mm of (readout, phase, slice), for files
    that do not tell it.

    Raises InputError for other kinds of files, missing arrays and spacings, and what does not fit.
    """
    suffix = full_suffix(path).lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: expected k-space as one of {' '.join(SUFFIXES)}")
    found = _npz(path, spacing) if suffix == ".npz" else _fastmri(path, spacing)
    return found if mask is None else replace(found, scan=found.scan.masked(mask))


def reconstruct_file(
    path: Path,
    mask: Any,
    maps: Any,
    prior: Any,
    noise: Any,
    calibration: int,
    choice: Choice,
    spacing: Sequence[float] | None = None,
    together: bool = False,
) -> Any:
    """`reconstruct_mri` of a file; value and samples are volumes of magnitudes (x, y, z), std,
    residual and invented arrays on their grid."""
    from undrift.medical.mri.tasks import reconstruct

    file = read_kspace(path, mask, spacing)
    beyond = grid_warnings(file.scan, file.spacing, prior, choice.method, together)
    found = reconstruct(
        replace(file.scan, volume=together or file.scan.volume),
        file.maps if maps is None else maps,
        prior,
        file.noise if noise is None else noise,
        calibration,
        choice,
    )
    return on_grid(found, file, beyond)


def grid_warnings(
    scan: Scan, spacing: Sequence[float], prior: Any, method: str, together: bool = False
) -> list[str]:
    """What of a scan's pixels is unlike the training of its prior; [] for methods without one."""
    if method in BASELINES:
        return []
    counts = scan.seen_together(together)
    return unlike_training(prior, counts, tuple(spacing)[: len(counts)])


def on_grid(found: Any, file: KspaceFile, beyond: Sequence[str] = ()) -> Any:
    """A reconstruction of tensors with volumes in their place. beyond: more warnings."""
    return replace(
        found,
        value=file.volume(found.value.abs()),
        std=None if found.std is None else file.turned(found.std),
        samples=tuple(file.volume(one.abs()) for one in found.samples),
        residual=file.turned(found.residual),
        invented=file.turned(found.invented),
        info={**found.info, "warnings": [*beyond, *found.info["warnings"], *file.notes]},
    )


def _npz(path: Path, spacing: Sequence[float] | None) -> KspaceFile:
    try:
        with path.open("rb") as file, contextlib.closing(np.load(file)) as data:
            arrays = {name: data[name] for name in data.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: cannot be read as .npz: {error}") from error
    if "kspace" not in arrays:
        raise InputError(f"{path}: has no 'kspace'; it holds: {', '.join(arrays) or 'nothing'}")
    dims = int(arrays.get("dims", 2))
    scan = scan_of(arrays["kspace"], arrays.get("mask"), dims)
    step = _spacing(path, spacing if spacing is not None else arrays.get("spacing"))
    return KspaceFile(scan, step, scan.shape[2:], arrays.get("maps"), arrays.get("noise"))


def _fastmri(path: Path, spacing: Sequence[float] | None) -> KspaceFile:
    measured = read_fastmri(path)
    slices, coils, h, w = measured.shape
    lines = np.ones(w, bool) if measured.mask is None else measured.mask.copy()
    encoding = measured.encoding
    if encoding is not None and encoding.encoded[1] == w:
        first, after = encoding.padding
        lines[: max(0, first)] = lines[max(0, after) :] = False
    mask = torch.from_numpy(lines).expand(1, h, w)
    scan = Scan((slices, coils, h, w), lambda k: torch.from_numpy(measured.kspace(k)), mask)
    if spacing is not None or encoding is None:
        return KspaceFile(scan, _spacing(path, spacing), (h, w))
    pixel = (encoding.encoded_mm[0] / h, encoding.encoded_mm[1] / w)
    wanted = [min(n, round(mm / step)) for n, mm, step in
              zip((h, w), encoding.wanted_mm, pixel, strict=False)]  # fmt: skip
    note = "fastMRI files have no position: only the spacing is true"
    return KspaceFile(
        scan.cropped(wanted[0]),
        (*pixel, encoding.spacing[2]),
        (wanted[0], wanted[1]),
        notes=(note, *_other_pixels(measured, pixel)),
    )


def _other_pixels(measured: Measured, pixel: tuple[float, float]) -> tuple[str, ...]:
    encoding = measured.encoding
    if encoding is None or np.allclose(pixel, encoding.spacing[:2], rtol=0.01):
        return ()
    asked = " x ".join(f"{mm:.3g}" for mm in encoding.spacing[:2])
    given = " x ".join(f"{mm:.3g}" for mm in pixel)
    return (f"pixels are {given} mm as measured; the head asks for {asked} mm, interpolated",)


def _spacing(path: Path, given: Any) -> Spacing:
    if given is None:
        raise InputError(
            f"{path}: does not tell its spacing; pass it in mm: (readout, phase, slice)"
        )
    return three_lengths(str(path), given)


def three_lengths(name: str, given: Any) -> Spacing:
    """mm of three axes. Raises InputError, which begins with `name`, for anything else."""
    numbers = [float(mm) for mm in np.ravel(given)]
    if len(numbers) != 3 or not min(numbers) > 0:
        raise InputError(f"{name}: a spacing of {numbers}: expected three lengths in mm above 0")
    return numbers[0], numbers[1], numbers[2]
