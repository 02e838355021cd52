"""A cube in units of its noise, and the cheapest first guess: its projection on its subspace.

Faults are told apart in turns as always (`low_rank`), only that the images of the subspace are not
denoised. What comes out serves the bridge in pixels: of each voxel the projected value, the noisy
one, ln of the scale of its band and its wavelength in micrometres.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.low_rank import Found, separate
from undrift.scientific.hyperspectral.samples import scales

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Guess:
    """voxels: (4, bands, rows, columns) float32. found: of the turns; it has sigma and mean."""

    voxels: Single
    found: Found

    def white(self, cube: npt.NDArray[np.floating]) -> Array:
        """A cube (bands, rows, columns) in units of the noise, without the mean of each band."""
        space = self.found.subspace
        return cube / space.sigma[:, None, None] - space.mean[:, None, None]

    def cube(self, white: npt.NDArray[np.floating]) -> Array:
        """The inverse of `white`."""
        space = self.found.subspace
        return (white + space.mean[:, None, None]) * space.sigma[:, None, None]


def first_guess(cube: Cube, turns: int, most: int, least: int) -> Guess:
    """Raises InputError for a cube without wavelengths."""
    if cube.wavelengths is None:
        raise InputError("this model needs the wavelength of each band, and the cube has none")
    found = separate(cube, lambda images: images, turns, most, least)
    plain = Guess(np.empty((0, 0, 0, 0), np.float32), found)
    kept = np.where(found.outliers, found.estimate, cube.array - found.stripes)
    noisy = plain.white(kept)
    wave = np.asarray(cube.wavelengths)[:, None, None] / 1000
    known = (np.broadcast_to(v, noisy.shape) for v in (scales(noisy)[:, None, None], wave))
    parts = [plain.white(found.estimate), noisy, *known]
    return Guess(np.stack(parts).astype(np.float32), found)
