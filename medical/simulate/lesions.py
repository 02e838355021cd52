"""Lesions: plaques in white matter near the ventricles, and a tumour with its oedema.

Each is an ellipsoid with a random border. They are drawn apart from the rest of the head, so that
the same subject can be had with and without them.
"""

from dataclasses import dataclass, replace

import numpy as np

from undrift.medical.simulate.fields import Axes, random_field, stream
from undrift.medical.simulate.law import BrainLaw
from undrift.medical.simulate.shapes import Array, Point, Space, ellipsoid, paint


@dataclass(frozen=True)
class Lesion:
    """One lesion as drawn. kind: "plaque" or "tumour". centre, radii: mm in the unwarped head.

    volume: what it takes of the volume at hand, in mm3 (0 where it lies elsewhere or in no tissue
    that has such lesions).  centroid: where that is in the world, in mm; None for volume 0.
    """

    kind: str
    centre: Point
    radii: Point
    volume: float
    centroid: Point | None


def draw_lesions(seed: int, law: BrainLaw) -> list[tuple[str, Point, Point]]:
    """Kind, centre and radii of a subject's lesions."""
    rng = stream(seed, "lesions")
    found = []
    for _ in range(rng.poisson(law.lesions)):
        side, radius = rng.choice((-1, 1)), rng.uniform(*law.lesion_size)
        centre = (float(side * rng.uniform(14, 36)), rng.uniform(-48, 40), rng.uniform(8, 38))
        found.append(("plaque", centre, _radii(rng, radius)))
    if rng.random() < law.tumour:
        radius = rng.uniform(*law.tumour_size)
        centre = (float(rng.choice((-1, 1)) * rng.uniform(18, 42)), rng.uniform(-55, 50),
                  rng.uniform(0, 44))  # fmt: skip
        found.append(("tumour", centre, _radii(rng, radius)))
    return found


def lesion_shares(at: Space, axes: Axes, seed: int, number: int, kind: str, centre: Point,
                  radii: Point) -> dict[str, Array]:  # fmt: skip
    """Tissue -> the share of each voxel that a lesion would take where it may."""
    border = random_field(seed, f"border {number}", max(2.5, min(radii) * 0.7)).on(axes)
    size = np.float32(min(radii))
    distance = ellipsoid(at, centre, radii) + np.float32(0.22) * size * border
    if kind == "plaque":
        return {"lesion": at.filled(distance)}
    spread = distance + np.float32(0.25) * size * border - np.float32(0.8) * size
    core = at.filled(distance)
    necrosis = at.filled(distance + np.float32(0.5) * size)
    return {"oedema": at.filled(spread), "tumour": core, "csf": necrosis * np.float32(0.7)}


def _radii(rng: np.random.Generator, radius: float) -> Point:
    a, b, c = radius * rng.uniform(0.75, 1.3, 3)
    return float(a), float(b), float(c)


def add_lesions(
    shares: dict[str, Array], at: Space, axes: Axes, seed: int, law: BrainLaw,
    steps: tuple[float, ...],
) -> tuple[Lesion, ...]:  # fmt: skip
    """Paints lesions where white matter is (a tumour: any tissue of the brain)."""
    found = []
    for number, (kind, centre, radii) in enumerate(draw_lesions(seed, law)):
        lesion = Lesion(kind, centre, radii, 0.0, None)
        box = _near(at, centre, 2.6 * max(radii) + 4)
        if box is not None:
            cut = (axes[0][box[0]], axes[1][box[1]], axes[2][box[2]])
            parts = {name: share[box] for name, share in shares.items()}
            places = at.part(box)
            layers = lesion_shares(places, cut, seed, number, kind, centre, radii)
            host = parts["wm"] if kind == "plaque" else parts["wm"] + parts["gm"] + parts["deep"]
            taken = np.zeros_like(host)
            host = host.copy()
            for tissue, share in layers.items():
                paint(parts, tissue, share * host)
                taken = np.maximum(taken, share * host)
            lesion = _measured(lesion, taken, cut, float(np.prod(steps)))
        found.append(lesion)
    return tuple(found)


def _near(at: Space, centre: tuple[float, ...], reach: float) -> tuple[slice, slice, slice] | None:
    """The box of voxels within `reach` mm of a place; None where no voxel is."""
    close = (
        (np.abs(at.x - centre[0]) < reach)
        & (np.abs(at.y - centre[1]) < reach)
        & (np.abs(at.z - centre[2]) < reach)
    )
    if not close.any():
        return None
    spans = [np.flatnonzero(close.any(tuple(a for a in range(3) if a != axis)))
             for axis in range(3)]  # fmt: skip
    x, y, z = (slice(int(span[0]), int(span[-1]) + 1) for span in spans)
    return x, y, z


def _measured(lesion: Lesion, taken: Array, axes: Axes, voxel: float) -> Lesion:
    total = float(taken.sum(dtype=np.float64))
    if total * voxel < 0.5:
        return lesion
    x, y, z = (
        float((taken.sum(tuple(a for a in range(3) if a != axis)) * mm).sum() / total)
        for axis, mm in enumerate(axes)
    )
    return replace(lesion, volume=total * voxel, centroid=(x, y, z))
