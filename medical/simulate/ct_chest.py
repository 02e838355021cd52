"""A chest: lungs with vessels, airways and nodules, heart, great vessels, ribs, spine."""

import numpy as np

from undrift.medical.simulate.ct_canvas import Canvas, Values
from undrift.medical.simulate.ct_law import Patient
from undrift.medical.simulate.ct_trunk import (
    Trunk,
    paint_ribs,
    paint_spine,
    paint_tree,
    paint_trunk,
)


def paint_chest(canvas: Canvas, patient: Patient) -> None:
    """Paints one chest at the centre of the canvas."""
    trunk = paint_trunk(canvas, patient)
    lungs = _lungs(canvas, patient, trunk)
    spine = paint_spine(canvas, patient, trunk)
    paint_ribs(canvas, patient, trunk)
    breastbone = (0.0, trunk.inner[1] + 4, 0.0)
    for radii, name in (((17.0, 6.5, 400.0), "cortical bone"), ((15.0, 4.8, 400.0), "spongy bone")):
        hu = 800.0 if name == "cortical bone" else None
        canvas.paint(canvas.ellipsoid(breastbone, radii), patient.tissue(name, hu=hu))
    bright = patient.chance(0.5)
    _heart(canvas, patient, bright)
    blood = patient.tissue("contrast") if bright else patient.tissue("blood")
    aorta = (spine[0] - 22.0, spine[1] + 18.0, 0.0)
    canvas.paint(canvas.ellipsoid(aorta, (13.5, 13.0, 900.0)), patient.tissue("muscle"))
    canvas.paint(canvas.ellipsoid(aorta, (12.0, 11.5, 900.0)), blood)
    _airways(canvas, patient, spine[1])
    for side, lung in zip((-1, 1), lungs, strict=True):
        _inside_lung(canvas, patient, side, lung, trunk)


def _lungs(canvas: Canvas, patient: Patient, trunk: Trunk) -> list[Values]:
    """Both lungs, denser behind, as they are in a patient who lies; returns their shares."""
    shares = []
    tissue = patient.tissue("lung")
    slope = patient.between((0.2, 0.7))  # HU a mm
    for side in (-1, 1):
        wide = 0.43 * trunk.inner[0] * (0.93 if side < 0 else 1.0)
        centre = (side * (trunk.inner[0] - wide - 1), patient.between((-4, 4)), 5.0)
        radii = (wide, 0.92 * trunk.inner[1], 150 * patient.size)
        solid = canvas.ellipsoid(centre, radii, turn=-0.08 * side, rough=1.2, power=2.3)
        canvas.paint(solid, tissue)
        whole = canvas.whole(solid)
        canvas.hu -= whole * np.float32(slope) * canvas.where[1]
        shares.append(whole)
    return shares


def _heart(canvas: Canvas, patient: Patient, bright: bool) -> None:
    middle = patient.jitter((-22.0, 18.0, -20.0), 6)
    radii = (46.0 * patient.size, 40.0 * patient.size, 52.0 * patient.size)
    fat = canvas.ellipsoid(middle, (radii[0] + 5, radii[1] + 5, radii[2] + 5), turn=0.5, rough=1.0)
    canvas.paint(fat, patient.tissue("fat"))
    canvas.paint(canvas.ellipsoid(middle, radii, turn=0.5, rough=0.6), patient.tissue("muscle"))
    for offset, size in (((-12, -8), 17.0), ((16, 4), 15.0), ((2, -22), 13.0), ((18, -20), 11.0)):
        blood = patient.tissue("contrast") if bright else patient.tissue("blood")
        place = (middle[0] + offset[0], middle[1] + offset[1], middle[2] + patient.between((-9, 9)))
        solid = canvas.ellipsoid(place, (size, 0.8 * size, 1.4 * size), turn=0.5)
        canvas.paint(solid, blood)
    for _ in range(int(patient.rng.integers(0, 4))):  # calcified plaque
        place = patient.jitter((middle[0], middle[1] + 30, middle[2]), 14)
        solid = canvas.ellipsoid(place, (1.2, 2.2, 2.0), turn=patient.between((0, 3)))
        canvas.paint(solid, patient.tissue("cortical bone", hu=patient.between((300, 700))))


def _airways(canvas: Canvas, patient: Patient, spine: float) -> None:
    fork = (2.0, spine + 42.0, 12.0)
    wall, air = patient.tissue("muscle"), patient.tissue("air")
    ends = [(2.0, spine + 44.0, 300.0)]
    ends += [(side * 46.0, spine + 44.0, -22.0) for side in (-1, 1)]
    for tissue, more in ((wall, 1.5), (air, 0.0)):
        for end, wide in zip(ends, (8.5, 6.0, 6.0), strict=True):
            canvas.paint(canvas.tube(fork, end, wide + more, wide + more), tissue)
    gullet = canvas.ellipsoid((-4.0, spine + 27.0, 0.0), (7.0, 5.5, 900.0))
    canvas.paint(gullet, patient.tissue("muscle"))


def _inside_lung(canvas: Canvas, patient: Patient, side: int, lung: Values, trunk: Trunk) -> None:
    vessel = patient.tissue("blood")
    for _ in range(int(9 * patient.vessels)):
        root = patient.jitter((side * 40.0, 4.0, 0.0), 10)
        way = (side * patient.between((0.2, 1.0)), *patient.rng.standard_normal(2))
        heading = (float(way[0]), float(way[1]), float(way[2]))
        paint_tree(canvas, patient, root, heading, patient.between((2.5, 4.5)), vessel, lung)
    for _ in range(int(patient.rng.integers(0, patient.law.nodules + 1))):
        radius = patient.between(patient.law.nodule)
        place = (
            side * patient.between((0.3, 0.85)) * trunk.inner[0],
            patient.between((-0.6, 0.6)) * trunk.inner[1],
            patient.between((-45, 45)),
        )
        kind = int(patient.rng.integers(3))
        body = patient.tissue("nodule", hu=(40.0, -600.0, -450.0)[kind])
        radii = (radius, radius * patient.between((0.8, 1.2)), radius * patient.between((0.8, 1.2)))
        canvas.paint(canvas.ellipsoid(place, radii, rough=0.5), body, within=lung)
        if kind == 2:  # a solid part in a veil
            core = canvas.ellipsoid(place, (0.5 * radii[0], 0.5 * radii[1], 0.5 * radii[2]))
            canvas.paint(core, patient.tissue("nodule"), within=lung)
        if kind == 0:  # spicules
            for _ in range(5):
                way = patient.rng.standard_normal(3)
                tip = np.array(place) + 2.0 * radius * way / np.linalg.norm(way)
                canvas.paint(canvas.tube(place, tuple(tip), 0.7, 0.3), body, within=lung)
