"""Which line of k-space tells most: scores of columns out of the k-space of particles.

k_i is the k-space that particle i predicts, d_ij(l) = |k_i[:, l] - k_j[:, l]|^2 over coils and
readout. The particles are points of the distribution of what would be measured there; the column of
most entropy tells most (Nolan et al. 2025, active diffusion subsampling):

    gmm_entropy   H_l = -sum_i log sum_j exp(-d_ij(l) / (2 sigma^2))     Gaussians about each k_i
    variance      H_l = sum_i |k_i[:, l] - mean|^2 / n
    ads_compat    H_l = sum_i log sum_j exp(+d_ij(l) / (2 sigma^2))      the sign of the public code

For a wide sigma all three choose the column of most variance; with ads_compat and a narrow one the
farthest pair decides alone. Sums of exponentials are taken by their logarithm and do not overflow.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError, nearest


def distances(kspace: Tensor) -> Tensor:
    """d: (n, n, columns) of complex k-space (n, coils, readout, columns)."""
    flat = kspace - kspace.mean(0, keepdim=True)
    gram = torch.einsum("ichw,jchw->ijw", flat, flat.conj()).real
    size = gram.diagonal(dim1=0, dim2=1).T  # (n, columns)
    return (size[:, None] + size[None] - 2 * gram).clamp(min=0)


def usual_width(d: Tensor) -> float:
    """sigma such that the usual pair of the usual column lies at d = 2 sigma^2."""
    apart = ~torch.eye(len(d), dtype=torch.bool, device=d.device)
    return max(float(d[apart].median() / 2) ** 0.5, 1e-30)


def gmm_entropy(d: Tensor, sigma: float) -> Tensor:
    """(columns,); see the module."""
    return -torch.logsumexp(-d / (2 * sigma**2), 1).sum(0)


def variance(d: Tensor, sigma: float) -> Tensor:
    """(columns,); sigma is not used."""
    return d.sum((0, 1)) / (2 * len(d) ** 2)


def ads_compat(d: Tensor, sigma: float) -> Tensor:
    """(columns,); see the module."""
    return torch.logsumexp(d / (2 * sigma**2), 1).sum(0)


SCORES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "gmm_entropy": gmm_entropy,
    "variance": variance,
    "ads_compat": ads_compat,
}


def find_score(name: str) -> Callable[[Tensor, float], Tensor]:
    """Raises UsageError with the nearest name for an unknown one."""
    if name not in SCORES:
        raise UsageError(f"score {name!r} is not one of {', '.join(SCORES)}{nearest(name, SCORES)}")
    return SCORES[name]


def best_columns(
    kspace: Tensor, measured: Tensor, count: int, score: str, sigma: float | None = None
) -> list[int]:
    """The `count` columns of the highest scores that are not measured yet, best first.

    kspace: complex (n, coils, readout, columns) of n >= 2 particles; measured: bool (columns,).
    Raises InputError where fewer columns are left or there is one particle.
    """
    left = int((~measured).sum())
    if len(kspace) < 2 or count > left:
        raise InputError(
            f"{count} columns of {left} that are left, by {len(kspace)} particles: expected 2 "
            "particles or more, and as many columns"
        )
    d = distances(kspace)
    found = find_score(score)(d, sigma or usual_width(d[..., ~measured]))
    found = torch.where(measured, -torch.inf, found)
    return torch.argsort(found, descending=True, stable=True)[:count].tolist()
