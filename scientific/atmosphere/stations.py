"""What made-up sensors tell of a simulated field: stations on the ground plan, and radiosondes.

    y = (A x) + e,    A linear between grid points,    e ~ N(0, s^2 + r^2)

s is the error of the instrument, r that of representation: a sensor feels what a cell of 60 km
averages out. Places are uniform, or clustered as they are where people live. Some values are
missing. `ascents` makes radiosondes of them. All is a function of (seed, item): the numbers of one
sensor do not depend on how many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.operators.points import PointSample
from undrift.scientific.atmosphere.channels import CHANNELS

Array = npt.NDArray[np.float64]
INSTRUMENT = {"air_temperature": 0.5, "eastward_wind": 1.5, "northward_wind": 1.5}  # K, m/s
REPRESENTATION = {"air_temperature": 0.6, "eastward_wind": 1.3, "northward_wind": 1.3}
_TOWNS = 12


@dataclass(frozen=True)
class Network:
    """A law of sensors. instrument, representation: deviations by CF name, in K and m/s.

    clustered: share of the sensors that lie in towns. missing: share of the values that are NaN.
    """

    instrument: dict[str, float] = field(default_factory=lambda: dict(INSTRUMENT))
    representation: dict[str, float] = field(default_factory=lambda: dict(REPRESENTATION))
    clustered: float = 0.0
    missing: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.clustered <= 1 and 0 <= self.missing < 1):
            raise InputError(
                f"clustered={self.clustered:g}, missing={self.missing:g}; expected shares in [0, 1]"
            )

    def std(self, names: Sequence[str]) -> Array:
        """(names,) deviation of the whole error of each channel, in physical units.

        Raises InputError for a channel whose variable has no error here.
        """
        found = []
        for name in names:
            variable = CHANNELS[name].name if name in CHANNELS else name
            if variable not in self.instrument:
                raise InputError(
                    f"no error is known of '{name}' ({variable})"
                    f"{nearest(variable, self.instrument)}; give it in instrument="
                )
            found.append(np.hypot(self.instrument[variable], self.representation.get(variable, 0)))
        return np.array(found)

    def places(self, count: int, shape: tuple[int, int], seed: int, item: str = "") -> Array:
        """(count, 2) rows and columns with fractions, in [0, n) of a periodic grid."""
        towns = stream(seed, item, "towns").random((_TOWNS, 2))
        found = np.empty((count, 2))
        for k in range(count):
            rng = stream(seed, item, f"place {k}")
            place = rng.random(2)
            if rng.random() < self.clustered:
                place = towns[rng.integers(_TOWNS)] + rng.normal(0, 0.04, 2)
            found[k] = np.mod(place, 1.0) * shape
        return np.mod(found, shape)

    def observe(
        self, x: Tensor, places: Array, names: Sequence[str], seed: int, item: str = ""
    ) -> Array:
        """(c, count) values at places of a periodic field x (c, rows, columns), with errors, NaN
        where missing. Raises InputError for channels without an error."""
        exact = point_operator(places, tuple(x.shape))(x.double()).numpy()
        sigma = self.std(names)[:, None]
        values = np.empty_like(exact)
        for k in range(len(places)):
            rng = stream(seed, item, f"value {k}")
            error = rng.standard_normal(len(names))
            gone = rng.random(len(names)) < self.missing
            values[:, k] = np.where(gone, np.nan, exact[:, k] + sigma[:, 0] * error)
        return values


def point_operator(places: Array, shape: tuple[int, ...]) -> PointSample:
    """Values at places (n, 2) of a periodic field (c, rows, columns)."""
    return PointSample(torch.from_numpy(np.ascontiguousarray(places)), shape, periodic=True)


def rasterised(values: Tensor, places: Array, shape: tuple[int, int]) -> Tensor:
    """(2 c, rows, columns) of values (c, n), NaN where missing: the mean of the sensors in each
    cell (0 where there is none), then their number by channel."""
    rows, columns = (np.rint(places[:, k]).astype(np.int64) % shape[k] for k in (0, 1))
    index = torch.from_numpy(rows * shape[1] + columns)
    known = torch.isfinite(values)
    flat = values.new_zeros(len(values), shape[0] * shape[1])
    total = flat.index_add(1, index, torch.where(known, values, torch.zeros_like(values)))
    count = flat.index_add(1, index, known.to(values))
    return torch.cat([total / count.clamp(min=1), count]).reshape(-1, *shape)


def stream(seed: int, item: str, use: str) -> np.random.Generator:
    """Random numbers of one use."""
    words = [seed, *(ord(letter) for letter in f"{item}\0{use}")]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))
