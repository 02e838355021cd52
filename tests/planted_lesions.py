"""A head-like phantom with one lesion of known volume and place, in an oblique affine."""

from dataclasses import dataclass

import numpy as np
from nifti_cases import rotation

from undrift.medical.volumes import Volume

GRID, STEPS = (44, 48, 32), (1.0, 1.2, 1.5)
NOISE, CONTRAST = 4.0, 30.0


@dataclass(frozen=True)
class Planted:
    """clean: without the lesion, ill: with it; both without noise. volume: mm^3 of its voxels."""

    clean: Volume
    ill: Volume
    volume: float
    centroid: np.ndarray
    in_one_tissue: bool

    def noisy(self, volume: Volume, seed: int = 0) -> Volume:
        noise = np.random.default_rng(seed).normal(0, NOISE, volume.grid)
        return volume.with_array((volume.array + noise).astype(np.float32))


def planted(seed: int) -> Planted:
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = rotation(seed) @ np.diag(STEPS)
    affine[:3, 3] = rng.normal(0, 40, 3)
    place = (np.indices(GRID).T - (np.array(GRID) - 1) / 2).transpose(2, 1, 0, 3) * STEPS
    body = ((place / (19, 25, 20)) ** 2).sum(-1) < 1
    inner = ((place / (11, 14, 10)) ** 2).sum(-1) < 1
    values = 100.0 * body + 40.0 * inner
    lesion = ((place - rng.uniform(-8, 8, 3)) ** 2).sum(-1) < rng.uniform(3, 6) ** 2
    middle = np.argwhere(lesion).mean(axis=0)
    return Planted(
        Volume(values.astype(np.float32), affine),
        Volume((values + CONTRAST * lesion).astype(np.float32), affine),
        float(lesion.sum()) * float(np.prod(STEPS)),
        affine[:3, :3] @ middle + affine[:3, 3],
        float(np.ptp(values[lesion])) == 0,
    )
