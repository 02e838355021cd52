"""Scores of restored pictures, by name, for pictures in [0, 1].

`psnr` and `ssim` are taken over the colours as they are (see `undrift.common.metrics.fidelity`);
`psnr_y` and `ssim_y` on the luma of ITU-R BT.601 in its studio range, as most tables of
super-resolution do: Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255. A grey picture is treated
as R = G = B. Differences of luma are 219/255 of those of a grey picture, hence psnr_y = psnr +
1.32 dB there.
"""

from collections.abc import Callable, Sequence

import numpy as np

from undrift.common.errors import UsageError, nearest
from undrift.common.metrics.fidelity import mae, psnr, ssim

_LUMA = np.array([65.481, 128.553, 24.966]) / 255


def luma(x: np.ndarray) -> np.ndarray:
    """(c, h, w) in [0, 1], c = 1 or 3, to (1, h, w) luma in [16/255, 235/255]."""
    colour = np.broadcast_to(np.asarray(x, dtype=np.float64), (3, *x.shape[1:]))
    return np.tensordot(_LUMA, colour, axes=1)[None] + 16 / 255


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
    "mae": lambda x, ref, border: float(mae(x, ref, crop_border=border)),
}


def known_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """The names without repetition; raises UsageError for one that is not in `METRICS`."""
    for name in names:
        if name not in METRICS:
            known = ", ".join(METRICS)
            raise UsageError(
                f"no metric '{name}'{nearest(name, METRICS)} (for pictures there are: {known})"
            )
    if not names:
        raise UsageError(f"no metric given; choose among {', '.join(METRICS)}")
    return tuple(dict.fromkeys(names))


def score(
    x: np.ndarray, ref: np.ndarray, metrics: Sequence[str], crop_border: int = 0
) -> dict[str, float]:
    """Scores `x` (c, h, w) against `ref` of the same shape, both in [0, 1].

    Raises:
        UsageError: an unknown metric. InputError: shapes differ, values are not finite, or the
            picture is too small.
    """
    return {name: METRICS[name](x, ref, crop_border) for name in known_metrics(metrics)}
