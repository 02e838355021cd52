"""How papers on shadow removal score ISTD: by region, in Lab, at 256 x 256.

As the evaluation program of RDDM has it, which Resfusion took over: PSNR and SSIM of numbers that
are resized exactly, the error of 8-bit pictures that are resized and rounded. A region is scored by
setting all else to 0 in both pictures, and PSNR still divides by the whole picture, so that small
regions look good. The "MAE" sums the three axes of Lab and is per pixel of the region. Lab is that
of MATLAB's makecform: sRGB adapted to the white of D50.
"""

import numpy as np

from undrift.common.errors import InputError
from undrift.common.metrics.fidelity import psnr
from undrift.restoration.papers.picture_scores import Protocol, imresize

SIDE = 256
REGIONS = ("all", "non-shadow", "shadow")
_TO_XYZ = np.array(  # linear sRGB to XYZ of D50, adapted by Bradford's rule (ICC)
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)
_WHITE = _TO_XYZ.sum(1)


def lab(picture: np.ndarray) -> np.ndarray:
    """sRGB (3, h, w) in [0, 1] to L, a, b of D50 (CIE 1976)."""
    x = np.asarray(picture, dtype=np.float64)
    linear = np.where(x <= 0.04045, x / 12.92, ((np.maximum(x, 0) + 0.055) / 1.055) ** 2.4)
    ratio = np.tensordot(_TO_XYZ, linear, axes=1) / _WHITE[:, None, None]
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def shadow_scores(
    restored: np.ndarray, clean: np.ndarray, shadow: np.ndarray, side: int | None = SIDE
) -> dict[str, float]:
    """ "PSNR all", "SSIM shadow", "MAE non-shadow", ... of uint8 (3, h, w); shadow: uint8 (h, w).

    side: None for the size of the pictures. Raises InputError for a mask without one of the two
    regions, or of another size.
    """
    if shadow.ndim != 2 or shadow.dtype != np.uint8:
        raise InputError(f"a mask is uint8 (h, w); got {shadow.dtype} {shadow.shape}")
    protocol = Protocol(side=side, exact=True, structure="volume")
    masks = dict(zip(REGIONS, _masks(shadow, side), strict=True))
    x, ref = protocol.prepared(restored), protocol.prepared(clean)
    if x.shape[1:] != masks["all"].shape:
        raise InputError(f"the mask has shape {masks['all'].shape}, the picture {x.shape}")
    distance = np.abs(lab(_rounded(restored, side)) - lab(_rounded(clean, side))).sum(0)
    found: dict[str, float] = {}
    for region, mask in masks.items():
        found[f"PSNR {region}"] = float(psnr(x * mask, ref * mask, data_range=1.0))
        found[f"SSIM {region}"] = protocol.structural(x * mask, ref * mask)
        found[f"MAE {region}"] = float(distance[mask].mean())
    return found


def _masks(shadow: np.ndarray, side: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mask = shadow if side is None else imresize(shadow[None], (side, side))[0]
    inside = mask > 0
    if inside.all() or not inside.any():
        raise InputError("the mask holds one region only; scores by region need both")
    return np.ones_like(inside), ~inside, inside


def _rounded(picture: np.ndarray, side: int | None) -> np.ndarray:
    return picture / 255 if side is None else imresize(picture, (side, side))
