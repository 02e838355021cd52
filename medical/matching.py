"""Values of one MR volume in the scale of another of the same contrast, by landmarks.

MR has no unit, and a translated contrast is in the scale of the model's training. Landmarks are
percentiles of the foreground: 1, 10, 20, ... 90, 99 (Nyul, Udupa & Zhang, IEEE Trans. Med. Imaging
19, 2000). Those of the volume go to those of the reference, by straight lines between and beyond
them, so that order is kept and nothing is cut. Histograms become alike, not anatomies: a reference
with more fluid makes fluid of grey matter, so take one of the same field of view.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.intensity import Values, foreground

PERCENTILES = (1, *range(10, 100, 10), 99)
_FLOOR = 0.1  # of the 99.9th percentile, above which the foreground lies


@dataclass(frozen=True)
class LandmarkMap:
    """`source` landmarks to `target` ones, both rising, of one length from 2."""

    source: tuple[float, ...]
    target: tuple[float, ...]

    def forward(self, values: Values) -> Values:
        """Values in the scale of the target, float32 of the same shape."""
        place, slopes = self._at(values)
        start, goal = np.array(self.source), np.array(self.target)
        found = goal[place] + (values.astype(np.float64) - start[place]) * slopes
        return found.astype(np.float32)

    def slope(self, values: Values) -> Values:
        """How many units of the target one of the source is, at each value."""
        return self._at(values)[1].astype(np.float32)

    def record(self) -> dict[str, Any]:
        """For the record of an output."""
        return {
            "kind": "landmarks", "percentiles": list(PERCENTILES),
            "source": [round(v, 6) for v in self.source],
            "target": [round(v, 6) for v in self.target],
        }  # fmt: skip

    def _at(self, values: Values) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any]]:
        start, goal = np.array(self.source), np.array(self.target)
        slopes = np.diff(goal) / np.diff(start)
        place = np.clip(np.searchsorted(start, values, side="right") - 1, 0, len(slopes) - 1)
        return place, slopes[place]


def landmark_map(values: Values, reference: Values) -> LandmarkMap:
    """The map that gives `values` (x, y, z) the landmarks of `reference` (any grid).

    Raises InputError for a volume without a foreground or with landmarks that are one.
    """
    source, target = (_landmarks(v) for v in (values, reference))
    keep = np.concatenate([[True], np.diff(source) > 0])
    source, target = source[keep], target[keep]
    if len(source) < 2 or not np.ptp(target) > 0:
        raise InputError("all landmarks of the histogram are one value: there is nothing to match")
    return LandmarkMap(tuple(map(float, source)), tuple(map(float, target)))


def _landmarks(values: Values) -> npt.NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise InputError("voxels are not finite; set them to the value of the background")
    inside = values > _FLOOR * float(np.percentile(values, 99.9))
    if not inside.any() or inside.all():
        inside = foreground(values)
    return np.percentile(values[inside].astype(np.float64), PERCENTILES)
