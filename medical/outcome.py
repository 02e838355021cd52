"""Puts samples of a volume back into the kind that came: mean, deviation, residual, record."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.results import Restored
from undrift.medical.given import Given
from undrift.medical.intensity import IntensityMap
from undrift.medical.made import write_made
from undrift.medical.method import Method
from undrift.medical.spread import place_about
from undrift.medical.stages import Stage
from undrift.medical.thinned_guards import guarded
from undrift.medical.volumes.on_disk import computed, folded, is_on_disk, let_go, like, parts
from undrift.medical.volumes.volume import Values, Volume


@dataclass(eq=False)
class Drawn:
    """Samples in real values, (x, y, z) each: their mean and deviation, and those that are kept."""

    mean: Values
    std: Values | None
    samples: tuple[Values, ...]

    def about(self, estimate: Values, wider: float) -> "Drawn":
        """The same several samples about another mean, `wider` times as far from it."""
        for part in parts(estimate):
            samples = [one[part] for one in self.samples]
            place_about(estimate[part], self.mean[part], samples, wider)
            let_go(estimate, self.mean, *self.samples)
        factor = np.float32(wider)
        std = None if self.std is None else computed(lambda a: a * factor, self.std, self.std)
        return Drawn(estimate, std, self.samples)


class Moments:
    """Mean and squares of samples that come one by one, as `honesty.ensemble.Running`, by parts."""

    def __init__(self, first: Values):
        self.count = 0
        self.mean, self.squares = like(first), like(first)
        for one in (self.mean, self.squares):
            computed(np.zeros_like, one, one)

    def add(self, sample: Values) -> None:
        """Takes one sample in."""
        self.count += 1
        for part in parts(self.mean):
            mean, new = self.mean[part], sample[part]
            off = new - mean
            mean += off / self.count
            self.squares[part] += off * (new - mean)
            let_go(self.mean, self.squares, sample)

    def std(self) -> Values:
        """The deviation with K - 1, in the place of the squares."""
        below = self.count - 1
        return computed(lambda a: np.sqrt(a / below), self.squares, self.squares)


def gathered(samples: Iterable[Values], count: int, keep: bool) -> Drawn:
    """Takes samples as they come; keep: whether each is wanted beside mean and deviation."""
    if count == 1:
        (only,) = samples
        return Drawn(only, None, ())
    drawn = iter(samples)
    first = next(drawn)
    moments, kept = Moments(first), []
    for sample in chain([first], drawn):
        moments.add(sample)
        if keep:
            kept.append(sample)
    return Drawn(moments.mean, moments.std(), tuple(kept))


def about(volume: Volume, method: Method, intensity: IntensityMap, stage: Stage) -> dict[str, Any]:
    """What the record says of a model at work on a volume."""
    return {
        **method.record(),
        **stage.told,
        "intensity": intensity.record(),
        "orientation": volume.orientation,
        "geometry": _geometry(volume.orientation),
        "warnings": list(guarded(volume, method.signal)),
    }


def _geometry(orientation: str) -> str:
    if orientation == "RAS":
        return "axes as they were; nothing resampled"
    return f"axes turned from {orientation} to RAS by permutation and flips, and back"


def further(samples: int, keep: bool, volume: Values | None = None) -> int:
    """Arrays of the size of a volume until the result is written, beside those of sampling.

    None of them is in memory where the volume lies on the disk.
    """
    if volume is not None and is_on_disk(volume):
        return 0
    return 3 if samples == 1 else 7 + keep * samples


def outcome(
    given: Given,
    result: Volume,
    drawn: Drawn,
    residual: Values | None,
    info: Mapping[str, Any],
    began: float,
) -> Restored:
    """Builds the result of a task; `result` is the volume of the mean, on its grid.

    residual: on the grid of the input, in its values.
    """
    told = {
        **info,
        "shape_in": list(given.volume.grid),
        "shape_out": list(result.grid),
        "spacing_out": [round(step, 6) for step in result.spacing],
        "units": result.units,
        "seconds": round(time.monotonic() - began, 3),
    }
    if residual is not None:
        total = sum(folded(lambda a: np.square(a, dtype=np.float64).sum(), residual))
        told["residual_rms"] = float(np.sqrt(total / residual.size))
    return Restored(
        value=given.back(result),
        std=_plain(drawn.std, given),
        samples=tuple(given.back(result.with_array(one)) for one in drawn.samples),
        residual=_plain(residual, given),
        info=told,
        writer=_Saved(given),
        drawer=middle_slices,
    )


def _plain(array: Values | None, given: Given) -> Any:
    """An array; a tensor where tensors were given."""
    if array is None or isinstance(given.signal, np.ndarray) or not hasattr(given.signal, "device"):
        return array
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(given.signal.device)


@dataclass(frozen=True, eq=False)
class _Saved:
    """Writes a result with its record."""

    given: Given

    def __call__(self, path: Path, value: Any, info: Mapping[str, Any]) -> None:
        result = as_volume(value, self.given)
        write_made(path, result, recorded(info), like=self.given.volume, source=self.given.source)


def as_volume(value: Any, given: Given) -> Volume:
    """The volume of a value that `given.back` made. Bare arrays keep the place of the input."""
    if isinstance(value, Volume):
        return value
    if hasattr(value, "dataobj"):
        from undrift.medical.volumes.nifti_images import from_nibabel

        return from_nibabel(value, given.volume.units)
    array = np.asarray(value.cpu() if hasattr(value, "cpu") else value, np.float32)
    return given.volume.with_array(array)


def recorded(info: Mapping[str, Any]) -> dict[str, Any]:
    """What an output says of its making: all but the time, so that equal runs give equal bytes."""
    return {name: value for name, value in info.items() if name not in ("seconds", "borders")}


def in_words(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a sampler as a record holds them: objects, such as a spectrum, by their words.

    An image that it begins with is only said to be given.
    """
    simple = int | float | str | None
    words = {k: "given" if hasattr(v, "shape") else repr(v) for k, v in options.items()}
    return {k: v if isinstance(v, simple) else words[k] for k, v in options.items()}


def middle_slices(result: Restored) -> Any:
    """The middle axial slices of value, deviation and residual; a figure of matplotlib."""
    from undrift.common.plots import panels

    shown = {
        "restored": result.value,
        "standard deviation": result.std,
        "residual": result.residual,
    }
    pictures = {}
    for name, value in shown.items():
        if value is None:
            continue
        if isinstance(value, Volume):
            array = value.array
        elif hasattr(value, "get_fdata"):
            array = value.get_fdata()
        else:
            array = np.asarray(value.cpu() if hasattr(value, "cpu") else value)
        pictures[name] = np.rot90(array[:, :, array.shape[2] // 2])
    return panels(pictures)
