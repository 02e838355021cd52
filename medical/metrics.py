"""Scores of volumes against a truth, and of several samples of one volume.

psnr   10 log10(range^2 / mean squared error) over the voxels of a mask, dB
ssim   structural similarity of scikit-image, windows of 7 voxels a side (5 or 3 on thin
       volumes), averaged over the mask; `range` as for psnr
mae    mean absolute error in the values' unit, of all voxels of the mask or of one tissue
crps   fair continuous ranked probability score (Ferro 2014), mean over the mask, in the values'
       unit; of a single estimate it is the mean absolute error
coverage   share of truths inside the 90 % prediction interval of the samples (Student's)
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Values = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


def psnr(x: Values, truth: Values, data_range: float, mask: Mask | None = None) -> float:
    """dB; inf where they are equal. Raises InputError for shapes that differ or an empty mask."""
    error = np.square(_inside(x, truth, mask)).mean()
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def mae(x: Values, truth: Values, mask: Mask | None = None) -> float:
    """Mean absolute error. Raises as `psnr`."""
    return float(np.abs(_inside(x, truth, mask)).mean())


def ssim(x: Values, truth: Values, data_range: float, mask: Mask | None = None) -> float:
    """Structural similarity, at most 1. Raises as `psnr`, and for a side below 3 voxels."""
    from skimage.metrics import structural_similarity

    _inside(x, truth, mask)
    shortest = min(n for n in truth.shape if n > 1)
    if shortest < 3:
        raise InputError(f"a volume of {truth.shape} is too thin for SSIM; 3 voxels are needed")
    window = min(7, shortest - 1 + shortest % 2)
    found = structural_similarity(
        np.squeeze(truth).astype(np.float64), np.squeeze(x).astype(np.float64),
        win_size=window, data_range=data_range, full=True,
    )  # fmt: skip
    return float(found[1][np.squeeze(mask)].mean() if mask is not None else found[0])


def mae_by_tissue(
    x: Values, truth: Values, tissues: Mapping[str, Mask], least: int = 20
) -> dict[str, float]:
    """Tissue -> mean absolute error; tissues of fewer than `least` voxels are left out."""
    return {name: mae(x, truth, m) for name, m in tissues.items() if int(m.sum()) >= least}


def crps(samples: Sequence[Values], truth: Values, mask: Mask | None = None) -> float:
    """Mean over the mask; of one sample its mean absolute error. Raises as `psnr`."""
    from undrift.common.metrics import ensembles

    if len(samples) == 1:
        return mae(samples[0], truth, mask)
    inside = np.stack([_inside(one, truth, mask) for one in samples])
    return float(ensembles.crps(np.zeros(inside.shape[1]), inside).mean())


def coverage(
    samples: Sequence[Values], truth: Values, mask: Mask | None = None, level: float = 0.9
) -> float:
    """Share of truths within mean +- t_(K-1) std sqrt(1 + 1/K), `level` if right.

    Raises as `psnr`, and UsageError for fewer than two samples.
    """
    from undrift.medical.honesty.ensemble import student_factor

    errors = np.stack([_inside(one, truth, mask) for one in samples]).astype(np.float64)
    half = student_factor(len(errors), level) * errors.std(0, ddof=1)
    return float((np.abs(errors.mean(0)) <= half).mean())


def _inside(x: Values, truth: Values, mask: Mask | None) -> Values:
    """x - truth within the mask, flat."""
    if x.shape != truth.shape or (mask is not None and mask.shape != truth.shape):
        shape = None if mask is None else mask.shape
        raise InputError(f"shapes {x.shape}, {truth.shape} and mask {shape}: expected equal ones")
    if mask is not None and not mask.any():
        raise InputError("the mask is empty: nothing to score")
    difference = np.asarray(x, np.float64) - np.asarray(truth, np.float64)
    return difference[mask] if mask is not None else difference.ravel()
