"""Line integrals of a phantom, made on a finer grid than any that will be reconstructed.

Reconstructing with the very model that made the data is the inverse crime: errors of the model
cancel and results look better than a scanner's. So the patient is drawn with `finer` times as many
voxels along x and y, several rays pass to each detector cell, and a cell adds up their
intensities, as a real one does:  p = -log mean exp(-p_ray).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.radon import FanBeam, Radon
from undrift.common.operators.stored import stored
from undrift.medical.ct.geometry import Fan, Geometry
from undrift.medical.ct.slices import from_rows, to_rows
from undrift.medical.ct.units import hu_to_mu
from undrift.medical.simulate.ct import CtPhantom, ct_phantom
from undrift.medical.simulate.ct_law import TRAIN, CtLaw

__all__ = ["FINER", "Scan", "average", "from_rows", "project", "scan_phantom", "to_rows"]
Values = npt.NDArray[np.float32]
FINER = 2


@dataclass(frozen=True, eq=False)
class Scan:
    """integrals: (slices, angles, cells) without noise. truth: the phantom on the grid of the
    reconstruction, averaged over the finer voxels, HU (x, y, z). geometry: of the scan.
    """

    integrals: Values
    truth: Values
    phantom: CtPhantom
    geometry: Geometry


def scan_phantom(
    seed: int,
    geometry: Geometry,
    grid: tuple[int, int, int] = (96, 96, 32),
    spacing: tuple[float, float, float] | None = None,
    region: str | None = None,
    law: CtLaw = TRAIN,
    finer: int = FINER,
) -> Scan:
    """A patient of `ct_phantom` and its line integrals; a geometry without a pixel takes that of
    the phantom. Slices are scanned one by one.
    """
    coarse = ct_phantom(seed, grid, spacing, region, law)
    x, y, z = coarse.spacing
    phantom = ct_phantom(
        seed, (finer * grid[0], finer * grid[1], grid[2]), (x / finer, y / finer, z),
        coarse.region, law,
    )  # fmt: skip
    geometry = geometry.for_image(grid[:2], (x, y))
    integrals = project(hu_to_mu(phantom.hu), geometry, x / finer, rays=2)
    truth = average(phantom.hu, finer)
    return Scan(integrals, truth, coarse, geometry)


def project(mu: Values, geometry: Geometry, pixel: float, rays: int = 1) -> Values:
    """Line integrals (slices, angles, cells) of attenuation (x, y, z) per mm; pixel: in mm.

    rays: evenly over each cell; their intensities are averaged.
    """
    fan = (geometry.source, geometry.detector) if isinstance(geometry, Fan) else ()
    operator = _in_pixels(
        geometry.angles, (mu.shape[0], mu.shape[1]), rays * geometry.cells,
        round(geometry.pitch / rays / pixel, 9), tuple(round(v / pixel, 9) for v in fan),
    )  # fmt: skip
    slices = torch.from_numpy(to_rows(mu))
    found = operator(slices[:, None])[:, 0].numpy() * np.float32(pixel)
    if rays == 1:
        return found
    parts = found.reshape(*found.shape[:2], -1, rays)
    least = parts.min(-1, keepdims=True)
    mean = np.exp(least - parts).mean(-1)
    return (least[..., 0] - np.log(mean)).astype(np.float32)


def average(volume: Values, finer: int) -> Values:
    """Means of blocks of `finer` by `finer` voxels of x and y."""
    x, y, z = volume.shape
    return volume.reshape(x // finer, finer, y // finer, finer, z).mean((1, 3), dtype=np.float32)


@lru_cache(maxsize=2)
def _in_pixels(
    angles: tuple[float, ...],
    plane: tuple[int, int],
    cells: int,
    step: float,
    fan: tuple[float, ...],
) -> LinearOperator:
    """The beams of a geometry whose lengths are in pixels, so that a zoomed scan is the same."""
    turn = torch.tensor(angles, dtype=torch.float64)
    shape = (1, plane[1], plane[0])
    if fan:
        return stored(FanBeam(turn, shape, fan[0], fan[1], cells, step))
    return stored(Radon(turn, shape, cells, step))
