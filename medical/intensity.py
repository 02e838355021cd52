"""From real values to those of a network and exactly back, by one map for the whole volume.

A map is affine, value = low + (number + 1) / 2 * (high - low), hence has an inverse, and two
numbers say it all; they go into the record of the output. One map a volume and never one a slice,
which would make slices flicker.

CT has a unit, so its window is fixed by the model: `HuWindow`. Voxels beyond the window (metal, the
table, padding) are shown to the network at its ends and pass through from the input afterwards.
MR has no unit, so its map is measured: the .5 and 99.5 percentiles of the foreground go to -1 and
1, and nothing is cut off. The foreground lies above Otsu's threshold (IEEE Trans. SMC 9, 1979),
which leaves the air around a head, of any extent, out of the percentiles.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class IntensityMap(Protocol):
    """What both maps are."""

    def forward(self, values: Values) -> Values: ...
    def inverse(self, numbers: Values, original: Values) -> Values: ...
    def record(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class HuWindow:
    """Hounsfield units from `low` to `high` to [-1, 1]. Raises InputError for an empty window."""

    low: float = -1024.0
    high: float = 3071.0

    def __post_init__(self) -> None:
        _check(self.low, self.high)

    def forward(self, values: Values) -> Values:
        """Numbers in [-1, 1]; what is beyond goes to the ends."""
        return _forward(np.clip(values, self.low, self.high), self.low, self.high)

    def inverse(self, numbers: Values, original: Values) -> Values:
        """Values again; where `original` is beyond the window, `original` itself."""
        return np.where(self.beyond(original), original, _inverse(numbers, self.low, self.high))

    def beyond(self, values: Values) -> Mask:
        """Where values lie outside the window."""
        return (values < self.low) | (values > self.high)

    def record(self) -> dict[str, Any]:
        """For the record of an output, and `from_record`."""
        return {"kind": "hu-window", **asdict(self)}


@dataclass(frozen=True)
class PercentileMap:
    """Values `low` and `high` of one volume to -1 and 1, all others on the same line."""

    low: float
    high: float
    percentiles: tuple[float, float] = (0.5, 99.5)

    def __post_init__(self) -> None:
        _check(self.low, self.high)

    def forward(self, values: Values) -> Values:
        """Numbers, mostly in [-1, 1]; nothing is cut off."""
        return _forward(values, self.low, self.high)

    def inverse(self, numbers: Values, original: Values) -> Values:
        """Values again. `original` is what `forward` got; this map does not need it."""
        return _inverse(numbers, self.low, self.high)

    def record(self) -> dict[str, Any]:
        """For the record of an output, and `from_record`."""
        return {"kind": "percentiles", **asdict(self), "percentiles": list(self.percentiles)}


def measure_percentiles(
    values: Values, mask: Mask | None = None, percentiles: tuple[float, float] = (0.5, 99.5)
) -> PercentileMap:
    """The map of a whole volume (any shape), over `mask` or the foreground.

    Raises InputError where the foreground is empty or of one value.
    """
    if mask is None:
        mask = foreground(values)
    if mask.shape != values.shape or not mask.any():
        raise InputError(f"a mask of {mask.shape} with {int(mask.sum())} voxels for {values.shape}")
    low, high = (float(v) for v in np.percentile(values[mask].astype(np.float64), percentiles))
    return PercentileMap(low, high, percentiles)


def foreground(values: Values) -> Mask:
    """Where values lie above Otsu's threshold. Raises InputError for a constant volume."""
    from skimage.filters import threshold_otsu

    if values.min() == values.max():
        raise InputError(f"all values are {float(values.min()):g}: there is no foreground")
    return values > threshold_otsu(values.ravel(), nbins=256)  # 3 slices are no colours


def from_record(record: Mapping[str, Any]) -> HuWindow | PercentileMap:
    """The map that `record` described. Raises InputError for another kind."""
    low, high = float(record["low"]), float(record["high"])
    if record.get("kind") == "hu-window":
        return HuWindow(low, high)
    if record.get("kind") == "percentiles":
        first, last = record["percentiles"]
        return PercentileMap(low, high, (float(first), float(last)))
    raise InputError(f"unknown intensity map {record.get('kind')!r}; known: hu-window, percentiles")


def _check(low: float, high: float) -> None:
    if not np.isfinite([low, high]).all() or low >= high:
        raise InputError(f"an intensity map needs finite low < high, got {low} and {high}")


def _forward(values: Values, low: float, high: float) -> Values:
    return ((values.astype(np.float64) - low) * (2 / (high - low)) - 1).astype(np.float32)


def _inverse(numbers: Values, low: float, high: float) -> Values:
    return ((numbers.astype(np.float64) + 1) * ((high - low) / 2) + low).astype(np.float32)
