"""The noise of the coils: measured, and made white and of unit variance before anything else.

Psi = E[n n^H] is the covariance of complex samples over the coils. With Psi = L L^H, L^-1 k has
noise of covariance I, that is variance 1/2 in each of the real and imaginary parts
(`SIGMA` = 1 / sqrt(2)), and coils that hear the same noise no longer count twice (Pruessmann et
al. 2001). Maps are multiplied by L^-1, too.

Without a noise scan Psi is read off the measurement, in two places where there is little signal:
the highest frequencies, and the ends of the readout direction in image space. Signal makes either
too large, hence the smaller one is taken.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.fourier import centred_ifft

SIGMA = math.sqrt(0.5)  # of each part of whitened samples
_EDGE = 16  # the share 1 / 16 at either end counts as an end
_FEW = 4  # samples for each coil that a covariance takes


@dataclass(frozen=True, eq=False)
class Whitening:
    """covariance: (coils, coils), complex or real. Raises InputError unless positive definite."""

    covariance: Tensor

    def __post_init__(self) -> None:
        psi = self.covariance
        if psi.ndim != 2 or psi.shape[0] != psi.shape[1]:
            raise InputError(
                f"a noise covariance of {tuple(psi.shape)}: expected (coils, coils), E[n n^H] of "
                "complex samples"
            )
        if int(torch.linalg.cholesky_ex(psi).info):
            raise InputError(
                "the noise covariance of the coils is not positive definite; a coil without noise "
                "is broken or padded: leave it out, or pass the noise as one number"
            )

    @property
    def root(self) -> Tensor:
        """L, lower triangular."""
        return torch.linalg.cholesky(self.covariance)

    def __call__(self, values: Tensor) -> Tensor:
        """L^-1 of coils (coils, ...), k-space or maps. Raises InputError for other coils."""
        if len(values) != len(self.covariance):
            raise InputError(
                f"a noise covariance of {len(self.covariance)} coils, but {len(values)} coils"
            )
        root = self.root.to(values.dtype)
        flat = torch.linalg.solve_triangular(root, values.reshape(len(values), -1), upper=False)
        return flat.reshape(values.shape)

    def undone(self, values: Tensor) -> Tensor:
        """L applied to coils (coils, ...)."""
        return torch.einsum("ab,b...->a...", self.root.to(values.dtype), values)


def covariance(samples: Tensor) -> Tensor:
    """Psi of noise (coils, n), complex, mean zero. Raises InputError for too few samples."""
    if samples.ndim != 2 or samples.shape[1] < _FEW * len(samples):
        raise InputError(
            f"noise samples of {tuple(samples.shape)}: expected (coils, n) with {_FEW} or more for "
            "each coil"
        )
    return samples @ samples.mH / samples.shape[1]


def one_level(sigma: float, coils: int, like: Tensor) -> Tensor:
    """Psi of coils with independent noise of deviation `sigma` in each part of a sample.

    Raises InputError unless it is above 0.
    """
    if not (sigma > 0 and math.isfinite(sigma)):
        raise InputError(
            f"noise {sigma}: expected the standard deviation of each part of a k-space sample, "
            "above 0, or a covariance (coils, coils)"
        )
    return 2 * sigma**2 * torch.eye(coils, dtype=like.dtype, device=like.device)


def read_covariance(kspace: Tensor, mask: Tensor) -> Tensor:
    """Psi from k-space (coils, readout, *phases) and its mask (readout, *phases), see the module.

    Raises InputError where too little is measured.
    """
    coils = len(kspace)
    ways: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_high_frequencies, _readout_ends)
    found = [samples for way in ways if _enough(samples := way(kspace, mask), coils)]
    if not found:
        raise InputError(
            f"k-space of {tuple(kspace.shape)} has too few samples away from its centre to measure "
            "the noise; pass noise=, the deviation of each part of a sample"
        )
    return min((covariance(one) for one in found), key=lambda psi: float(psi.diagonal().real.sum()))


def _enough(samples: Tensor, coils: int) -> bool:
    return samples.shape[1] >= 2 * _FEW * coils and bool(samples.abs().any())


def ends_of(n: int) -> list[int]:
    """Numbers of the outer sixteenth at either end of n."""
    width = max(1, n // _EDGE)
    return [*range(width), *range(n - width, n)]


def _high_frequencies(kspace: Tensor, mask: Tensor) -> Tensor:
    """Measured samples at both ends of the readout, in the outer half of the phases."""
    rows = ends_of(kspace.shape[1])
    outer = torch.zeros(mask.shape, dtype=torch.bool, device=mask.device)
    outer[rows] = True
    for axis in range(1, mask.ndim):
        n = mask.shape[axis]
        inner = torch.arange(n, device=mask.device)
        far = ((inner - n // 2).abs() >= n // 4).reshape([-1] + [1] * (mask.ndim - 1 - axis))
        outer &= far
    return kspace[:, outer & mask.bool()]


def _readout_ends(kspace: Tensor, mask: Tensor) -> Tensor:
    """The ends of the readout direction in image space, of lines that are measured whole."""
    whole = mask.bool().all(0)
    if not bool(whole.any()):
        return kspace.new_zeros(len(kspace), 0)
    lines = kspace[:, :, whole]  # (coils, readout, lines)
    images = centred_ifft(lines.movedim(1, -1), 1)
    return images[..., ends_of(kspace.shape[1])].flatten(1)
