"""Thick slices made of fine ones, and what a user would make finer slices with otherwise.

A phantom of 72 x 72 x 64 voxels of 1 mm is averaged over four voxels along z: slices of 4 mm
without gaps (real anatomy: over four of its 2 mm), with or without Rician noise. "consistent" and
the model are told how slices were made, which is more than one knows of a scanner's profile.

linear, cubic   through the middles of slices, flat beyond the outer ones
lanczos         sinc(x) sinc(x / 3), weights of sum 1
consistent      "interpolation" of `undrift.medical.super_resolve`: cubic, and explains the slices
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.medical.benchmark.cases import CONTRASTS, FIRST, Case
from undrift.medical.benchmark.real import VOLUMES

FACTOR = 4
_GRID = (72, 72, 64)  # voxels of 1 mm
Array = npt.NDArray[np.floating]


def thick_slices(split: str, n: int, noise: float, row: str, real: str = "") -> Case:
    """Truth is the fine volume, 1 its robust maximum; noise is told, in the same scale."""
    from undrift.medical.signal import robust_maximum
    from undrift.medical.simulate.mr_acquisition import rician
    from undrift.medical.slice_profile import averaged
    from undrift.medical.volumes.geometry import finer
    from undrift.medical.volumes.volume import Volume

    found, mask = _fine(split, n, real)
    truth = (found.array / robust_maximum(found.array)).astype(np.float32)
    grid = (*truth.shape[:2], truth.shape[2] // FACTOR)
    scan = Volume(averaged(truth, grid), finer(found.affine, (1, 1, 1 / FACTOR)))
    if noise:
        scan = rician(scan, noise, FIRST[split] + n)
    given = {"volume": scan, "noise": noise or None}
    return Case(row, f"brain-{n}", given, truth, truth > 0.05 if mask is None else mask, 1.0,
                "of the brightest", spacing=found.spacing)  # fmt: skip


def _fine(split: str, n: int, real: str) -> tuple[Any, npt.NDArray[np.bool_] | None]:
    """The volume and, of phantoms, where the head is."""
    from undrift.medical.simulate.anatomy import brain
    from undrift.medical.simulate.law import SHIFTED, TRAINING
    from undrift.medical.simulate.mr_signal import signal
    from undrift.medical.volumes.volume import Volume

    if real:
        array, affine = VOLUMES[real]()
        return Volume(array[:, :, : array.shape[2] // FACTOR * FACTOR], affine), None
    law = SHIFTED if split == "test" else TRAINING
    phantom = brain(FIRST[split] + n, _GRID, 1.0, law)
    return signal(phantom, CONTRASTS[n % len(CONTRASTS)]), phantom.mask()


def restored(method: str, case: Case) -> Array:
    """Fine slices (x, y, z) of a method without a network."""
    from undrift.medical.slice_profile import cubic_matrix
    from undrift.medical.thick_slices import super_resolve

    scan = case.given["volume"]
    if method == "consistent":
        return super_resolve(scan, method="interpolation").value.array
    matrix = {"linear": linear_matrix, "cubic": cubic_matrix, "lanczos": lanczos_matrix}[method]
    return (scan.array @ matrix(scan.grid[2], case.truth.shape[2]).T).astype(np.float32)


def _places(slices: int, fine: int) -> Array:
    """Middles of fine voxels in numbers of the slices."""
    return np.clip((np.arange(fine) + 0.5) * slices / fine - 0.5, 0, slices - 1)


def linear_matrix(slices: int, fine: int) -> Array:
    """(N, n): straight lines between the middles of slices."""
    places, known = _places(slices, fine), np.arange(slices)
    return np.stack([np.interp(places, known, row) for row in np.eye(slices)], 1)


def lanczos_matrix(slices: int, fine: int, lobes: int = 3) -> Array:
    """(N, n): a windowed sinc of so many lobes; what lies beyond the outer slices has no weight."""
    apart = _places(slices, fine)[:, None] - np.arange(slices)
    weights = np.where(np.abs(apart) < lobes, np.sinc(apart) * np.sinc(apart / lobes), 0.0)
    return weights / weights.sum(1, keepdims=True)
