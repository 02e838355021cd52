"""An abdomen: liver with vessels and findings, spleen, kidneys, gut with gas, spine."""

from itertools import pairwise

import numpy as np

from undrift.medical.simulate.ct_canvas import Canvas
from undrift.medical.simulate.ct_law import Patient
from undrift.medical.simulate.ct_trunk import Trunk, paint_spine, paint_tree, paint_trunk


def paint_abdomen(canvas: Canvas, patient: Patient) -> None:
    """Paints one abdomen at the centre of the canvas; the liver lies at x > 0."""
    trunk = paint_trunk(canvas, patient)
    bright = patient.between((0.3, 1.0)) if patient.chance(0.6) else 0.0
    _gut(canvas, patient, trunk)
    _liver(canvas, patient, trunk, bright)
    _spleen_and_stomach(canvas, patient, trunk, bright)
    spine = paint_spine(canvas, patient, trunk)
    for side in (-1, 1):
        place = (spine[0] + side * 34.0, spine[1] - 4.0, 0.0)
        canvas.paint(canvas.ellipsoid(place, (15.0, 17.0, 500.0)), patient.tissue("muscle"))
        _kidney(canvas, patient, (side * 62.0, spine[1] + 14.0, side * -8.0), bright)
    blood = patient.tissue("blood", extra=160 * bright)
    for x, radius in ((-14.0, 10.0), (18.0, 11.0)):
        place = (spine[0] + x, spine[1] + 28.0, 0.0)
        canvas.paint(canvas.ellipsoid(place, (radius, radius, 700.0)), blood)
    if patient.chance(0.6):  # calcified wall
        for _ in range(5):
            angle = patient.between((0, 2 * np.pi))
            x, y = spine[0] - 14 + 10 * np.cos(angle), spine[1] + 28 + 10 * np.sin(angle)
            solid = canvas.ellipsoid((x, y, patient.between((-45, 45))), (1.5, 1.5, 3.0))
            canvas.paint(solid, patient.tissue("cortical bone", hu=patient.between((200, 700))))


def _liver(canvas: Canvas, patient: Patient, trunk: Trunk, bright: float) -> None:
    tissue = patient.tissue("organ", extra=5 + 45 * bright)
    centre = patient.jitter((0.42 * trunk.inner[0], 10.0, 12.0), 5)
    radii = (0.56 * trunk.inner[0], 0.78 * trunk.inner[1], 80 * patient.size)
    solid = canvas.ellipsoid(centre, radii, turn=-0.15, rough=1.0)
    canvas.paint(solid, tissue)
    liver = canvas.whole(solid)
    left = canvas.ellipsoid((-8.0, 0.45 * trunk.inner[1], 14.0), (48.0, 26.0, 50.0), rough=1.0)
    canvas.paint(left, tissue)
    liver = np.maximum(liver, canvas.whole(left))
    vessel = patient.tissue("blood", extra=-8 + 120 * bright)
    for _ in range(int(5 * patient.vessels)):
        root = patient.jitter((28.0, 0.0, 8.0), 16)
        way = (patient.between((0.2, 1)), *patient.rng.standard_normal(2))
        heading = (float(way[0]), float(way[1]), float(way[2]))
        paint_tree(canvas, patient, root, heading, patient.between((3, 5)), vessel, liver, depth=4)
    for _ in range(int(patient.rng.integers(0, patient.law.nodules + 1))):
        radius = 1.3 * patient.between(patient.law.nodule)
        place = patient.jitter((centre[0], centre[1], 0.0), 34)
        hu = (8.0, 30.0, 40.0 + 60 * bright)[int(patient.rng.integers(3))]
        lesion = canvas.ellipsoid(place, (radius, radius, 1.1 * radius), rough=0.6)
        canvas.paint(lesion, patient.tissue("lesion", hu=hu), within=liver)
    gall = canvas.ellipsoid(patient.jitter((42.0, 38.0, -16.0), 6), (12.0, 17.0, 20.0))
    canvas.paint(gall, patient.tissue("water"))


def _spleen_and_stomach(canvas: Canvas, patient: Patient, trunk: Trunk, bright: float) -> None:
    place = (-0.74 * trunk.inner[0], -0.25 * trunk.inner[1], 16.0)
    spleen = canvas.ellipsoid(place, (24.0, 42.0, 52.0), turn=0.35, rough=0.8)
    canvas.paint(spleen, patient.tissue("organ", extra=50 * bright))
    middle = patient.jitter((-52.0, 26.0, 22.0), 6)
    canvas.paint(canvas.ellipsoid(middle, (36.0, 27.0, 40.0)), patient.tissue("muscle"))
    canvas.paint(canvas.ellipsoid(middle, (32.0, 23.0, 36.0)), patient.tissue("water", extra=25))
    gas = (middle[0], middle[1] + 13, middle[2])
    canvas.paint(canvas.ellipsoid(gas, (24.0, 8.0, 26.0)), patient.tissue("air"))
    pancreas = patient.tissue("organ", extra=-15 + 40 * bright)
    points = [(-46.0, -8.0, 4.0), (-20.0, 8.0, 2.0), (8.0, 10.0, -2.0), (26.0, 4.0, -12.0)]
    for start, end in pairwise(points):
        canvas.paint(canvas.tube(start, end, 9.0, 10.0), pancreas)


def _kidney(
    canvas: Canvas, patient: Patient, at: tuple[float, float, float], bright: float
) -> None:
    place, turn = patient.jitter(at, 4), -0.4 if at[0] > 0 else 0.4
    cortex = canvas.ellipsoid(place, (22.0, 27.0, 48.0), turn=turn, rough=0.7)
    canvas.paint(cortex, patient.tissue("organ", extra=-18 + 150 * bright))
    inner = canvas.ellipsoid(place, (14.0, 18.0, 38.0), turn=turn, rough=1.5)
    canvas.paint(inner, patient.tissue("organ", extra=-22 + 80 * bright))
    basin = (place[0] - np.sign(at[0]) * 8, place[1], place[2])
    canvas.paint(canvas.ellipsoid(basin, (9.0, 8.0, 16.0), turn=turn), patient.tissue("fat"))
    if patient.chance(0.25):  # a stone
        stone = canvas.ellipsoid(patient.jitter(basin, 2), (2.5, 2.0, 2.5))
        canvas.paint(stone, patient.tissue("cortical bone", hu=700))


def _gut(canvas: Canvas, patient: Patient, trunk: Trunk) -> None:
    """Loops: a wall around liquid, gas or contrast, along random walks in the front."""
    wall = patient.tissue("muscle", extra=-10)
    for _ in range(8):
        kind = int(patient.rng.integers(3))
        name, hu = (("water", 20.0), ("air", -990.0), ("contrast", 180.0))[kind]
        filling = patient.tissue(name, hu=hu)
        wide = patient.between((8, 15))
        point = np.array(
            [
                patient.between((-0.75, 0.5)) * trunk.inner[0],
                patient.between((-0.1, 0.6)) * trunk.inner[1],
                patient.between((-60, 40)),
            ]
        )
        path = [point]
        for _ in range(4):
            step = patient.rng.standard_normal(3)
            after = path[-1] + 24 * step / np.linalg.norm(step)
            limit = np.array([0.8 * trunk.inner[0], 0.75 * trunk.inner[1], 90.0])
            path.append(np.clip(after, -limit, limit))
        for tissue, radius in ((wall, wide), (filling, wide - 2.5)):
            for start, end in pairwise(path):
                canvas.paint(canvas.tube(tuple(start), tuple(end), radius, radius), tissue)
