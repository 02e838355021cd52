"""A head: scalp, skull with spongy bone between two tables, brain, ventricles, sinuses, findings.

x to the right, y to the front, z up, in mm from the middle of the brain.
"""

import numpy as np

from undrift.medical.simulate.ct_canvas import Canvas, Point
from undrift.medical.simulate.ct_law import Patient

_OUTSIDE = (78.0, 96.0, 88.0)  # mm, half axes of the head


def paint_head(canvas: Canvas, patient: Patient) -> None:
    """Paints one head at the centre of the canvas."""
    scale = patient.size
    half = (_OUTSIDE[0] * scale, _OUTSIDE[1] * scale * patient.slim, _OUTSIDE[2] * scale)
    _bones(canvas, patient, half)
    inner = _brain(canvas, patient, half)
    _ventricles(canvas, patient, inner)
    _vessels(canvas, patient, inner)
    _findings(canvas, patient, inner)
    _sinuses(canvas, patient, half)


def _less(half: Point, mm: float) -> Point:
    return half[0] - mm, half[1] - mm, half[2] - mm


def _bones(canvas: Canvas, patient: Patient, half: Point) -> None:
    origin = (0.0, 0.0, 0.0)
    scalp = min(8.0, 3 + 0.25 * patient.fat)
    table = 1.9 * patient.bone
    spongy = patient.between((2.0, 4.0))
    for mm, name in (
        (0.0, "muscle"),
        (1.8, "fat"),
        (scalp, "cortical bone"),
        (scalp + table, "spongy bone"),
        (scalp + table + spongy, "cortical bone"),
        (scalp + 2 * table + spongy, "csf"),
    ):
        canvas.paint(canvas.ellipsoid(origin, _less(half, mm)), patient.tissue(name))
    for side in (-1, 1):  # temples
        centre = patient.jitter((side * 66.0, 12.0, -18.0), 3)
        canvas.paint(canvas.ellipsoid(centre, (7.0, 26.0, 24.0)), patient.tissue("muscle"))


def _brain(canvas: Canvas, patient: Patient, half: Point) -> Point:
    depth = min(8.0, 3 + 0.25 * patient.fat) + 3.8 * patient.bone + patient.between((3.5, 6.0))
    inner = _less(half, depth)
    origin = (0.0, 0.0, 0.0)
    cortex = patient.between((2.5, 4.0))
    canvas.paint(canvas.ellipsoid(origin, inner, rough=1.6), patient.tissue("grey matter"))
    white = canvas.ellipsoid(origin, _less(inner, 2 * cortex), rough=3.2)
    canvas.paint(white, patient.tissue("white matter"))
    falx = canvas.ellipsoid((0.0, 0.0, 25.0), (0.9, inner[1] - 4, inner[2] - 30))
    canvas.paint(falx, patient.tissue("blood", extra=patient.between((0, 15))))
    for side in (-1, 1):
        for centre, radii, turn in (
            ((14.0, 14.0, 2.0), (5.0, 11.0, 11.0), 0.25),
            ((24.0, 4.0, 0.0), (5.0, 15.0, 12.0), 0.15),
            ((12.0, -8.0, 2.0), (7.0, 12.0, 9.0), 0.5),
        ):
            place = patient.jitter((side * centre[0], centre[1], centre[2]), 1.5)
            solid = canvas.ellipsoid(place, radii, turn=side * turn)
            canvas.paint(solid, patient.tissue("grey matter"))
    return inner


def _ventricles(canvas: Canvas, patient: Patient, inner: Point) -> None:
    wide = patient.between((0.6, 1.5))
    for side in (-1, 1):
        for centre, radii, turn in (
            ((10.0, 22.0, 14.0), (4.5, 15.0, 8.0), 0.35),
            ((13.0, -14.0, 16.0), (5.0, 22.0, 9.0), -0.3),
            ((30.0, -18.0, -8.0), (3.5, 14.0, 5.0), -0.2),
        ):
            place = patient.jitter((side * centre[0], centre[1], centre[2]), 1.5)
            solid = canvas.ellipsoid(
                place, (radii[0] * wide, radii[1], radii[2] * wide), turn=side * turn
            )
            canvas.paint(solid, patient.tissue("csf"))
        if patient.chance(0.5):  # calcified plexus
            place = patient.jitter((side * 14.0, -22.0, 14.0), 3)
            solid = canvas.ellipsoid(place, (1.6, 2.6, 2.4))
            canvas.paint(solid, patient.tissue("cortical bone", hu=patient.between((120, 500))))
    third = canvas.ellipsoid(patient.jitter((0.0, 0.0, -2.0), 1), (1.6 * wide, 12.0, 10.0))
    canvas.paint(third, patient.tissue("csf"))
    for _ in range(int(patient.between((6, 14)) * patient.vessels)):  # furrows
        angle, height = patient.between((0, 2 * np.pi)), patient.between((-40, 40))
        ring = np.sqrt(max(0.1, 1 - (height / inner[2]) ** 2))
        place = (ring * inner[0] * np.cos(angle), ring * inner[1] * np.sin(angle), height)
        radii = (patient.between((7, 16)), patient.between((0.8, 2.0)), patient.between((6, 16)))
        solid = canvas.ellipsoid(place, radii, turn=float(np.arctan2(place[1], place[0])))
        brain = canvas.whole(canvas.ellipsoid((0.0, 0.0, 0.0), inner))
        canvas.paint(solid, patient.tissue("csf"), within=brain)


def _vessels(canvas: Canvas, patient: Patient, inner: Point) -> None:
    bright = patient.chance(0.5)
    tissue = patient.tissue("contrast") if bright else patient.tissue("blood", extra=8)
    for _ in range(int(14 * patient.vessels)):
        start = patient.jitter((0.0, 8.0, -14.0), 16)
        point, radius = np.array(start), patient.between((1.2, 2.4))
        heading = patient.rng.standard_normal(3)
        for _ in range(4):
            heading = heading + 0.7 * patient.rng.standard_normal(3)
            step = 14 * heading / np.linalg.norm(heading)
            after = point + step
            if np.linalg.norm(after / np.array(inner)) > 0.95:
                break
            tube = canvas.tube(tuple(point), tuple(after), radius, 0.8 * radius)
            canvas.paint(tube, tissue)
            point, radius = after, 0.8 * radius


def _findings(canvas: Canvas, patient: Patient, inner: Point) -> None:
    """Bleedings, infarcts, masses: from none to the law's number."""
    for _ in range(int(patient.rng.integers(0, patient.law.nodules + 1))):
        way = patient.rng.standard_normal(3)
        way = way / np.linalg.norm(way) * patient.between((0.2, 0.8))
        place = (way[0] * inner[0], way[1] * inner[1], way[2] * inner[2] * 0.6)
        radius = 1.3 * patient.between(patient.law.nodule)
        radii = (
            radius * patient.between((0.7, 1.4)),
            radius,
            radius * patient.between((0.7, 1.3)),
        )
        hu = (70.0, 18.0, 50.0)[int(patient.rng.integers(3))]
        solid = canvas.ellipsoid(place, radii, turn=patient.between((0, 3.1)), rough=0.8)
        canvas.paint(solid, patient.tissue("lesion", hu=hu))


def _sinuses(canvas: Canvas, patient: Patient, half: Point) -> None:
    for side in (-1, 1):
        place = (side * patient.between((8, 14)), half[1] - 14, patient.between((-40, -28)))
        radii = (patient.between((6, 12)), patient.between((3, 5)), patient.between((6, 14)))
        shell = canvas.ellipsoid(place, (radii[0] + 2, radii[1] + 2, radii[2] + 2))
        canvas.paint(shell, patient.tissue("cortical bone", hu=900))
        canvas.paint(canvas.ellipsoid(place, radii), patient.tissue("air"))
        for _ in range(6):  # cells of the petrous bone
            cell = patient.jitter((side * 54.0, -22.0, -46.0), 7)
            canvas.paint(canvas.ellipsoid(cell, (6.0, 6.0, 5.0)), patient.tissue("spongy bone"))
            canvas.paint(canvas.ellipsoid(cell, (2.2, 2.6, 2.4)), patient.tissue("air"))
