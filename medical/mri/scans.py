"""What a reconstruction is given: k-space slice by slice, what of it was measured, and its kind.

Arrays and files become a `Scan`, a stack of slices (slices, coils, h, w) whose first axis of
k-space is the readout. A 3-D measurement, whose readout is whole, is transformed along the readout
first: what remains are independent slices (coils, phase, partition), and noise stays what it was,
since the transform is orthonormal. Slices are read when they are needed: files hold hundreds of
megabytes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.fourier import centred_fft, centred_ifft
from undrift.medical.mri.models import check_mask


@dataclass(frozen=True, eq=False)
class Scan:
    """shape: (slices, coils, h, w). read: number -> complex (coils, h, w).

    mask: bool (1 or slices, h, w). volume: whether the slices are one 3-D image. whole: h is the
    readout, so that lines along it are measured whole or not at all.
    """

    shape: tuple[int, int, int, int]
    read: Callable[[int], Tensor]
    mask: Tensor
    volume: bool = False
    whole: bool = True

    def __post_init__(self) -> None:
        if not bool(self.mask.any()):
            raise InputError(
                "the mask is 0 everywhere, so nothing is measured; expected 1 where there are "
                "samples; if 1 means missing in yours, pass 1 - mask"
            )

    def seen_together(self, together: bool = False) -> tuple[int, ...]:
        """Pixels of the image that a prior sees at once, (readout, phase), and the third axis of
        a volume or of slices `together`."""
        slices, _, h, w = self.shape
        if not self.whole:
            return slices, h, w
        return (h, w, slices) if together or self.volume else (h, w)

    def mask_of(self, number: int) -> Tensor:
        """(h, w), bool."""
        return self.mask[min(number, len(self.mask) - 1)]

    def slice(self, number: int) -> Tensor:
        """What was measured, (coils, h, w), 0 elsewhere. Raises InputError where not finite."""
        data = self.read(number)
        bad = int((~torch.isfinite(data)).sum())
        if bad:
            raise InputError(f"k-space of slice {number} has {bad} samples that are not finite")
        return data * self.mask_of(number)

    def masked(self, mask: Any) -> "Scan":
        """Less of it: samples that `mask`, (w,), (h, w) or (slices, h, w), has as well."""
        return replace(self, mask=self.mask & _mask(mask, self.shape))

    def cropped(self, size: int) -> "Scan":
        """Without the oversampling of the readout: its middle `size` pixels. Exact."""
        slices, coils, h, w = self.shape
        if size >= h or not self.whole:
            return self
        lines = self.mask.all(1, keepdim=True)
        if not torch.equal(lines.expand_as(self.mask), self.mask):
            return self  # a readout that is not whole cannot be transformed alone
        first = h // 2 - size // 2

        def read(number: int) -> Tensor:
            rows = centred_ifft(self.read(number).mT, 1)[..., first : first + size]
            return centred_fft(rows, 1).mT

        return replace(
            self, shape=(slices, coils, size, w), read=read, mask=lines.expand(-1, size, -1)
        )


def scan_of(kspace: Any, mask: Any = None, dims: int = 2) -> Scan:
    """An array or tensor as a scan.

    kspace: complex (coils, h, w) or (slices, coils, h, w) for dims 2, (coils, readout, phase,
    partition) for dims 3. mask: 1 where measured, the last axes of k-space without coils; None:
    samples that are exactly 0 in all coils are not measured.
    Raises InputError for other shapes and types, k-space or masks that are all 0.
    """
    data = _tensor(kspace)
    if dims not in (2, 3):
        raise UsageError(f"dims {dims}: expected 2 for slices or 3 for a volume")
    fits = data.ndim == 4 or (data.ndim == 3 and dims == 2)
    if not data.is_complex() or not fits or not data.numel():
        wanted = "(coils, readout, phase, partition)" if dims == 3 else (
            "(coils, h, w) or (slices, coils, h, w)"
        )  # fmt: skip
        raise InputError(
            f"k-space of {tuple(data.shape)} {data.dtype}: expected complex {wanted} for "
            f"dims={dims}"
        )
    if not bool(data.abs().any()):
        raise InputError("k-space is 0 everywhere, so there is nothing to reconstruct")
    if dims == 3:
        return _of_volume(data, mask)
    stack = data[None] if data.ndim == 3 else data
    seen = (stack.abs() > 0).any(1) if mask is None else _mask(mask, tuple(stack.shape))
    return Scan(tuple(stack.shape), lambda number: stack[number], seen)  # type: ignore[arg-type]


def _of_volume(data: Tensor, mask: Any) -> Scan:
    coils, readout, h, w = data.shape
    shape = (readout, coils, h, w)
    if mask is None:
        seen = (data.abs() > 0).any(0)
        if not torch.equal(seen.any(0).expand_as(seen), seen):
            raise InputError(
                "some readouts of the 3-D k-space have samples that are 0; pass the mask (phase, "
                "partition) of those that were measured"
            )
        seen = seen[:1]
    else:
        given = torch.as_tensor(mask)
        if given.ndim != 2:
            raise InputError(
                f"a mask of {tuple(given.shape)} for 3-D k-space: expected (phase, partition), "
                f"here {(h, w)}: readouts are measured whole"
            )
        seen = _mask(given, shape)
    slices = centred_ifft(data.movedim(1, -1), 1).movedim(-1, 0)
    return Scan(shape, lambda number: slices[number], seen, volume=True, whole=False)


def _mask(mask: Any, shape: tuple[int, ...]) -> Tensor:
    """Bool (1 or slices, h, w). Raises InputError for values other than 0 and 1."""
    given = torch.as_tensor(np.asarray(mask) if not isinstance(mask, Tensor) else mask)
    if bool(((given != 0) & (given != 1)).any()):
        raise InputError("the mask of k-space has values other than 0 and 1; 1 is measured")
    full = check_mask(given.bool(), (shape[0], *shape[2:]))
    return full.expand(full.shape[0], *shape[2:])


def _tensor(kspace: Any) -> Tensor:
    if isinstance(kspace, Tensor):
        return kspace
    array = np.asarray(kspace)
    if array.dtype.kind not in "fciu":
        raise InputError(f"k-space of type {array.dtype}; expected complex numbers")
    return torch.from_numpy(np.ascontiguousarray(array))
