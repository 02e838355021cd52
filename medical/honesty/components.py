"""Which structures disappeared or appeared: connected parts of the change, in mm^3 and mm.

The change after - before is smoothed (noise goes, lesions stay) and compared with its own noise:
1.4826 times the median of |change| in the body, locally where that is larger, joined with the
spread of the samples where there is one. Connected voxels beyond k times that are a finding; its
extent is where the change exceeds the share of its peak that a smoothed ball of its size has at
its surface (below half: blur shrinks what is convex). Contrast is the median inside minus the
median in a shell around: it says whether the structure was in the input (disappeared) or is in the
output only (appeared).

Magnitudes of MR have a floor of noise in air, which a denoiser takes off: with its deviation as
`floor`, voxels without signal (below 2 deviations after, and below 4 before) are not judged.

Between contrasts (T1 to T2, MR to CT) values cannot be subtracted: there the change is what each
volume holds that the other does not explain (`across`), and spreads play no part.
"""

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.honesty.across import span, unexplained
from undrift.medical.honesty.body import body_of
from undrift.medical.honesty.invented import smoothed
from undrift.medical.honesty.noise import noise_scale
from undrift.medical.volumes.volume import Values, Volume

Mask = npt.NDArray[np.bool_]
Kind = Literal["disappeared", "appeared"]
THRESHOLD = 5.0  # deviations
LEAST = 10.0  # mm^3, and at least 3 voxels
LEAST_CONTRAST = 0.05  # of the span of values, between contrasts
SHELL = 4.0  # mm around a structure that its contrast is against


@dataclass(frozen=True)
class Component:
    """One structure that went or came.

    centroid: (x, y, z) in mm, RAS+ of the affine.  contrast_before, contrast_after: against the
    surroundings, in the units of the values.  strength: peak of the change, in deviations.
    """

    kind: Kind
    volume: float
    centroid: tuple[float, float, float]
    contrast_before: float
    contrast_after: float
    strength: float

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "Kind": self.kind,
            "VolumeCubicMillimetres": round(self.volume, 3),
            "CentroidMillimetresRAS": [round(c, 3) for c in self.centroid],
            "ContrastBefore": self.contrast_before,
            "ContrastAfter": self.contrast_after,
            "Strength": self.strength,
        }

    def __str__(self) -> str:
        x, y, z = self.centroid
        return (
            f"{self.kind}: {self.volume:.0f} mm^3 at ({x:.1f}, {y:.1f}, {z:.1f}) mm, contrast "
            f"{self.contrast_before:.3g} -> {self.contrast_after:.3g}"
        )


def changed_components(
    before: Volume,
    after: Volume,
    std: Values | None = None,
    *,
    same_contrast: bool = True,
    k: float = THRESHOLD,
    least: float = LEAST,
    smooth: float | None = None,
    floor: float | None = None,
) -> tuple[Component, ...]:
    """What went and came between two volumes (x, y, z) on one grid, the largest first.

    std: deviation of the samples behind `after`, of its shape and unit. least: mm^3. smooth: mm of
    the Gaussian; by default the largest spacing. Structures much smaller than that are missed, and
    a weak one that touches a change more than twice as strong counts as part of it. floor: the
    deviation of the noise of magnitudes, in the unit of the values.

    Raises InputError for series in time, other shapes, or values that are not finite.
    """
    _check(before, after, std)
    wide = max(before.spacing) if smooth is None else smooth
    body = body_of(before) | body_of(after)
    voxel = float(abs(np.linalg.det(before.affine[:3, :3])))
    voxels = max(3, int(np.ceil(least / voxel)))
    found = []
    for kind, change, unit in _changes(before, after, body, same_contrast):
        if floor is not None:
            change[(after.array < 2 * floor) & (before.array < 4 * floor)] = 0
        strength = _strength(change, unit, body, before.spacing, wide, std)
        for part in _parts(strength, k, voxels, wide / float(np.cbrt(voxel))):
            found.append(_described(before, after, part, kind))
    if not same_contrast:
        spans = span(before.array, body), span(after.array, body)
        found = [one for one in found if _stands_out_once(one, spans)]
    return tuple(sorted(found, key=lambda one: (-one.volume, one.centroid)))


def _changes(
    before: Volume, after: Volume, body: Mask, same_contrast: bool
) -> Iterator[tuple[Kind | None, Values, float]]:
    """What it means (None: the contrasts tell), the change, and the span of its unit."""
    if same_contrast:
        yield None, after.array - before.array, span(before.array, body)
    else:
        yield "disappeared", unexplained(before.array, after.array, body), span(before.array, body)
        yield "appeared", unexplained(after.array, before.array, body), span(after.array, body)


def _strength(
    change: Values,
    unit: float,
    body: Mask,
    spacing: tuple[float, float, float],
    wide: float,
    std: Values | None,
) -> Values:
    """The smoothed change in deviations of its own noise, at least 1e-3 of the span."""
    soft = smoothed(change, spacing, wide, "constant")
    scale = np.maximum(noise_scale(soft, body, spacing), 1e-3 * unit)
    if std is not None:
        scale = np.sqrt(scale**2 + smoothed(std, spacing, wide) ** 2)
    return (soft / scale).astype(np.float32)


def _stands_out_once(one: Component, spans: tuple[float, float]) -> bool:
    first, last = abs(one.contrast_before) / spans[0], abs(one.contrast_after) / spans[1]
    here, there = (first, last) if one.kind == "disappeared" else (last, first)
    return here > max(2 * there, LEAST_CONTRAST)


def _check(before: Volume, after: Volume, std: Values | None) -> None:
    shapes = {
        before.array.shape,
        after.array.shape,
        after.array.shape if std is None else std.shape,
    }
    if len(shapes) != 1 or before.array.ndim != 3:
        raise InputError(f"expected volumes (x, y, z) of one shape, got {sorted(shapes)}")
    for name, array in (("before", before.array), ("after", after.array), ("std", std)):
        if array is not None and not np.isfinite(array).all():
            raise InputError(f"{name}: {int((~np.isfinite(array)).sum())} voxels are not finite")


@dataclass(frozen=True, eq=False)
class _Part:
    """A mask within a box of the volume, and the peak of the change there."""

    box: tuple[slice, ...]
    core: Mask
    peak: float


def _parts(strength: Values, k: float, voxels: int, wide: float) -> Iterator[_Part]:
    """Connected parts of either sign beyond k, cut to their extent. wide: in voxels."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    for sign in (1, -1):
        signed = sign * strength
        labels, _ = ndimage.label(signed > k)
        sizes = np.bincount(labels.ravel())
        for number, box in enumerate(ndimage.find_objects(labels), 1):
            if sizes[number] < voxels:
                continue
            own = np.where(labels[box] == number, signed[box], 0)
            half = int((own > own.max() / 2).sum())
            share = surface_share(np.cbrt(3 * half / (4 * np.pi)), wide)
            pieces, count = ndimage.label(own > own.max() * share)
            for piece in range(1, count + 1):
                core = pieces == piece
                if int(core.sum()) >= voxels:
                    yield _Part(box, core, float(own[core].max()))


def surface_share(half: float, wide: float) -> float:
    """Value at the surface over that in the middle of a ball smoothed by a Gaussian.

    half: radius at which the smoothed ball has half of the value in its middle; wide: deviation of
    the Gaussian, in the same unit. The ball's radius R is half + wide^2 / half to second order.
    """
    if wide <= 0:
        return 0.5
    r = half / wide + wide / half  # R in units of the deviation
    edge = 0.5 * math.erf(math.sqrt(2) * r) - (1 - math.exp(-2 * r * r)) / (
        r * math.sqrt(2 * math.pi)
    )
    middle = math.erf(r / math.sqrt(2)) - math.sqrt(2 / math.pi) * r * math.exp(-r * r / 2)
    return edge / middle


def _described(before: Volume, after: Volume, part: _Part, kind: Kind | None) -> Component:
    """kind: None where the contrasts say whether it went or came."""
    start = np.array([one.start for one in part.box])
    middle = np.argwhere(part.core).mean(axis=0) + start
    x, y, z = (float(c) for c in (before.affine @ (*middle, 1.0))[:3])
    wider, inside, shell = _surroundings(part, before)
    first, last = (_contrast(v.array[wider], inside, shell) for v in (before, after))
    voxel = float(abs(np.linalg.det(before.affine[:3, :3])))
    kind = kind or ("disappeared" if abs(first) > abs(last) else "appeared")
    return Component(kind, float(part.core.sum()) * voxel, (x, y, z), first, last, part.peak)


def _surroundings(part: _Part, volume: Volume) -> tuple[tuple[slice, ...], Mask, Mask]:
    """A wider box, the part in it, and a shell of 4 mm around it, one voxel away."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    gap = max(volume.spacing)
    reach = [int(np.ceil((SHELL + gap) / step)) for step in volume.spacing]
    wider, place = [], []
    for one, r, n in zip(part.box, reach, volume.grid, strict=True):
        low, high = max(one.start - r, 0), min(one.stop + r, n)
        wider.append(slice(low, high))
        place.append(slice(one.start - low, one.stop - low))
    inside = np.zeros([one.stop - one.start for one in wider], bool)
    inside[tuple(place)] = part.core
    away = ndimage.distance_transform_edt(~inside, sampling=volume.spacing)
    return tuple(wider), inside, (away > gap) & (away <= gap + SHELL)


def _contrast(array: Values, inside: Mask, shell: Mask) -> float:
    """Median inside minus median around; 0 where nothing is around."""
    return float(np.median(array[inside]) - np.median(array[shell])) if shell.any() else 0.0
