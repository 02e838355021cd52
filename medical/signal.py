"""What a medical model must know of its volumes; the section `signal` of recipes and weight files.

    signal:
      modality: mr
      spacing: [1.0, 2.4]           # mm, of every axis
      fov: [60, 260]                # mm, of every axis
      intensity: {kind: percentiles, low: 0.5, high: 99.5}
      source: mprage
      target: t2-se
      scale: {low: 0.0, high: 0.9}  # of the target, which has no unit: what -1 and 1 stand for
      quantiles: {0.5: [-0.6, 0.1]} # of the network's numbers in the body, over training volumes
      inside: {0.98: [1.0, 1.9]}    # of MR values deep in the body, over their median there

`intensity` says which map of `intensity` brings values to the numbers of the network: a window of
HU, percentiles of the foreground, or, for complex images, a robust maximum of the magnitude.
`quantiles` and `inside` are measured when a training ends (`honesty.training_ranges`).
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from undrift.common.config import Strict, load
from undrift.common.errors import InputError
from undrift.medical.intensity import (
    HuWindow,
    IntensityMap,
    Mask,
    PercentileMap,
    Values,
    measure_percentiles,
)

Range = tuple[float, float]


class _Ends(Strict):
    low: float
    high: float

    @model_validator(mode="after")
    def _rising(self) -> "_Ends":
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} and high {self.high:g}: expected low below high")
        return self


class HuSettings(_Ends):
    """HU that become -1 and 1."""

    kind: Literal["hu-window"]


class PercentileSettings(_Ends):
    """Percentiles of the foreground, 0 to 100, that become -1 and 1.

    floor: the foreground lies above this share of the 99.9th percentile of all voxels; without it,
    above Otsu's threshold, which in a head with a bright scalp may leave out the brain.
    """

    kind: Literal["percentiles"]
    low: float = Field(0.5, ge=0)
    high: float = Field(99.5, le=100)
    floor: float | None = Field(None, gt=0, lt=1)

    def measure(self, values: Values, mask: Mask | None = None) -> PercentileMap:
        """The map of one volume. Raises InputError for one without a foreground."""
        if mask is None and self.floor is not None:
            mask = values > self.floor * float(np.percentile(values, 99.9))
        return measure_percentiles(values, mask, (self.low, self.high))


class MaximumSettings(Strict):
    """Complex images: 1 is the `quantile` of the magnitudes above `floor` times the largest."""

    kind: Literal["robust-maximum"]
    quantile: float = Field(0.99, gt=0, le=1)
    floor: float = Field(0.05, ge=0, lt=1)


class Scale(_Ends):
    """Values of a target without a unit that -1 and 1 stand for."""


Intensity = Annotated[
    HuSettings | PercentileSettings | MaximumSettings, Field(discriminator="kind")
]


class SpreadSettings(Strict):
    """How several samples lie about one estimate, chosen on validation phantoms; see `spread`.

    wider: factor of the deviations of the runs from their mean. steps: of a run.
    """

    wider: float = Field(gt=0)
    steps: int = Field(4, ge=2)


class Signal(Strict):
    """See the module. source, target: protocols of `simulate.mr_contrasts`, or a user's words.

    grid: voxels of the whole that a generator draws; None for a network of patches.
    slices: of the stacks that a two-dimensional network restores, odd; None for one of volumes.
    quantiles, inside: share of voxels -> least and largest value in training, for warnings; see
    `honesty.histogram`. spread: of several samples; None for those of the path as they are.
    """

    modality: Literal["ct", "mr"]
    spacing: Range
    fov: Range
    intensity: Intensity
    source: str = ""
    target: str = ""
    scale: Scale | None = None
    grid: tuple[int, int, int] | None = None
    slices: int | None = Field(None, ge=1)
    quantiles: dict[float, Range] = Field(default_factory=dict)
    inside: dict[float, Range] = Field(default_factory=dict)
    spread: SpreadSettings | None = None

    @property
    def reference(self) -> PercentileMap | None:
        """The map that gives a target without a unit its values."""
        return None if self.scale is None else PercentileMap(self.scale.low, self.scale.high)

    def intensity_map(self, values: Values, mask: Mask | None = None) -> IntensityMap:
        """The map of one volume (x, y, z), measured over `mask` or its foreground where needed.

        Raises InputError for values without a foreground, and for a model of complex images.
        """
        given = self.intensity
        if isinstance(given, HuSettings):
            return HuWindow(given.low, given.high)
        if isinstance(given, PercentileSettings):
            return given.measure(values, mask)
        raise InputError("this model is for complex images; give k-space, not a volume")


def robust_maximum(values: np.ndarray, settings: MaximumSettings | None = None) -> float:
    """What a complex or real image is divided by. Raises InputError for one that is all zero."""
    given = settings or MaximumSettings.model_validate({"kind": "robust-maximum"})
    size = np.abs(values)
    largest = float(size.max())
    if not largest > 0 or not np.isfinite(largest):
        raise InputError(f"the largest magnitude is {largest:g}; expected a finite one above 0")
    return float(np.quantile(size[size > given.floor * largest], given.quantile))


def read_signal(settings: dict[str, object]) -> Signal:
    """Raises InputError with all problems of the section."""
    return load(Signal, settings, "signal")
