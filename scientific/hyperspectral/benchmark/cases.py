"""What is denoised: noisy scenes with their truth, a function of (split, row, number) alone.

`test` has the seeds 900 to 999; every other of its scenes is drawn from a shifted law: more
families of materials, more variants, a stronger bilinear part, more variability, a sharper sensor.
`validation` has 800 to 899 and the law of training; settings were chosen on it. All of that is
simulated; `real` has rows of a cube that the user has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.errors import UsageError, nearest
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.noise.cases import CASES, add_case
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, photons, sweep
from undrift.scientific.hyperspectral.scenes.scene import Landscape, scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor

FIRST = {"test": 900, "validation": 800}
SIDE = 64
SHIFTED = Landscape(families=6, variants=(3, 5), bilinear=0.3, variability=0.12, spot=0.6)
FULL = 2000.0  # photons at 1
NOISES = (*CASES, "pushbroom", "poisson")
# sensor -> bands, scenes a row: few of the largest, so that all rows take some ten minutes
COUNTS = {"visible": (31, 4), "near-infrared": (103, 4), "shortwave": (224, 2)}


@dataclass(frozen=True, eq=False)
class Case:
    """noisy: what a method gets. truth: (bands, rows, columns) in [0, 1]."""

    row: str
    kind: str
    item: str
    noisy: Cube
    truth: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """A line of the suite. kind: "case" or "sensor", for the settings of peers. count: scenes."""

    name: str
    kind: str
    bands: int
    count: int
    make: Callable[[str, int], Case]


def make_case(split: str, n: int, noise: str, seen: str, row: str) -> Case:
    """Scene n of a split under a noise."""
    if not 0 <= n < 100:
        raise UsageError(f"scene {n}: a split has the numbers 0 to 99")
    seed, shifted = FIRST[split] + n, split == "test" and n % 2 == 1
    eye = sensor(seen)
    made = scene(SIDE, SIDE, eye, seed, SHIFTED if shifted else Landscape())
    if noise == "pushbroom":
        values = sweep(made.array, eye.wavelengths, Pushbroom(), seed).cube
    elif noise == "poisson":
        values = photons(made.array, FULL, seed)
    else:
        values = add_case(made.array, noise, seed).cube
    kind = "case" if noise in CASES else "sensor"
    name = f"{seen}-{seed}{'-shifted' if shifted else ''}"
    return Case(row, kind, name, made.with_array(values), made.array)


def _row(noise: str, seen: str) -> Row:
    bands, count = COUNTS[seen]
    name = f"{noise}, {bands} bands"
    kind = "case" if noise in CASES else "sensor"
    return Row(name, kind, bands, count, lambda split, n: make_case(split, n, noise, seen, name))


ROWS = {row.name: row for row in (_row(noise, seen) for seen in COUNTS for noise in NOISES)}


def rows_named(names: tuple[str, ...] | None, among: Sequence[Row] | None = None) -> list[Row]:
    """Those whose name begins so, all for None. Raises UsageError for an unknown one.

    among: rows to choose from, `ROWS` by default.
    """
    known = {row.name: row for row in (ROWS.values() if among is None else among)}
    found = []
    for name in names or ():
        fitting = [row for row in known.values() if row.name.startswith(name)]
        if not fitting:
            hint = f"{nearest(name, known)} (there are: {'; '.join(known)})"
            raise UsageError(f"no row '{name}'{hint}")
        found += [row for row in fitting if row not in found]
    return list(known.values()) if names is None else found
