"""Scores of restored pictures, by name, for pictures in [0, 1].

`psnr` and `ssim` are taken over the colours as they are (see `undrift.common.metrics.fidelity`);
`psnr_y` and `ssim_y` on the luma of ITU-R BT.601 in its studio range, as most tables of
super-resolution do: Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255. A grey picture is treated
as R = G = B. Differences of luma are 219/255 of those of a grey picture, hence psnr_y = psnr +
1.32 dB there. `vif` is visual information fidelity (Sheikh and Bovik 2006, in the pixel domain) by
torchmetrics, on luma of full range, with the visual noise of 2 on the scale 0..255: 1 for equal
pictures, towards 0 as information is lost; more than 1 is contrast gained.
"""

from collections.abc import Callable, Sequence

import numpy as np

from undrift.common.errors import InputError
from undrift.common.metrics.fidelity import mae, psnr, ssim
from undrift.common.metrics.names import checked_names

_LUMA = np.array([65.481, 128.553, 24.966]) / 255
_FULL = np.array([0.299, 0.587, 0.114])
VIF_SIDE = 41


def luma(x: np.ndarray) -> np.ndarray:
    """(c, h, w) in [0, 1], c = 1 or 3, to (1, h, w) luma in [16/255, 235/255]."""
    colour = np.broadcast_to(np.asarray(x, dtype=np.float64), (3, *x.shape[1:]))
    return np.tensordot(_LUMA, colour, axes=1)[None] + 16 / 255


def vif(x: np.ndarray, ref: np.ndarray, crop_border: int = 0) -> float:
    """Visual information fidelity of (c, h, w) in [0, 1]; 41 pixels a side or more remain.

    Raises InputError for other shapes, values that are not finite, and smaller pictures.
    """
    mae(x, ref, crop_border=crop_border)  # checks both
    planes = []
    for picture in (x, ref):
        inside = slice(crop_border, -crop_border or None)
        part = np.asarray(picture, dtype=np.float64)[..., inside, inside]
        plane = part[0] if len(part) == 1 else np.tensordot(_FULL, part, axes=1)
        planes.append(255 * (plane - 0.5))  # about 0, where float32 is finest; shifts do not matter
    if min(planes[0].shape) < VIF_SIDE:
        raise InputError(
            f"VIF looks at four scales and needs {VIF_SIDE} pixels a side, the picture has "
            f"{planes[0].shape[0]} x {planes[0].shape[1]} after its border is removed; score "
            "larger pictures or leave vif out"
        )
    import torch
    from torchmetrics.functional.image import visual_information_fidelity

    # float32: six digits, and thirty times faster than float64
    first, second = (torch.from_numpy(plane).float()[None, None] for plane in planes)
    return float(visual_information_fidelity(first, second, sigma_n_sq=2.0))


Score = Callable[[np.ndarray, np.ndarray, int], float]

METRICS: dict[str, Score] = {
    "psnr": lambda x, ref, border: float(psnr(x, ref, data_range=1.0, crop_border=border)),
    "ssim": lambda x, ref, border: float(ssim(x, ref, data_range=1.0, crop_border=border)),
    "psnr_y": lambda x, ref, border: float(
        psnr(luma(x), luma(ref), data_range=1.0, crop_border=border)
    ),
    "ssim_y": lambda x, ref, border: float(
        ssim(luma(x), luma(ref), data_range=1.0, crop_border=border)
    ),
    "vif": vif,
    "mae": lambda x, ref, border: float(mae(x, ref, crop_border=border)),
}


def known_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """The names without repetition; raises UsageError for one that is not in `METRICS`."""
    return checked_names(names, METRICS, "pictures")


def score(
    x: np.ndarray, ref: np.ndarray, metrics: Sequence[str], crop_border: int = 0
) -> dict[str, float]:
    """Scores `x` (c, h, w) against `ref` of the same shape, both in [0, 1].

    Raises:
        UsageError: an unknown metric. InputError: shapes differ, values are not finite, or the
            picture is too small.
    """
    return {name: METRICS[name](x, ref, crop_border) for name in known_metrics(metrics)}
