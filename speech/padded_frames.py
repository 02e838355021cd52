"""Frames beyond the end, so that networks which halve the time axis get a multiple they can halve.

The authors pad by zeros or by the mirror image; theirs fails where a clip has fewer frames than are
added. Here the mirror image goes on for ever, forth and back.
"""

import torch
from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.common.padding import pad

PADDINGS = ("zero", "reflect", "replicate")


def pad_frames(spectrum: Tensor, multiple: int = 64, mode: str = "reflect") -> Tensor:
    """(..., bins, frames) with frames added at the end, up to the next multiple of `multiple`.

    mode: "zero", "reflect" (about the last frame) or "replicate". Raises UsageError for another.
    """
    if mode not in PADDINGS:
        raise UsageError(
            f"padding {mode!r} is not one of {', '.join(PADDINGS)}{nearest(mode, PADDINGS)}"
        )
    missing = -spectrum.shape[-1] % multiple
    if mode == "reflect":
        return pad(spectrum, ("reflect",), [(0, missing)])
    last = spectrum[..., -1:] * (mode == "replicate")
    return torch.cat([spectrum, last.expand(*spectrum.shape[:-1], missing)], -1)
