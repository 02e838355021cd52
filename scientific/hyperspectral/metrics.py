"""Scores of an estimated cube against the truth, with the conventions of the field by name.

Cubes are (bands, rows, columns), MSE_b the mean squared error of band b:

    MPSNR    mean over bands of 10 lg(peak^2 / MSE_b)         psnr: of the mean MSE of all bands
    MSSIM    mean over bands of SSIM; "wang": Gaussian window, population covariance (T3SC),
             "uniform": 7 x 7, sample covariance (HIR-Diff), with range 2 as QRNN3D had it
    SAM      mean over pixels of the angle of the two spectra
    ERGAS    100 ratio sqrt( mean_b MSE_b / mean_b^2 )        "wald" (2000), ratio of pixel sizes
             100 sqrt( mean_b MSE_b / mean_b )                "unsquared": T3SC and others

One pair of cubes has an MSSIM of .49, .51 or .62 and an ERGAS of 22.9, 5.7 or 14.8 by convention
alone, so a figure without its name says little. Pixels whose spectrum is all zero in either cube
have no angle: they are left out of SAM, or count 90 degrees (T3SC, HIR-Diff), and are reported.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Cube = npt.NDArray[np.float64]
SsimKind = Literal["wang", "uniform"]
ErgasKind = Literal["wald", "unsquared"]
Invalid = Literal["skip", "right-angle"]


def mpsnr(truth: npt.ArrayLike, estimate: npt.ArrayLike, peak: float = 1.0) -> float:
    """Mean over bands of the PSNR in dB; infinite if a band is exact."""
    x, y = _checked(truth, estimate)
    with np.errstate(divide="ignore"):
        return float((10 * np.log10(peak**2 / _band_errors(x, y))).mean())


def psnr(truth: npt.ArrayLike, estimate: npt.ArrayLike, peak: float = 1.0) -> float:
    """PSNR in dB of the whole cube."""
    x, y = _checked(truth, estimate)
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(peak**2 / _band_errors(x, y).mean()))


def mssim(
    truth: npt.ArrayLike, estimate: npt.ArrayLike, span: float = 1.0, kind: SsimKind = "wang"
) -> float:
    """Mean over bands of the structural similarity (scikit-image).

    span: the range of values, 1; programs that left it out got 2 for floating point.
    """
    from skimage.metrics import structural_similarity

    x, y = _checked(truth, estimate)
    how = (
        {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        if kind == "wang"
        else {}
    )
    each = [structural_similarity(a, b, data_range=span, **how) for a, b in zip(x, y, strict=True)]
    return float(np.mean(each))


def angles(truth: npt.ArrayLike, estimate: npt.ArrayLike) -> Cube:
    """(rows, columns) angles of the spectra in radians; NaN where one of them is zero."""
    x, y = _checked(truth, estimate)
    sizes = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.arccos(np.clip((x * y).sum(0) / sizes, -1, 1))


def sam(truth: npt.ArrayLike, estimate: npt.ArrayLike, invalid: Invalid = "skip") -> float:
    """Mean angle of the spectra in radians; see `angles` for the pixels that have none."""
    found = angles(truth, estimate)
    if invalid == "right-angle":
        found = np.where(np.isnan(found), np.pi / 2, found)
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def ergas(
    truth: npt.ArrayLike,
    estimate: npt.ArrayLike,
    ratio: float = 1.0,
    kind: ErgasKind = "wald",
    mean_of: Literal["truth", "estimate"] = "truth",
) -> float:
    """The relative error over bands, in per cent; smaller is better.

    ratio: pixel size of the fine over that of the coarse image, 1 where both are alike
    (torchmetrics writes the reverse and takes 4). mean_of: whose band means divide.
    """
    x, y = _checked(truth, estimate)
    mean = (x if mean_of == "truth" else y).mean((1, 2))
    share = _band_errors(x, y) / (mean**2 if kind == "wald" else mean)
    return float(100 * ratio * np.sqrt(share.mean()))


def _band_errors(x: Cube, y: Cube) -> Cube:
    return ((x - y) ** 2).mean((1, 2))


def _checked(truth: npt.ArrayLike, estimate: npt.ArrayLike) -> tuple[Cube, Cube]:
    x, y = np.asarray(truth, np.float64), np.asarray(estimate, np.float64)
    if x.ndim != 3 or x.shape != y.shape or not x.size:
        raise InputError(
            f"cubes of {x.shape} and {y.shape}; expected one shape (bands, rows, cols)"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("a cube holds NaN or infinity; score the valid bands and pixels alone")
    return x, y
