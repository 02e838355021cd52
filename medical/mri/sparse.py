"""Compressed sensing: an image has few wavelet coefficients, or few edges (Lustig et al. 2007).

    wavelet   argmin |y - A x|^2 / 2 + lam sum |W x|      FISTA (Beck & Teboulle 2009, Eq. 4.1-4.3)
    tv        argmin |y - A x|^2 / 2 + lam sum |D x|      ADMM (Boyd et al. 2011, Eq. 6.1 ff.)

W is an orthonormal wavelet transform of Daubechies, period by period, whose coarsest coefficients
are left alone; at each iteration the image is shifted, so that the grid of the wavelets is not seen
(cycle spinning). D are differences along each axis, at the border 0, and |.| is that of the complex
vector of a pixel. lam is in units of the image: about the deviation of the noise.
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.operators.conjugate_gradient import conjugate_gradient
from undrift.common.operators.linear import LinearOperator
from undrift.medical.mri.models import to_channels, to_complex

_SHIFTS = 8  # pixels: those of three levels


def wavelet(
    operator: LinearOperator,
    y: Tensor,
    lam: float,
    iterations: int = 60,
    name: str = "db4",
    levels: int = 4,
) -> Tensor:
    """(1, 2, *space) for y (1, *shape_out), 2-D or 3-D; levels: fewer where sides do not
    allow, and Haar's wavelets where they are shorter than `name`."""
    step = 1 / operator.norm(iterations=30) ** 2
    x = extrapolated = torch.zeros_like(operator.adjoint(y))
    pace = 1.0
    shifts = np.random.default_rng(0).integers(0, _SHIFTS, (iterations, x.ndim - 2))
    for shift in shifts:
        moved = extrapolated + step * operator.adjoint(y - operator(extrapolated))
        after = shrunk(moved, lam * step, name, levels, tuple(int(n) for n in shift))
        faster = (1 + math.sqrt(1 + 4 * pace**2)) / 2
        extrapolated = after + (pace - 1) / faster * (after - x)
        x, pace = after, faster
    return x


def shrunk(
    x: Tensor, threshold: float, name: str, levels: int, shift: tuple[int, ...] = ()
) -> Tensor:
    """(1, 2, *space) with the magnitude of each wavelet coefficient lessened by `threshold`."""
    import pywt

    axes = tuple(range(x.ndim - 2))
    image = to_complex(x)[0].cpu().numpy()
    image = np.roll(image, shift or 0, axes if shift else None)
    most = pywt.dwtn_max_level(image.shape, name, axes)
    name, levels = (name, min(levels, most)) if most else ("haar", 1)
    sides = [(0, -n % 2**levels) for n in image.shape]
    padded = np.pad(image, sides, mode="edge")
    found: list[Any] = pywt.wavedecn(padded, name, mode="periodization", level=levels, axes=axes)
    for detail in found[1:]:
        for key, value in detail.items():
            size = np.abs(value)
            detail[key] = value * (np.maximum(size - threshold, 0) / np.maximum(size, 1e-30))
    back = np.asarray(pywt.waverecn(found, name, mode="periodization", axes=axes))
    back = back[tuple(slice(0, n) for n in image.shape)]
    back = np.roll(back, [-n for n in shift] or 0, axes if shift else None)
    return to_channels(torch.from_numpy(np.ascontiguousarray(back)).to(x.device)[None, None]).to(x)


def total_variation(
    operator: LinearOperator,
    y: Tensor,
    lam: float,
    iterations: int = 40,
    rho: float | None = None,
    inner: int = 10,
    tolerance: float = 1e-6,
) -> Tensor:
    """(1, 2, *space) for y (1, *shape_out). rho: of the splitting, by default 10 lam.

    inner, tolerance: where the rounds of conjugate gradients within an iteration stop. Weights that
    are small beside A^T A need a small tolerance, or x stops moving before it is there.
    """
    rho = 10 * lam if rho is None else rho
    axes = tuple(range(2, 2 + len(operator.shape_in) - 1))
    first = operator.adjoint(y)
    x = torch.zeros_like(first)
    edges = dual = differences(x, axes)
    for _ in range(iterations):
        right = first + rho * differences_adjoint(edges - dual, axes)
        x = conjugate_gradient(
            lambda v: operator.normal(v) + rho * differences_adjoint(differences(v, axes), axes),
            right, x, tolerance, inner,
        ).x  # fmt: skip
        moved = differences(x, axes) + dual
        size = torch.linalg.vector_norm(moved, dim=(0, 2), keepdim=True)
        edges = moved * (1 - lam / rho / size.clamp(min=1e-30)).clamp(min=0)
        dual = moved - edges
    return x


def differences(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Forward differences along each axis, 0 at the end: (d, *x.shape)."""
    found = torch.zeros(len(axes), *x.shape, dtype=x.dtype, device=x.device)
    for k, axis in enumerate(axes):
        n = x.shape[axis] - 1
        found[k].narrow(axis, 0, n).copy_(x.narrow(axis, 1, n) - x.narrow(axis, 0, n))
    return found


def differences_adjoint(v: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The adjoint of `differences`."""
    found = torch.zeros_like(v[0])
    for k, axis in enumerate(axes):
        n = found.shape[axis] - 1
        part = v[k].narrow(axis, 0, n)
        found.narrow(axis, 0, n).sub_(part)
        found.narrow(axis, 1, n).add_(part)
    return found
