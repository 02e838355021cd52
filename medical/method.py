"""What works on volumes: a model with its sampler, what it knows of its signal, and its numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError
from undrift.common.sampling import Sampler, make_sampler
from undrift.common.weights.files import read_settings
from undrift.common.weights.model import find_weights
from undrift.common.wishes import Wishes
from undrift.medical.intensity import IntensityMap, Values
from undrift.medical.percentiles import measured_map, measured_maximum
from undrift.medical.signal import (
    MaximumSettings,
    Signal,
    SpreadSettings,
    read_signal,
    robust_maximum,
)
from undrift.medical.stores import Place, slabs
from undrift.medical.volumes.geometry import Turn, turned
from undrift.medical.volumes.on_disk import is_on_disk, let_go, like
from undrift.medical.volumes.volume import Volume
from undrift.medical.weights_facts import weights_facts


@dataclass(frozen=True)
class MaximumMap:
    """Values over `scale`, a robust maximum; real images of models of complex ones."""

    scale: float

    def forward(self, values: Values) -> Values:
        """Numbers, mostly in [0, 1]."""
        return values / np.float32(self.scale)

    def inverse(self, numbers: Values, original: Values) -> Values:
        """Values again."""
        return numbers * np.float32(self.scale)

    def record(self) -> dict[str, Any]:
        """For the record of an output."""
        return {"kind": "robust-maximum", "scale": self.scale}


@dataclass
class Method:
    """A sampler with the signal section of its model."""

    sampler: Sampler
    signal: Signal

    @property
    def id(self) -> str:
        """The name of the model."""
        return self.sampler.model.id

    @property
    def sha256(self) -> str:
        """Of the weights."""
        return self.sampler.model.sha256

    @property
    def weights(self) -> str:
        """The path of the weights."""
        return str(self.sampler.model.path)

    @property
    def spread(self) -> SpreadSettings | None:
        """How samples lie about one estimate: of several, by no solver that was asked for."""
        own = self.sampler.choice.samples > 1 and self.sampler.wishes.solver is None
        return self.signal.spread if own else None

    @property
    def estimator(self) -> Sampler:
        """The sampler of one call, the model's estimate of the mean."""
        once = {"solver": "ddim", "steps": 1, "samples": 1, "options": {}, "times": None}
        return replace(self.sampler, choice=self.sampler.choice.model_copy(update=once))

    @property
    def calls(self) -> int:
        """Network calls of one volume that is seen at once."""
        return self.sampler.planned_calls() + (self.spread is not None)

    def about(self) -> str:
        """A line that says what will be used."""
        return self.sampler.about()

    @property
    def channels(self) -> int:
        """Of the state: 2 for complex images, as real and imaginary part."""
        return 2 if isinstance(self.signal.intensity, MaximumSettings) else 1

    def map_of(self, values: Values) -> IntensityMap:
        """The map of a volume (x, y, z), measured where the model says so."""
        given, far = self.signal.intensity, is_on_disk(values)
        if isinstance(given, MaximumSettings):
            return MaximumMap((measured_maximum if far else robust_maximum)(values, given))
        return measured_map(values, self.signal) if far else self.signal.intensity_map(values)

    def record(self) -> dict[str, Any]:
        """What is needed to repeat it."""
        kept = dict(self.sampler.record())
        kept.pop("symmetries")
        return {**kept, **weights_facts(self.sampler.model), "method": "model"}


def method_for(model: str, task: str, wishes: Wishes) -> Method:
    """Loads a model for a task.

    Raises UsageError for wishes that cannot be, InputError for a model of another task or domain or
    one that is told levels, which no volume has, and MissingExtraError for missing weights.
    """
    settings = read_settings(find_weights(model))
    if settings.domain != "medical":
        raise InputError(f"{settings.id} is a model for {settings.domain}, not for MRI and CT")
    if settings.levels:
        raise InputError(f"{settings.id} is told {', '.join(settings.levels)}, which nobody knows")
    signal = read_signal(settings.signal)
    if signal.spread is not None and (wishes.samples or 1) > 1 and wishes.solver is None:
        wishes = replace(wishes, steps=wishes.steps or signal.spread.steps)
    sampler = make_sampler(model, task, wishes)
    sampler.choice = sampler.choice.model_copy(update={"symmetries": 1})
    return Method(sampler, signal)


@dataclass(eq=False)
class Seen:
    """A volume as a model sees it: axes nearest to RAS, values through one map.

    values: (x, y, z) so turned, a view.
    """

    volume: Volume
    map: IntensityMap
    turn: Turn = field(init=False)
    values: Values = field(init=False)

    def __post_init__(self) -> None:
        canonical, self.turn = turned(self.volume)
        self.values = canonical.array

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels along x, y and z as the model sees them."""
        x, y, z = self.values.shape
        return x, y, z

    def numbers(self, part: Place) -> torch.Tensor:
        """(1, 1, x, y, z) of a part."""
        found = self.map.forward(np.ascontiguousarray(self.values[part]))
        let_go(self.values)
        return torch.from_numpy(np.ascontiguousarray(found, np.float32))[None, None]

    def back(self, numbers: Values, result_map: IntensityMap | None = None) -> Values:
        """Numbers (x, y, z) of the model as values on the grid of the volume.

        result_map: of another contrast than that of the input.
        """
        chosen = result_map or self.map
        result = like(self.volume.array)
        view = self.turn.apply(result)
        for part in self.parts():
            view[part] = chosen.inverse(numbers[part], self.values[part])
            let_go(result, numbers, self.values)
        return result

    def parts(self) -> Iterator[Place]:
        """Slabs."""
        yield from slabs(self.size)
