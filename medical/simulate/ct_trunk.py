"""What chest and abdomen share: skin, fat, the wall of muscle, spine, ribs, and trees of vessels.

x to the right, y to the front, z up, in mm from the middle of the trunk.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from undrift.medical.simulate.ct_canvas import Canvas, Point, Tissue, Values
from undrift.medical.simulate.ct_law import Patient

_OUTSIDE = (158.0, 104.0)  # mm, half axes of the trunk
_LONG = 2000.0  # mm: endless along z


@dataclass(frozen=True)
class Trunk:
    """half: half axes of the body; inner: those within fat and muscle, in mm."""

    half: tuple[float, float]
    inner: tuple[float, float]


def paint_trunk(canvas: Canvas, patient: Patient) -> Trunk:
    """Skin, fat, muscle, and the fat within."""
    half = (_OUTSIDE[0] * patient.size, _OUTSIDE[1] * patient.size * patient.slim)
    wall = patient.between((9.0, 15.0))
    origin = (0.0, 0.0, 0.0)

    def layer(mm: float, name: str) -> None:
        radii = (half[0] - mm, half[1] - mm, _LONG)
        canvas.paint(canvas.ellipsoid(origin, radii, power=2.4), patient.tissue(name))

    layer(0.0, "muscle")
    layer(2.0, "fat")
    layer(patient.fat, "muscle")
    layer(patient.fat + wall, "fat")
    for _ in range(7):  # strands of fat between muscles
        angle = patient.between((0, 2 * np.pi))
        depth = patient.fat + 0.5 * wall
        place = (np.cos(angle) * (half[0] - depth), np.sin(angle) * (half[1] - depth), 0.0)
        strand = (patient.between((10, 30)), patient.between((0.8, 1.8)), _LONG)
        turn = float(np.arctan2(np.cos(angle) * half[1], -np.sin(angle) * half[0]))
        canvas.paint(canvas.ellipsoid(place, strand, turn=turn), patient.tissue("fat"))
    inside = patient.fat + wall
    return Trunk(half, (half[0] - inside, half[1] - inside))


def paint_spine(canvas: Canvas, patient: Patient, trunk: Trunk) -> Point:
    """Vertebrae with discs, their canal and processes; returns the centre of the bodies."""
    wide = patient.size * patient.between((18.0, 22.0))
    deep = 0.8 * wide
    x, y = patient.between((-2, 2)), -trunk.inner[1] + 0.95 * deep
    for side in (-1, 1):  # muscles of the back
        place = (x + side * 1.5 * wide, y - 1.2 * deep, 0.0)
        canvas.paint(canvas.ellipsoid(place, (1.3 * wide, deep, _LONG)), patient.tissue("muscle"))
    table = 1.6 * patient.bone
    start = patient.between((-30, 0)) - 90
    for level in range(7):
        z = start + 32 * patient.size * level
        for less, name in ((0.0, "cortical bone"), (table, "spongy bone")):
            radii = (wide - less, deep - less, 13.0 * patient.size - less)
            solid = canvas.ellipsoid((x, y, z), radii, power=2.5)
            hu = None if name == "spongy bone" else 900.0
            canvas.paint(solid, patient.tissue(name, hu=hu))
        for way in ((-1.1, -1.3), (1.1, -1.3), (0.0, -2.1)):
            root, tip = (x, y - 1.05 * deep, z), (x + way[0] * wide, y + way[1] * deep, z - 4)
            bone = canvas.tube(root, tip, 5.5 * patient.size, 3.0)
            canvas.paint(bone, patient.tissue("cortical bone", hu=700))
        disc = canvas.ellipsoid((x, y, z + 16 * patient.size), (wide, deep, 4.0))
        canvas.paint(disc, patient.tissue("organ", hu=85))
    canal = canvas.ellipsoid((x, y - 1.35 * deep, 0.0), (8.5, 7.0, _LONG))
    canvas.paint(canal, patient.tissue("csf"))
    cord = canvas.ellipsoid((x, y - 1.35 * deep, 0.0), (5.0, 4.0, _LONG))
    canvas.paint(cord, patient.tissue("grey matter"))
    return x, y, 0.0


def paint_ribs(canvas: Canvas, patient: Patient, trunk: Trunk) -> None:
    """Arcs that run down to the front, cortical outside and spongy inside."""
    gap = 26 * patient.size
    first = patient.between((-gap, 0)) - 100
    ring = (trunk.inner[0] + 3, trunk.inner[1] + 3)
    for level in range(10):
        for side in (-1, 1):
            angles = np.linspace(-0.44 * np.pi, 0.36 * np.pi, 11)
            heights = first + gap * level - 45 * (angles - angles[0]) / np.ptp(angles)
            points = [
                (side * ring[0] * float(np.cos(a)), ring[1] * float(np.sin(a)), float(z))
                for a, z in zip(angles, heights, strict=True)
            ]
            wide = patient.between((4.0, 5.5)) * patient.size
            shell = wide - 1.3 * patient.bone
            for start, end in pairwise(points):
                bone = canvas.tube(start, end, wide, wide)
                canvas.paint(bone, patient.tissue("cortical bone", hu=950))
            for start, end in pairwise(points):
                canvas.paint(canvas.tube(start, end, shell, shell), patient.tissue("spongy bone"))


def paint_tree(
    canvas: Canvas,
    patient: Patient,
    root: Point,
    heading: Point,
    radius: float,
    tissue: Tissue,
    within: Values,
    depth: int = 5,
) -> None:
    """A tree of vessels that forks `depth` times and stays within the shares given.

    At a fork the cubes of the radii add up (Murray's law), each arm taking about a half.
    """
    tips = [(np.array(root), np.array(heading, float), radius, depth)]
    while tips:
        point, way, wide, left = tips.pop()
        way = way / np.linalg.norm(way)
        length = wide * patient.between((5.0, 9.0)) + 4
        after = point + length * way
        share = patient.between((0.35, 0.65))
        canvas.paint(
            canvas.tube(tuple(point), tuple(after), wide, 0.9 * wide), tissue, within=within
        )
        if left == 0 or wide < 0.45:
            continue
        for part in (share, 1 - share):
            bent = way + 0.75 * patient.rng.standard_normal(3)
            tips.append((after, bent, wide * part ** (1 / 3), left - 1))
