"""Haze taken off without a network: the dark channel prior (He, Sun & Tang, CVPR 2009).

Haze is y = x t + A (1 - t). In most small patches of a clear outdoor picture some pixel is dark in
some channel, so that the dark channel of y / A tells 1 - t (Eqs. 5, 10-12):

    dark(x) = min over a patch, min over channels;     t = 1 - omega dark(y / A)

A is read where the dark channel is brightest (Sect. 4.4). The patchy t is smoothed along the edges
of y by the guided filter (He, Sun & Tang 2010), and x = (y - A) / max(t, t0) + A (Eq. 16).
Sky, snow and white walls break the prior: they come out too dark, or coloured.
"""

import time
from typing import Any

import numpy as np
import torch

from undrift.common.errors import UsageError
from undrift.common.results import Restored
from undrift.restoration.asked import check_fidelity, wishes_for
from undrift.restoration.channels import prepared
from undrift.restoration.images import to_pixels
from undrift.restoration.mending import mend
from undrift.restoration.outcome import Measured, outcome
from undrift.restoration.unlearned import Unlearned

METHOD = "dark-channel"
PATCH, OMEGA, T0 = 15, 0.95, 0.1  # He et al. 2009, Sect. 4
RADIUS, SMOOTH = 40, 1e-3  # of the guided filter, as in their later paper
BRIGHTEST = 1e-3


def dehaze(
    image: Any, *, fidelity: float = 1.0, mask: Any = None, model: str | None = None, **wishes: Any
) -> Restored:
    """Takes haze off: by the dark channel prior, or by a network where a model is named.

    fidelity: 1 or more; what is taken for haze is divided by it. mask: of a network, see `mend`.
    `info` has the airlight and the mean transmission. Raises as `mend`.
    """
    if model is not None:
        return mend(image, task="dehaze", fidelity=fidelity, mask=mask, model=model, **wishes)
    began = time.monotonic()
    sampler = Unlearned(METHOD, wishes_for(image, wishes))
    check_dehaze(sampler, fidelity=fidelity, mask=mask)
    picture, back = to_pixels(image)
    y = prepared(picture)[0].numpy().astype(np.float64)
    light = airlight(y)
    t = transmission(y, light, OMEGA / float(fidelity))
    clear = (y - light) / np.maximum(t, T0) + light
    samples = torch.from_numpy(np.clip(clear, 0, 1).astype(np.float32))[None]
    measured = Measured(torch.from_numpy(y.astype(np.float32))[None] - samples, None)
    extra = {
        "task": "dehaze", "fidelity": float(fidelity), "transmission": round(float(t.mean()), 4),
        "airlight": [round(float(a), 4) for a in light.ravel()],
    }  # fmt: skip
    return outcome(picture, back, samples, measured, sampler, extra, began)


def check_dehaze(sampler: Any, *, fidelity: float = 1.0, mask: Any = None, **_: Any) -> None:
    """Raises UsageError for numbers that cannot be, and for flags that belong to a network."""
    check_fidelity(fidelity)
    if float(fidelity) < 1:
        raise UsageError(f"fidelity {fidelity:g}: expected 1 or more; 2 takes half of the haze off")
    if isinstance(sampler, Unlearned):
        sampler.wishes.check()
        named = [key for key in ("preset", "steps", "solver") if getattr(sampler.wishes, key)]
        if named or mask is not None or (sampler.wishes.samples or 1) > 1:
            raise UsageError(
                f"{METHOD} has no network; preset, steps, solver, samples and mask need --model"
            )


def dark_channel(y: np.ndarray) -> np.ndarray:
    """(c, h, w) -> (h, w): the smallest value of any channel in the patch around each pixel."""
    from scipy.ndimage import minimum_filter

    return minimum_filter(y.min(0), PATCH, mode="nearest")


def airlight(y: np.ndarray) -> np.ndarray:
    """A (c, 1, 1): the brightest of those pixels where the dark channel is brightest."""
    dark = dark_channel(y).ravel()
    count = max(1, round(BRIGHTEST * dark.size))
    places = np.argpartition(dark, -count)[-count:]
    brightness = y.reshape(len(y), -1)[:, places]
    found = brightness[:, np.argmax(brightness.sum(0))]
    return np.maximum(found, 0.05)[:, None, None]  # a black picture has no haze


def transmission(y: np.ndarray, light: np.ndarray, omega: float = OMEGA) -> np.ndarray:
    """t (h, w) in [0, 1], smooth but for the edges of y."""
    coarse = 1 - omega * np.clip(dark_channel(y / light), 0, 1)
    return np.clip(guided(coarse, y.mean(0), RADIUS, SMOOTH), 0, 1)


def guided(p: np.ndarray, guide: np.ndarray, radius: int, smooth: float) -> np.ndarray:
    """p (h, w) filtered so that it is a linear function of the guide in each window."""
    from scipy.ndimage import uniform_filter

    def mean(x: np.ndarray) -> np.ndarray:
        return uniform_filter(x, 2 * radius + 1, mode="reflect")

    m, mp = mean(guide), mean(p)
    a = (mean(guide * p) - m * mp) / (mean(guide * guide) - m * m + smooth)
    b = mp - a * m
    return mean(a) * guide + mean(b)
