"""Small figures for a look at a result; matplotlib is imported only here (extra `plot`)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from undrift.common.errors import require


def panels(pictures: Mapping[str, Any]) -> Any:
    """A figure with one panel per picture: (h, w[, c]) arrays, (c, h, w) tensors, PIL images."""
    pyplot = require("matplotlib.pyplot")
    figure, axes = pyplot.subplots(1, len(pictures), squeeze=False, layout="constrained")
    for axis, (name, value) in zip(axes[0], pictures.items(), strict=True):
        pixels = _last(value)
        drawn = axis.imshow(pixels, cmap="gray" if name == "restored" else "magma")
        if pixels.ndim == 2 and name != "restored":
            figure.colorbar(drawn, ax=axis, shrink=0.7)
        axis.set_title(name)
        axis.set_axis_off()
    return figure


def _last(value: Any) -> np.ndarray:
    """Channels last, one channel dropped, floats clipped to what can be shown."""
    pixels = np.asarray(getattr(value, "pixels", value))
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[2] not in (1, 3):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 3 and pixels.dtype.kind == "f":
        return np.clip(np.abs(pixels), 0, 1)
    return pixels
