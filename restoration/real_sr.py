"""Enlargement of pictures as they are found: blurred, noisy, compressed small ones.

A network for clean bicubic reductions takes noise and JPEG blocks for detail and sharpens them. So
the picture is enlarged by bicubic first, and then restored at full size by a network for unknown
damage whose training pictures were all made small by pipelines of two orders, most by that of
Real-ESRGAN, and enlarged so (`chains.settings.UNKNOWN_SMALL`).
"""

import time
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.results import Restored
from undrift.restoration.asked import is_number, wishes_for
from undrift.restoration.channels import prepared
from undrift.restoration.consistency import enlarged, reduced
from undrift.restoration.images import to_pixels
from undrift.restoration.mending import check_mend, mended, restorer
from undrift.restoration.outcome import Measured, outcome

ENLARGER = "photos-enlarge"
LARGEST = 4.0  # scale of the training pictures


def enlarge_real(
    image: Any,
    *,
    scale: float = 4.0,
    fidelity: float = 1.0,
    model: str | None = None,
    **wishes: Any,
) -> Restored:
    """Enlarges a picture of unknown history `scale` times, up to 4; h becomes ceil(h scale).

    fidelity: as for `mend`. Nothing makes the result agree with the small picture, whose noise and
    blocks are not to be kept. Raises as `mend`, and UsageError for the scale.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    low = prepared(picture)
    sampler = restorer("blind", model, wishes_for(image, wishes), ENLARGER)
    check_enlarge_real(sampler, scale, fidelity)
    modes = sampler.wishes.pad_modes()
    y = without_overshoots(enlarged(low, scale, modes), low)
    samples = mended(sampler, y, fidelity)
    measured = Measured(low - reduced(samples.mean(0, keepdim=True), low, scale), None)
    alpha = None
    if picture.alpha is not None:
        alpha = enlarged(torch.from_numpy(picture.alpha)[None], scale, modes)[0].clamp(0, 1).numpy()
    extra = {
        "task": "sr", "scale": float(scale), "degradation": "real", "fidelity": float(fidelity),
    }  # fmt: skip
    return outcome(picture, back, samples, measured, sampler, extra, began, alpha)


def without_overshoots(y: Tensor, low: Tensor) -> Tensor:
    """y inside the range of the small picture, or [0, 1] if that is wider."""
    return y.clamp(min(0.0, float(low.min())), max(1.0, float(low.max())))


def check_enlarge_real(sampler: Any, scale: float = 4.0, fidelity: float = 1.0) -> None:
    """Raises UsageError for a scale or a fidelity that cannot be."""
    check_mend(sampler, fidelity=fidelity)
    if not is_number(scale) or not 1 <= float(scale) <= LARGEST:
        raise UsageError(
            f"scale {scale}: pictures of unknown history are enlarged 1 to {LARGEST:g} times"
        )
