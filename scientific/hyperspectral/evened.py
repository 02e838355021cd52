"""A cube as its signal is told from noise: with noise that does not grow with the signal.

Where photons make bright pixels noisier, values go through a root (`stabilise`); small offsets of
columns have to go before it, since they are the same in dark and bright pixels.
"""

import numpy as np
import numpy.typing as npt

from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.low_rank import faint_offsets
from undrift.scientific.hyperspectral.noise.estimate import NoiseReport, noise_report
from undrift.scientific.hyperspectral.stabilise import Stabiliser, stabiliser


def evened(cube: Cube, report: NoiseReport) -> tuple[Cube, Stabiliser]:
    """The cube with even noise, and what made it so; report: of the cube's noise."""
    even = stabiliser(cube.array, report)
    offset = np.zeros((cube.bands, cube.array.shape[2]))
    if even.acts:
        offset = faint_offsets(cube, report)
        less = cube.with_array(cube.array - offset[:, None])
        even = stabiliser(less.array, noise_report(less))
    if not (even.acts or offset.any()):
        return cube, even
    return cube.with_array(even.forward(cube.array - offset[:, None])), even


def evened_truth(clean: npt.NDArray[np.floating], even: Stabiliser) -> npt.NDArray[np.float64]:
    """What `even.inverse` makes the clean cube of: less the mean that a root lacks."""
    lacking = np.where(even.slope > 0, even.slope / 4, 0)
    return even.forward(clean - lacking[:, None, None])
