"""What is downscaled: states with coarse fields and sensors, functions of (split, row, number).

`test` has the seeds from 200 000 on and `validation` those from 100 000 on, on which settings were
chosen. Coarse fields have errors of .02 deviations of each channel; sensors those of `stations`,
with the error of representation. Everything is simulated. The sensors of a state are the same for
every factor, and 20 are the first of 200.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.errors import UsageError, nearest
from undrift.scientific.atmosphere.banks import FIRST_SEED, GROUP, StateSettings, state_bank
from undrift.scientific.atmosphere.coarse import FACTORS, coarse_grain
from undrift.scientific.atmosphere.likelihood import Likelihood
from undrift.scientific.atmosphere.sources import Coarse, Place, Source, Stations
from undrift.scientific.atmosphere.stations import Network
from undrift.scientific.atmosphere.transforms import Scale

Array = npt.NDArray[np.float64]
COUNT = 6  # items a row
SENSORS = (0, 20, 200)
COARSE_ERROR = 0.02  # deviations of a channel
_BANK = StateSettings(count=GROUP, states=1, apart=1.75, spin_up=20.0)


@dataclass(frozen=True)
class Row:
    """A setting: factor, and number of sensors."""

    factor: int
    sensors: int

    @property
    def name(self) -> str:
        """Such as "x4, 20 sensors"."""
        return f"x{self.factor}, {self.sensors} sensors"


ROWS: Mapping[str, Row] = {row.name: row for row in (Row(f, s) for f in FACTORS for s in SENSORS)}


@dataclass(frozen=True, eq=False)
class Case:
    """truth: (c, rows, columns) in K and m/s; coarse: as given. indices (n, 2), readings (c, n)."""

    row: Row
    item: str
    seed: int
    scale: Scale
    truth: Array
    coarse: Array
    indices: Array
    readings: Array
    errors: Array

    @property
    def place(self) -> Place:
        """Of the fine field."""
        rows, columns = self.truth.shape[1:]
        return Place(self.scale.names, (rows, columns), (True, True))

    def sources(self) -> list[Source]:
        """The coarse field, and the sensors if there are any."""
        found: list[Source] = [Coarse(self.coarse, (COARSE_ERROR * self.scale.std).numpy())]
        if self.row.sensors:
            found.append(Stations(self.readings, self.errors, self.indices))
        return found

    def likelihood(self) -> Likelihood:
        """All of it as one operator."""
        return Likelihood(self.sources(), self.place, self.scale)


def make(row: Row, split: str, n: int, scale: Scale) -> Case:
    """Item n of a row, n below 8; scale: of the channels."""
    seed = FIRST_SEED[split] + n
    truth = states(split, scale.names)[n].astype(np.float64)
    shape = (truth.shape[0], truth.shape[1], truth.shape[2])
    field = torch.from_numpy(truth)
    exact = coarse_grain(shape, row.factor)(field).numpy()
    noise = np.random.default_rng([seed, row.factor]).standard_normal(exact.shape)
    error = COARSE_ERROR * scale.std.numpy()[:, None, None]
    network = Network()
    indices = network.places(row.sensors, (shape[1], shape[2]), seed)
    readings = np.zeros((shape[0], 0))
    if row.sensors:
        readings = network.observe(field, indices, scale.names, seed)
    return Case(
        row, f"state-{n}", seed, scale, truth, exact + error * noise, indices, readings,
        network.std(scale.names),
    )  # fmt: skip


@functools.cache
def states(split: str, names: tuple[str, ...]) -> npt.NDArray[np.float16]:
    """One state of each of eight flows, (8, c, rows, columns), made once and kept in the cache."""
    settings = _BANK.model_copy(update={"first": FIRST_SEED[split], "channels": names})
    return state_bank(settings, split).whole()


def rows_named(names: tuple[str, ...] | None) -> list[Row]:
    """All rows, or those named. Raises UsageError with the nearest name."""
    for name in names or ():
        if name not in ROWS:
            raise UsageError(f"no row '{name}'{nearest(name, ROWS)} ({'; '.join(ROWS)})")
    return [row for name, row in ROWS.items() if names is None or name in names]
