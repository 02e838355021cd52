"""Computed tomography: line integrals along parallel or fan beams, with the exact adjoint.

Joseph's method (1982, "An improved algorithm for reprojecting rays through pixel images"): a ray
marches along the axis it follows most, one row at a time, interpolating linearly across it; the
sum times the length of a step is the integral. The adjoint adds with the same weights, so it is
the transpose to round-off. Nothing is stored but two numbers a ray.
Angles turn counter-clockwise with y up: parallel rays at angle t run along (-sin t, cos t) at
distance s from the centre, measured along (cos t, sin t).
"""

import math

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes

_PIECE = 2**22  # ray-and-row pairs worked on at a time


class _Beams(LinearOperator):
    """Integrals along given rays: (c, h, w) -> (c, angles, cells); slices may be channels.

    origin, along: (angles, cells, 2), a point of each ray and its unit direction as (x, y) in
    pixels from the centre, y up; pixel: the side of a pixel, which scales the integrals.
    """

    def __init__(self, origin: Tensor, along: Tensor, shape: tuple[int, ...], pixel: float):
        shape = sizes(shape, self)
        self.pixel = float(pixel)
        h, w = shape[1:]
        flat, way = origin.reshape(-1, 2), along.reshape(-1, 2)
        column, row = flat[:, 0] + (w - 1) / 2, (h - 1) / 2 - flat[:, 1]
        across, down = way[:, 0], -way[:, 1]
        upright = down.abs() >= across.abs()
        marches = (
            _march(upright.nonzero().flatten(), column, row, across, down),
            _march((~upright).nonzero().flatten(), row, column, down, across),
        )
        self.rays, self.start, self.slope, self.step = (
            list(parts) for parts in zip(*marches, strict=True)
        )
        super().__init__(shape, (shape[0], *origin.shape[:2]))

    def _forward(self, x: Tensor) -> Tensor:
        out = x.new_zeros(*x.shape[:2], self.shape_out[1] * self.shape_out[2])
        for side, image in enumerate((x, x.mT)):
            rows, columns = image.shape[-2:]
            flat = torch.nn.functional.pad(image, (1, 2)).flatten(-2)
            for piece, low, part in self._weights(side, rows, columns):
                lower, upper = flat[..., low], flat[..., low + 1]
                sums = torch.lerp(lower, upper, part.to(x.dtype)).sum(-1)
                out[..., self.rays[side][piece]] = sums * (self.step[side][piece] * self.pixel)
        return out.reshape(-1, *self.shape_out)

    def _adjoint(self, v: Tensor) -> Tensor:
        flat_v = v.flatten(-2)
        total = v.new_zeros(v.shape[0], *self.shape_in)
        for side in (0, 1):
            rows, columns = self.shape_in[1:] if side == 0 else self.shape_in[:0:-1]
            flat = v.new_zeros(*v.shape[:2], rows * (columns + 3))
            for piece, low, part in self._weights(side, rows, columns):
                value = flat_v[..., self.rays[side][piece]] * (self.step[side][piece] * self.pixel)
                upper = value[..., None] * part
                lower = value[..., None] - upper
                flat.index_add_(-1, low.flatten(), lower.flatten(-2))
                flat.index_add_(-1, low.flatten() + 1, upper.flatten(-2))
            image = flat.reshape(*v.shape[:2], rows, columns + 3)[..., 1 : columns + 1]
            total = total + (image if side == 0 else image.mT)
        return total

    def weights(self, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
        """Every weight of one slice: number of the ray, of the pixel, and the weight, (k,) each."""
        found = []
        for side in (0, 1):
            rows, columns = self.shape_in[1:] if side == 0 else self.shape_in[:0:-1]
            row = torch.arange(rows)
            for piece, low, part in self._weights(side, rows, columns):
                length = (self.step[side][piece] * self.pixel)[:, None]
                ray = self.rays[side][piece][:, None].expand_as(part)
                column = low - row * (columns + 3) - 1
                for place, share in ((column, 1 - part), (column + 1, part)):
                    pixel = row * columns + place if side == 0 else place * rows + row
                    kept = (place >= 0) & (place < columns) & (share > 0)
                    weight = (share * length)[kept].to(dtype)
                    found.append((ray[kept], pixel[kept], weight))
        ray, pixel, weight = (torch.cat(parts) for parts in zip(*found, strict=True))
        return ray, pixel, weight

    def _weights(self, side: int, rows: int, columns: int):
        """Pieces of rays with, for each row, the lower index in the padded image and the share."""
        start, slope = self.start[side], self.slope[side]
        row = torch.arange(rows, device=start.device)
        many = max(1, _PIECE // rows)
        for first in range(0, len(start), many):
            piece = slice(first, first + many)
            place = start[piece, None] + slope[piece, None] * row
            place = place.clamp(-1, columns)
            low = place.floor()
            yield piece, (row * (columns + 3) + low.long() + 1), place - low


class Radon(_Beams):
    """Parallel beams: (c, h, w) -> (c, angles, cells), integrals in units of `pixel`.

    angles: (k,) in degrees. cells: detector cells, by default enough for the diagonal; spacing:
    their distance, one pixel by default; the centre of the detector faces that of the image.
    """

    def __init__(
        self,
        angles: Tensor,
        shape: tuple[int, ...],
        cells: int | None = None,
        spacing: float | None = None,
        pixel: float = 1.0,
    ):
        _planar(shape, "Radon")
        self.spacing = pixel if spacing is None else float(spacing)
        positive("Radon", spacing=self.spacing, pixel=pixel)
        count = math.ceil(math.hypot(*shape[1:]) * pixel / self.spacing) if cells is None else cells
        turn = torch.deg2rad(_angles(angles, "Radon"))[:, None]
        s = _cells(count) * (self.spacing / pixel)
        origin = torch.stack([s * turn.cos(), s * turn.sin()], -1)
        along = torch.stack([-turn.sin(), turn.cos()], -1).expand(origin.shape)
        super().__init__(origin, along, shape, pixel)

    def filtered_back_projection(self, y: Tensor) -> Tensor:
        """(*batch, c, angles, cells) -> images, for angles that cover 180 degrees evenly.

        Back projection of the ramp-filtered data (Kak & Slaney 1988, Ch. 3, Eqs. 61, 67): a quick
        first look; `pinv` is the least-squares solution.
        """
        self.check_measurement(y)
        n = y.shape[-1]
        place = torch.arange(-n, n, dtype=torch.float64, device=y.device)
        odd = place.remainder(2) == 1
        ramp = torch.where(odd, -1 / (math.pi * torch.where(odd, place, 1)) ** 2, 0)
        ramp[n] = 0.25
        gain = torch.fft.rfft(torch.fft.ifftshift(ramp)).real.to(y.dtype)
        flat = torch.fft.irfft(gain * torch.fft.rfft(y, 2 * n), 2 * n)[..., :n]
        return self.adjoint(flat) * (math.pi / (y.shape[-2] * self.pixel**2))


class FanBeam(_Beams):
    """Fan beams onto a flat detector: (c, h, w) -> (c, angles, cells).

    source: distance from the source to the centre of the image; detector: from there to the
    detector, both in the units of `pixel`; spacing: distance of detector cells, by default one
    pixel as magnified. At angle 0 the source is below the image. cells: by default enough to see
    the circle around the image. Raises InputError if the source is inside of that circle.
    """

    def __init__(
        self,
        angles: Tensor,
        shape: tuple[int, ...],
        source: float,
        detector: float,
        cells: int | None = None,
        spacing: float | None = None,
        pixel: float = 1.0,
    ):
        _planar(shape, "FanBeam")
        radius = math.hypot(*shape[1:]) / 2 * pixel
        if not (source > radius and detector >= 0 and pixel > 0):
            raise InputError(
                f"FanBeam got source={source:g}, detector={detector:g}, pixel={pixel:g} for an "
                f"image of radius {radius:g}; expected a source outside of the image"
            )
        grow = (source + detector) / source
        spacing = pixel * grow if spacing is None else float(spacing)
        positive("FanBeam", spacing=spacing)
        if cells is None:
            seen = 2 * (source + detector) * math.tan(math.asin(radius / source))
            cells = math.ceil(seen / spacing)
        turn = torch.deg2rad(_angles(angles, "FanBeam"))[:, None]
        u = _cells(cells) * (spacing / pixel)
        outward = torch.stack([-turn.sin(), turn.cos()], -1)
        sideways = torch.stack([turn.cos(), turn.sin()], -1)
        origin = (-source / pixel * outward).expand(len(turn), cells, 2)
        along = ((source + detector) / pixel) * outward + u[:, None] * sideways
        super().__init__(origin, torch.nn.functional.normalize(along, dim=-1), shape, pixel)


def _march(which: Tensor, place: Tensor, row: Tensor, across: Tensor, down: Tensor):
    """For the rays `which`: their numbers, place at row 0, place a row, length a row."""
    slope = across[which] / down[which]
    return which, place[which] - slope * row[which], slope, 1 / down[which].abs()


def _cells(count: int) -> Tensor:
    if count < 1:
        raise InputError(f"got cells={count} for a detector; expected 1 or more")
    return torch.arange(count, dtype=torch.float64) - (count - 1) / 2


def _angles(angles: Tensor, owner: str) -> Tensor:
    if angles.ndim != 1 or not len(angles):
        raise InputError(f"{owner} got angles of {tuple(angles.shape)}; expected (k,) in degrees")
    return require_finite(angles.to(torch.float64), f"angles of {owner}")


def _planar(shape: tuple[int, ...], owner: str) -> None:
    if len(shape) != 3:
        raise InputError(
            f"{owner} got signals of {tuple(shape)}; expected (c, h, w); put the slices of a "
            "volume on the channel or the batch axis"
        )


def positive(owner: str, **values: float) -> None:
    """Raises InputError unless every value is more than 0."""
    for name, value in values.items():
        if not value > 0:
            raise InputError(f"{owner} got {name}={value:g}; expected more than 0")
