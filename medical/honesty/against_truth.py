"""A result beside the truth, in the numbers of a task rather than of pictures.

In CT: mean absolute error in HU within the body, bone and air, masks of the truth, and the Dice
overlap of what is bone in both, 2 |A n B| / (|A| + |B|). Image similarity did not go with the
accuracy of doses in SynthRAD2023, so these are no proof of use either: measure what you need. With
the deviations of K samples, whether they are right: coverage and standardised error (`ensemble`).
"""

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.medical.honesty.body import AIR, body_of
from undrift.medical.honesty.ensemble import calibration
from undrift.medical.metrics import mae
from undrift.medical.volumes.volume import Values, Volume

Mask = npt.NDArray[np.bool_]
BONE = 250.0  # HU


def task_scores(result: Volume, truth: Volume) -> dict[str, float]:
    """Name -> score of volumes (x, y, z) on one grid; classes without a voxel are left out.

    "MaeBody", "MaeBone", "MaeAir" and "DiceBone" where the truth counts HU, else "MaeBody", in the
    unit of the values. Raises InputError for shapes that differ.
    """
    if result.array.shape != truth.array.shape:
        raise InputError(f"a result of {result.array.shape}, a truth of {truth.array.shape}")
    found = {}
    for name, mask in _masks(truth).items():
        if mask.any():
            found[f"Mae{name}"] = mae(result.array, truth.array, mask)
    if truth.units == "HU":
        found["DiceBone"] = dice(result.array > BONE, truth.array > BONE)
    return found


def dice(one: Mask, other: Mask) -> float:
    """Overlap of two masks, from 0 to 1; 1 where both are empty."""
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def against_truth(
    result: Volume, truth: Volume, std: Values | None = None, samples: int | None = None
) -> dict[str, Any]:
    """`task_scores`, and with `std` of `samples` samples also "Calibration" within the body."""
    found: dict[str, Any] = dict(task_scores(result, truth))
    if std is not None and samples is not None:
        if not std.any():
            raise InputError("all standard deviations are 0: no spread to judge")
        where = _masks(truth)["Body"]
        spread = calibration(truth.array, result.array, std, samples, where=where)
        found["Calibration"] = spread.record()
    return found


def _masks(truth: Volume) -> dict[str, Mask]:
    """Body, its holes filled; bone; and air within it and around."""
    ndimage: Any = importlib.import_module("scipy.ndimage")
    body = ndimage.binary_fill_holes(body_of(truth))
    if truth.units != "HU":
        return {"Body": body}
    return {"Body": body, "Bone": truth.array > BONE, "Air": truth.array < AIR}
