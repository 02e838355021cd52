"""Is this volume one the model was made for?  Warnings before anything is trusted.

A network answers whatever it is asked. Results go wrong most often since voxels or the field of
view differ from those of training, so both are compared with the ranges in the model's header.
Then values: in Hounsfield units air, soft tissue and bone lie where physics puts them, whatever the
scanner (bands of medians as in the quality checks of generated CT); numbers in 0..1 or 0..255 are
no Hounsfield units. Quantiles of what the network will see are compared with training's, and for MR
those deep in the body over their median: another order of tissues is another contrast. T1 and FLAIR
have the same order there, so they cannot be told apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from undrift.common.errors import InputError
from undrift.medical.honesty.body import body_of
from undrift.medical.honesty.histogram import inside_ratios, seen_quantiles
from undrift.medical.volumes.checks import Needs, check_volume
from undrift.medical.volumes.hounsfield import doubts
from undrift.medical.volumes.volume import Values, Volume

Range = tuple[float, float]

# Class: which voxels count (HU), where their median is expected, the share of the body they have.
BANDS: Mapping[str, tuple[Range, Range, Range]] = {
    "air": ((-1100.0, -850.0), (-1050.0, -950.0), (0.0, np.inf)),
    "soft tissue": ((-200.0, 200.0), (-130.0, 90.0), (0.1, 1.0)),
    "bone": ((250.0, 2000.0), (250.0, 1200.0), (0.0, 0.35)),
}
OBLIQUE = 20.0  # degrees between the axes of the grid and those of the body
EDGE = 0.05  # share of an end by which it may be exceeded without a word
# share of a range of quantiles by which it may be: one more of n like volumes is beyond the others'
# ends in 2 of n + 1 cases
BEYOND = 0.25
IN_BODY = (
    "{:g} % of the body's voxels lie below {:.2f} of the network's scale, in training {:.2f} to "
    "{:.2f}: another contrast or another anatomy?"
)
DEEP = (
    "{:g} % of the voxels deep in the body lie below {:.2f} times their median, in training {:.2f} "
    "to {:.2f}: another contrast?"
)


class ModelSignal(Protocol):
    """What a model's header says about the volumes it was made for: ranges in mm."""

    @property
    def modality(self) -> str: ...
    @property
    def spacing(self) -> Any: ...
    @property
    def fov(self) -> Any: ...


def guard(volume: Volume, signal: ModelSignal | None = None) -> tuple[str, ...]:
    """All that is odd about an input, one sentence each; values are checked where they are HU.

    signal: of the model; None checks the volume alone. Raises InputError for voxels that are not
    finite.
    """
    if not np.isfinite(volume.array).all():
        raise InputError("voxels are not finite; set them to the value of the background")
    found = [*volume.notes, *_turned(volume)]
    if signal is not None:
        found += range_warnings(volume.spacing, volume.grid, signal)
    if float(volume.array.min()) == float(volume.array.max()):
        return (*found, f"all voxels are {float(volume.array.min()):g}")
    if volume.units == "HU" or (signal is not None and signal.modality == "ct"):
        found += hounsfield_warnings(volume)
    if signal is not None and volume.array.ndim == 3:
        found += _drifting(volume, signal)
    return tuple(dict.fromkeys(found))


def _drifting(volume: Volume, signal: Any) -> list[str]:
    """What differs from the histogram of training, where the model's header has it."""
    found: list[str] = []
    if getattr(signal, "quantiles", None):
        found += _off(seen_quantiles(volume.array, signal), signal.quantiles, IN_BODY)
    if getattr(signal, "inside", None):
        found += _off(inside_ratios(volume.array, signal, volume.spacing), signal.inside, DEEP)
    return found


def hounsfield_warnings(volume: Volume) -> list[str]:
    """What does not fit Hounsfield units: other units altogether, else classes off their band."""
    try:
        check_volume(volume, "the input", Needs(units="HU", slices=1, frames=0))
    except InputError as error:
        return [str(error)]
    array = volume.array
    found = doubts(array)
    body = body_of(volume)
    for name, ((low, high), (least, most), (few, many)) in BANDS.items():
        voxels = array[(array >= low) & (array <= high)]
        share = voxels.size / max(1, int(body.sum()))
        if not few <= share <= many:
            found.append(f"{name} is {100 * share:.0f} % of the body: unusual for CT")
        if voxels.size and not least <= float(np.median(voxels)) <= most:
            found.append(
                f"the median of {name} is {float(np.median(voxels)):.0f} HU, expected {least:g} to "
                f"{most:g}: an offset of the scale?"
            )
    return found


def drift(numbers: Values, reference: Mapping[float, Range]) -> tuple[str, ...]:
    """Quantiles of what the network sees against those of training.

    numbers: voxels of the body, after the intensity map. reference: quantile in (0, 1) -> its
    lowest and highest value over the training volumes.
    """
    return tuple(_off({q: float(np.quantile(numbers, q)) for q in reference}, reference, IN_BODY))


def _off(found: Mapping[float, float], reference: Mapping[float, Range], words: str) -> list[str]:
    """Sentences about values beyond their range."""
    told = []
    for share, (low, high) in sorted(reference.items()):
        value, slack = found.get(share), BEYOND * max(high - low, 0.1)
        if value is not None and not low - slack <= value <= high + slack:
            told.append(words.format(100 * share, value, low, high))
    return told


def _turned(volume: Volume) -> list[str]:
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    angle = float(np.degrees(np.arccos(np.clip(np.abs(axes).max(axis=0).min(), 0, 1))))
    if angle <= OBLIQUE:
        return []
    return [
        f"the grid is {angle:.0f} degrees oblique: the model sees it along its own axes "
        f"({volume.orientation}), not those of the body"
    ]


def range_warnings(
    spacing: Sequence[float], counts: Sequence[int], signal: ModelSignal
) -> list[str]:
    """What of a grid lies beyond the ranges of training: its voxels, its field of view.

    spacing: mm, counts: voxels, of the axes that are compared.
    """
    found = []
    sides = [n * step for n, step in zip(counts, spacing, strict=True)]
    for what, values, wanted, cure in (
        ("voxels", spacing, signal.spacing, "resample it, or use another model"),
        ("a field of view", sides, signal.fov, "crop or pad it, or use another model"),
    ):
        low, high = (float(v) for v in wanted)
        if not low * (1 - EDGE) <= min(values) <= max(values) <= high * (1 + EDGE):
            told = " x ".join(f"{v:.3g}" for v in values)
            found.append(
                f"{what} of {told} mm, the model was trained on {low:g} to {high:g} mm: its result "
                f"is not to be trusted; {cure}"
            )
    return found
