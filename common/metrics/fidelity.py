"""Full-reference scores of pictures: PSNR, SSIM and mean absolute error.

Libraries disagree on what these names mean, so ours are fixed here. Every score is taken per
picture, in double precision, over all channels together, after `crop_border` pixels are removed
on each side. SSIM is that of Wang et al. (2004, eq. 13): Gaussian window of 11 x 11 pixels with
standard deviation 1.5, K1 = .01, K2 = .03, population covariance, averaged over the positions
where the window lies inside the picture, then over channels. scikit-image computes it so with
`gaussian_weights=True, use_sample_covariance=False`; torchmetrics 1.9 also averages the border,
where the window sees mirrored pixels, and differs in the third decimal on small pictures.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError

if TYPE_CHECKING:
    import torch

    Picture = np.ndarray | torch.Tensor

WINDOW = 11
SIGMA = 1.5


def psnr(
    x: "Picture", ref: "Picture", *, data_range: float, crop_border: int = 0
) -> "float | np.ndarray":
    """Peak signal-to-noise ratio 10 log10(data_range² / MSE) in decibels; inf where x equals ref.

    Args:
        x: (h, w), (c, h, w) or (b, c, h, w) the estimate.
        ref: same shape, the truth.
        data_range: distance between the smallest and the largest possible value (1 for [0, 1]).
        crop_border: pixels left out along each side.

    Returns:
        One float, or (b,) float64 for a batch.

    Raises:
        InputError: shapes differ, values are not finite, or the border leaves nothing.
    """
    return _per_picture(_psnr, x, ref, data_range, crop_border)


def ssim(
    x: "Picture", ref: "Picture", *, data_range: float, crop_border: int = 0
) -> "float | np.ndarray":
    """Structural similarity in [-1, 1], 1 for equal pictures; arguments as in `psnr`.

    Raises:
        InputError: as `psnr`, or a side shorter than 11 pixels after the border is removed.
    """
    return _per_picture(_ssim, x, ref, data_range, crop_border)


def mae(x: "Picture", ref: "Picture", *, crop_border: int = 0) -> "float | np.ndarray":
    """Mean absolute error in the unit of the pictures; arguments as in `psnr`."""
    return _per_picture(lambda a, b, _: float(np.abs(a - b).mean()), x, ref, 1.0, crop_border)


def _psnr(x: np.ndarray, ref: np.ndarray, data_range: float) -> float:
    error = float(np.mean((x - ref) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def _ssim(x: np.ndarray, ref: np.ndarray, data_range: float) -> float:
    from skimage.metrics import structural_similarity

    if min(x.shape[1:]) < WINDOW:
        raise InputError(
            f"SSIM looks through a window of {WINDOW} pixels, the picture has {_size(x)} after "
            "its border is removed; score larger pictures or leave SSIM out"
        )
    value: Any = structural_similarity(
        x, ref, data_range=data_range, channel_axis=0, gaussian_weights=True, sigma=SIGMA,
        use_sample_covariance=False,
    )  # fmt: skip
    return float(value)


def _per_picture(
    score: Callable[[np.ndarray, np.ndarray, float], float],
    x: "Picture",
    ref: "Picture",
    data_range: float,
    crop_border: int,
) -> "float | np.ndarray":
    first, second = _as_batch(x, "the estimate"), _as_batch(ref, "the reference")
    if np.shape(x) != np.shape(ref):
        raise InputError(
            f"the estimate has shape {tuple(np.shape(x))}, the reference {tuple(np.shape(ref))}; "
            "give both the same size and the same number of channels"
        )
    if not data_range > 0:
        raise InputError(
            f"data_range must be positive (1 for pictures in [0, 1]), not {data_range}"
        )
    if crop_border < 0 or 2 * crop_border >= min(first.shape[-2:]):
        raise InputError(
            f"a border of {crop_border} pixels leaves nothing of {_size(first[0])}; "
            "lower crop_border"
        )
    inside = slice(crop_border, -crop_border or None)
    first, second = first[..., inside, inside], second[..., inside, inside]
    values = [score(a, b, float(data_range)) for a, b in zip(first, second, strict=True)]
    return np.array(values) if np.ndim(x) == 4 else values[0]


def _as_batch(picture: "Picture", name: str) -> np.ndarray:
    if hasattr(picture, "detach"):
        picture = picture.detach().cpu()  # pyright: ignore[reportAttributeAccessIssue]
    array = np.asarray(picture, dtype=np.float64)
    if array.ndim not in (2, 3, 4) or array.size == 0:
        raise InputError(
            f"{name} has shape {array.shape}; expected (h, w), (c, h, w) or (b, c, h, w)"
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InputError(f"{name} holds {bad} NaN or infinite values; mend or mask them first")
    return array.reshape((1,) * (4 - array.ndim) + array.shape)


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[-2]} x {picture.shape[-1]} pixels"
