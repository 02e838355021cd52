"""From a scan to problems a sampler takes: whitened, with maps, in units of a robust maximum.

A piece is one slice, or all slices of a volume together. Its samples y are whitened and divided by
the scale; its operator has the whitened maps; the noise of each part is then 1 / (sqrt(2) scale).
The image in its own units is gain * x: maps estimated here are those of a unit root of sum of
squares, hence gain = scale * |L S|, which gives the root of the sum of squares of the coils as they
came. Given maps are whitened and divided by `weight`, their largest root of sum of squares, so that
the operator has norm 1; then gain = scale / weight, and the image is in the units of those maps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.fourier import centred_ifft
from undrift.common.operators.linear import LinearOperator
from undrift.medical.mri.espirit import espirit, measured_whole
from undrift.medical.mri.models import cartesian
from undrift.medical.mri.noise import (
    SIGMA,
    Whitening,
    covariance,
    ends_of,
    one_level,
    read_covariance,
)
from undrift.medical.mri.scans import Scan

_LOOKED_AT = 4  # slices from which noise is measured
_KERNEL = 6
_SEEN = 0.05  # of the largest sensitivity: where it is less, nothing is told of the scale


@dataclass(frozen=True, eq=False)
class Piece:
    """operator: images (2, *space) -> y (coils, *space). sigma: noise of each part of y.

    power: sum of squared maps (*space), or 1. gain: (*space) or a number, see the module.
    measured: bool, broadcasts to y. name: for seeds and messages.
    """

    operator: LinearOperator
    y: Tensor
    sigma: float
    power: Tensor | float
    gain: Tensor | float
    measured: Tensor
    name: str = ""


@dataclass(frozen=True, eq=False)
class Preparation:
    """A scan with its noise, its maps and its scale settled.

    maps: (1 or slices, coils, h, w), whitened and of weight 1, or None to estimate them. weight: of
    the given ones. calibration: most lines of the centre that maps are estimated from.
    """

    scan: Scan
    whitening: Whitening
    maps: Tensor | None
    scale: float
    weight: float = 1.0
    calibration: int = 24
    _known: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def pieces(self) -> Sequence[Sequence[int]]:
        """Numbers of the slices of each piece."""
        every = range(self.scan.shape[0])
        return [list(every)] if self.scan.volume else [[k] for k in every]

    def piece(self, numbers: Sequence[int]) -> Piece:
        """One slice (h, w), or several as a stack (slices, h, w)."""
        data = torch.stack([self.whitening(self.scan.slice(k)) for k in numbers], 1) / self.scale
        masks = torch.stack([self.scan.mask_of(k) for k in numbers])
        maps = self.maps_of(numbers)
        if not self.scan.volume:
            data, masks, maps = data[:, 0], masks[0], None if maps is None else maps[:, 0]
        power: Tensor | float = 1.0 if maps is None else (maps.abs() ** 2).sum(0)
        gain: Tensor | float = self.scale / self.weight
        if maps is None:
            gain = self.scale * float(self.whitening.root.abs()[0, 0])
        elif self.maps is None:
            gain = self.scale * torch.linalg.vector_norm(self.whitening.undone(maps), dim=0)
        operator = cartesian(maps, masks, tuple(data.shape[1:]), axes=2)
        name = "" if len(numbers) == self.scan.shape[0] else f"slice {numbers[0]}"
        return Piece(operator, data[None], SIGMA / self.scale, power, gain, masks, name)

    def maps_of(self, numbers: Sequence[int]) -> Tensor | None:
        """Whitened (coils, slices, h, w); None for one coil without a given map."""
        if self.maps is not None:
            return torch.stack([self.maps[min(k, len(self.maps) - 1)] for k in numbers], 1)
        if self.scan.shape[1] == 1:
            return None
        return torch.stack([self._estimated(k) for k in numbers], 1)

    def _estimated(self, number: int) -> Tensor:
        if number not in self._known:
            sides = measured_whole(self.scan.mask_of(number), self.calibration)
            kernel = max(1, min(_KERNEL, *(max(2, side - 2) for side in sides)))
            white = self.whitening(self.scan.slice(number))
            self._known[number] = espirit(white, sides, kernel, crop=0.0)[0]
        return self._known[number]


def prepare(scan: Scan, maps: Any = None, noise: Any = None, calibration: int = 24) -> Preparation:
    """Settles noise, maps and scale.

    maps: complex (coils, h, w) or (slices, coils, h, w), of 3-D k-space (coils, slices, h, w).
    noise: the deviation of each part of a sample, a covariance (coils, coils), or None: measured.
    Raises InputError for maps and noise that do not fit, and for a scan that is 0 everywhere.
    """
    like = scan.slice(scan.shape[0] // 2)
    whitening = Whitening(_covariance(scan, noise, like))
    if maps is None:
        return Preparation(scan, whitening, None, _scale(scan, whitening, None), 1.0, calibration)
    white = torch.stack([whitening(one) for one in _given_maps(maps, scan, like)])
    weight = float(torch.linalg.vector_norm(white, dim=1).max())
    scale = _scale(scan, whitening, white / weight)
    return Preparation(scan, whitening, white / weight, scale, weight, calibration)


def _covariance(scan: Scan, noise: Any, like: Tensor) -> Tensor:
    """Psi; of a volume, whose readout is transformed already, from the slices at its ends."""
    coils = scan.shape[1]
    if noise is None and not scan.whole:
        ends = [scan.slice(k)[:, scan.mask_of(k)] for k in ends_of(scan.shape[0])]
        return covariance(torch.cat(ends, 1))
    if noise is None:
        step = max(1, scan.shape[0] // _LOOKED_AT)
        looked = range(step // 2, scan.shape[0], step)
        psi = [read_covariance(scan.slice(k), scan.mask_of(k)) for k in looked]
        return torch.stack(psi).mean(0)
    given = torch.as_tensor(noise)
    if given.ndim == 0:
        return one_level(float(given), coils, like)
    if given.shape != (coils, coils):
        raise InputError(
            f"a noise covariance of {tuple(given.shape)} for {coils} coils: expected one number or "
            f"({coils}, {coils})"
        )
    return given.to(like.dtype)


def _given_maps(maps: Any, scan: Scan, like: Tensor) -> Tensor:
    given = torch.as_tensor(maps)
    if given.ndim == 3:
        given = given[None]
    elif not scan.whole:
        given = given.movedim(0, 1)
    wanted = scan.shape[1:]
    if given.ndim != 4 or tuple(given.shape[1:]) != wanted or len(given) not in (1, scan.shape[0]):
        raise InputError(
            f"maps of {tuple(torch.as_tensor(maps).shape)} for k-space {scan.shape}: expected "
            f"{wanted} or {scan.shape}, complex"
        )
    if not bool(given.abs().any()) or not bool(torch.isfinite(given).all()):
        raise InputError("the given maps are 0 everywhere or not finite")
    return given.to(like.dtype)


def _scale(scan: Scan, whitening: Whitening, maps: Tensor | None) -> float:
    """The robust maximum of the zero-filled root of sum of squares, over all slices."""
    from undrift.medical.signal import robust_maximum

    found = []
    for k in range(scan.shape[0]):
        coils = centred_ifft(whitening(scan.slice(k)), 2)
        size = torch.linalg.vector_norm(coils, dim=0)
        if maps is not None:
            power = torch.linalg.vector_norm(maps[min(k, len(maps) - 1)], dim=0)
            size = torch.where(power > _SEEN, size / power.clamp(min=_SEEN), 0)
        found.append(size)
    stack = torch.stack(found)
    if not bool(stack.any()):
        raise InputError("k-space is 0 wherever it was measured: there is nothing to reconstruct")
    return robust_maximum(stack.cpu().numpy())
