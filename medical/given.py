"""What a call may be given (a path, a volume, an image, an array) and the same kind back.

A path gives a `Volume`. Arrays and tensors (x, y, z) have no place in the world: their spacing has
to be told, and their first voxel lies at the origin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, UsageError
from undrift.medical.volumes.files import read_volume
from undrift.medical.volumes.nifti import Where
from undrift.medical.volumes.nifti_images import from_nibabel, to_nibabel
from undrift.medical.volumes.volume import Volume


@dataclass(frozen=True, eq=False)
class Given:
    """The volume of an argument; source: its path, if it had one; signal: the argument."""

    volume: Volume
    signal: Any
    source: Path | None = None

    @property
    def name(self) -> str:
        """For messages."""
        return str(self.source or "the volume")

    def back(self, result: Volume) -> Any:
        """A volume as the kind of thing that was given; tensors go back to their device."""
        if self.source is not None or isinstance(self.signal, Volume):
            return result
        if isinstance(self.signal, np.ndarray):
            return result.array
        if _is_tensor(self.signal):
            import torch

            return torch.from_numpy(np.ascontiguousarray(result.array)).to(self.signal.device)
        return to_nibabel(result)


def given(
    signal: Any,
    units: str = "unknown",
    spacing: Sequence[float] | None = None,
    where: Where | None = None,
) -> Given:
    """The volume of a path, `Volume`, image of nibabel, array or tensor.

    units: what a value counts, "HU" for CT, where the file does not say so. spacing: mm along
    (x, y, z), of arrays and tensors, which need it, and of nothing else. where: shape -> the folder
    of a nameless file that holds the values of a path, None for memory.
    Raises InputError for what is none of these, UsageError for a spacing too many or too few.
    """
    bare = isinstance(signal, np.ndarray) or _is_tensor(signal)
    if bare != (spacing is not None):
        raise UsageError(
            "an array has no millimetres: give spacing=(x, y, z)" if bare
            else f"{type(signal).__name__} has a spacing of its own; leave spacing out"
        )  # fmt: skip
    if isinstance(signal, str | Path):
        return Given(read_volume(signal, units, where=where), signal, Path(signal))
    if isinstance(signal, Volume):
        return Given(signal, signal)
    if spacing is not None:
        return Given(_of_array(signal, units, spacing), signal)
    if hasattr(signal, "header") and hasattr(signal, "dataobj"):
        return Given(from_nibabel(signal, units), signal)
    raise InputError(
        f"expected a path, a Volume, an image of nibabel, an array or a tensor (x, y, z), got "
        f"{type(signal).__name__}"
    )


def _of_array(signal: Any, units: str, spacing: Sequence[float]) -> Volume:
    array = np.asarray(signal.detach().cpu() if _is_tensor(signal) else signal)
    if len(spacing) != 3 or not min(spacing) > 0:
        raise UsageError(f"spacing {tuple(spacing)}: expected three lengths in mm above 0")
    if array.dtype.kind not in "fiub" or array.ndim != 3:
        raise InputError(f"expected real values (x, y, z), got {array.dtype} {array.shape}")
    return Volume(array.astype(np.float32), np.diag([*map(float, spacing), 1.0]), units)


def _is_tensor(signal: Any) -> bool:
    return type(signal).__module__.partition(".")[0] == "torch" and hasattr(signal, "detach")
