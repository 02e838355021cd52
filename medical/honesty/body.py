"""Where the patient is: everything statistical is measured there, since air would drown it."""

import numpy as np
import numpy.typing as npt

from undrift.medical.intensity import foreground
from undrift.medical.volumes.volume import Volume

AIR = -500.0  # HU, between air and everything else


def body_of(volume: Volume) -> npt.NDArray[np.bool_]:
    """(x, y, z): above -500 HU, or above Otsu's threshold; everything in a constant volume."""
    array = volume.array if volume.array.ndim == 3 else volume.array[..., 0]
    if array.min() == array.max():
        return np.ones(array.shape, bool)
    if volume.units == "HU":
        mask = array > AIR
        return mask if mask.any() else ~mask
    return foreground(array)
