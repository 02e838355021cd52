"""Brain-like phantoms: how much of each tissue every voxel holds, for any subject, grid and place.

    phantom = brain(seed=3, grid=(96, 96, 96), spacing=2.0)
    phantom.memberships["wm"]  # (96, 96, 96) float32 in [0, 1]; all together at most 1
    phantom.labels             # uint8, 0 is air, n + 1 is TISSUES[n]

A subject is shapes in millimetres (`anatomy_head`, `anatomy_cortex`, `anatomy_inside`, `lesions`),
seen through a random diffeomorphism. Tissues are painted over each other from the skin inwards: a
layer that fills a share s of a voxel leaves 1 - s to what was there. The seed and the law say it
all, so a crop or a coarser grid shows the same subject. It looks like a head and is nobody's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.simulate import anatomy_cortex, anatomy_head, anatomy_inside, lesions
from undrift.medical.simulate.fields import (
    Array,
    Axes,
    flow,
    grid_axes,
    interpolated,
    lattice,
    random_field,
    stream,
)
from undrift.medical.simulate.law import TRAINING, BrainLaw, Range
from undrift.medical.simulate.lesions import Lesion
from undrift.medical.simulate.shapes import Space, erase, paint

TISSUES = (
    "fat", "muscle", "skull", "marrow", "csf", "gm", "wm", "deep", "ventricle", "blood",
    "lesion", "tumour", "oedema",
)  # fmt: skip
_LATTICE = 8.0  # mm between the knots of a deformation
_INSIDE = ((-52, 52), (-82, 62), (-62, 46))  # mm: the box of ventricles and nuclei


@dataclass(frozen=True, eq=False)
class Phantom:
    """A subject on a grid.

    memberships: tissue -> (x, y, z) float32 in [0, 1], summing to 1 at most; the rest is air.
    variation: two fields (2, x, y, z) of variance 1 by which relaxation varies within tissues.
    affine: (4, 4) float64, voxel to mm, RAS+.  lesions: as drawn and as they came out.
    """

    memberships: Mapping[str, Array]
    variation: Array
    affine: np.ndarray
    lesions: tuple[Lesion, ...]
    seed: int
    law: BrainLaw

    @property
    def grid(self) -> tuple[int, int, int]:
        """Voxels along x, y and z."""
        x, y, z = self.memberships["wm"].shape
        return x, y, z

    @property
    def labels(self) -> np.ndarray:
        """(x, y, z) uint8: 0 where air fills most of a voxel, n + 1 where TISSUES[n] does."""
        stack = np.stack([self.memberships[name] for name in TISSUES])
        best = stack.argmax(0).astype(np.uint8) + 1
        return np.where(stack.sum(0) < 0.5, 0, best).astype(np.uint8)

    def mask(self) -> np.ndarray:
        """(x, y, z) bool: where tissue fills at least half of a voxel."""
        return np.sum(list(self.memberships.values()), axis=0) >= 0.5


def brain(
    seed: int,
    grid: tuple[int, int, int] = (96, 96, 96),
    spacing: float | tuple[float, float, float] = 2.0,
    law: BrainLaw = TRAINING,
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
    with_lesions: bool = True,
) -> Phantom:
    """Subject `seed` of a law on a grid of `spacing` mm about `centre`, mm from the head's middle.

    with_lesions: False gives the same subject without them.

    Raises InputError for an empty grid, a spacing that is not positive, and a negative seed.
    """
    steps = spacing if isinstance(spacing, tuple) else (spacing, spacing, spacing)
    if seed < 0 or len(grid) != 3 or min(grid) < 1 or not min(steps) > 0:
        raise InputError(
            f"seed {seed}, grid {grid}, spacing {spacing}: expected a seed of 0 or more, three "
            "numbers of voxels and positive millimetres"
        )
    axes = grid_axes(grid, steps, centre)
    at = _space(axes, seed, law, float(np.prod(steps)) ** (1 / 3))
    shares = _healthy(at, axes, seed, law)
    found = lesions.add_lesions(shares, at, axes, seed, law, steps) if with_lesions else ()
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = [float(mm[0]) for mm in axes]
    slow, fine = random_field(seed, "tissue slow", 14.0), random_field(seed, "tissue fine", 2.2)
    other, grain = random_field(seed, "other slow", 18.0), random_field(seed, "other fine", 3.0)
    varied = [0.8 * a.on(axes) + 0.6 * b.on(axes) for a, b in ((slow, fine), (other, grain))]
    return Phantom(shares, np.stack(varied), affine, found, seed, law)


def _draw(rng: np.random.Generator, span: Range) -> float:
    return float(rng.uniform(*span))


def _space(axes: Axes, seed: int, law: BrainLaw, voxel: float) -> Space:
    """Places of the grid in the unwarped head: p + u(p), with u the flow of a random velocity."""
    rng = stream(seed, "size")
    size, deformation = _draw(rng, law.size), _draw(rng, law.deformation)
    factors = [size * _draw(rng, law.stretch) for _ in range(3)]
    knots = lattice(_LATTICE)
    velocity = [
        np.float32(deformation)
        * (
            np.float32(0.9) * random_field(seed, f"velocity {axis}", 38.0).on(knots)
            + np.float32(0.4) * random_field(seed, f"finer velocity {axis}", 17.0).on(knots)
        )
        for axis in range(3)
    ]
    moved = [interpolated(u, _LATTICE).on(axes) for u in flow(velocity, _LATTICE)]
    x, y, z = np.ix_(*axes)
    places = ((v + u) / np.float32(f) for v, u, f in zip((x, y, z), moved, factors, strict=True))
    return Space(*places, voxel=voxel / size)


def _healthy(at: Space, axes: Axes, seed: int, law: BrainLaw) -> dict[str, Array]:
    """The shares of all tissues without lesions."""
    rng = stream(seed, "shape")
    drawn = {
        name: _draw(rng, getattr(law, name))
        for name in ("fold", "fold_depth", "sulcus", "cortex", "ventricles", "skull", "scalp",
                     "gap", "vessel")
    }  # fmt: skip
    surface = anatomy_cortex.brain_surface(at)
    whole = surface.surface()
    around = anatomy_head.head(at, axes, whole, seed, drawn["gap"], drawn["skull"], drawn["scalp"])
    shares = {name: np.zeros(whole.shape, np.float32) for name in TISSUES}
    shares["fat"] += around.head
    paint(shares, "muscle", around.muscle * around.head)
    paint(shares, "csf", around.globes * around.head)
    erase(shares, around.air)
    paint(shares, "skull", around.skull * around.head)
    paint(shares, "marrow", around.marrow * around.head)
    paint(shares, "csf", around.inner)
    _paint_brain(shares, at, axes, seed, surface, drawn)
    paint(shares, "blood", anatomy_inside.sinus(at, whole) * around.inner)
    vessels = anatomy_inside.vessels(at, axes, seed, drawn["vessel"])
    outside = 1 - at.filled(whole, grown=-4.0) * np.float32(0.6)  # large ones run near the surface
    paint(shares, "blood", vessels * outside * around.inner)
    return shares


def _paint_brain(
    shares: dict[str, Array], at: Space, axes: Axes, seed: int,
    surface: anatomy_cortex.Brain, drawn: Mapping[str, float],
) -> None:  # fmt: skip
    paint(shares, "wm", at.filled(surface.stem))
    leaves = anatomy_cortex.folia(at, axes, surface, seed, drawn["cortex"])
    paint(shares, "wm", at.filled(surface.cerebellum))
    paint(shares, "gm", leaves.grey)
    paint(shares, "csf", leaves.fluid)
    ribbon = anatomy_cortex.cortex(
        at, axes, surface, seed, drawn["fold"], drawn["fold_depth"], drawn["sulcus"],
        drawn["cortex"],
    )  # fmt: skip
    paint(shares, "wm", at.filled(surface.cerebrum))
    paint(shares, "gm", ribbon.grey)
    paint(shares, "csf", ribbon.fluid)
    box = _box(axes)
    if 0 in shares["wm"][box].shape:
        return
    inner = at.part(box)
    rough = random_field(seed, "inside", 7.0)
    uneven = rough.on((axes[0][box[0]], axes[1][box[1]], axes[2][box[2]]))
    parts = {name: share[box] for name, share in shares.items()}  # views
    within = parts["wm"] + parts["gm"]
    paint(parts, "deep", inner.filled(anatomy_inside.nuclei(inner, uneven)) * within)
    paint(parts, "ventricle",
           inner.filled(anatomy_inside.ventricles(inner, drawn["ventricles"], uneven)))  # fmt: skip


def _box(axes: Axes) -> tuple[slice, slice, slice]:
    """The voxels that ventricles and nuclei can reach, deformed or not."""
    slices = []
    for mm, (low, high) in zip(axes, _INSIDE, strict=True):
        first, last = np.searchsorted(mm, (low - 15, high + 15))
        slices.append(slice(int(first), int(last)))
    return slices[0], slices[1], slices[2]
