"""Missing pixels: a first guess, and the data step of half-quadratic splitting that knows them.

Plain splitting replaces what is known and leaves the rest to the prior, which then sees a step at
every border of a hole. Here what the estimate misses at the known pixels is carried on into the
holes by a normalised Gaussian mean (Knutsson & Westin 1993, "Normalized and differential
convolution"), a covariance of one pixel's reach: z = x + G(m (y - x)) / G(m) where pixels are
missing.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.posterior.half_quadratic import HalfQuadratic

REACH = 1.0  # pixels


@dataclass(frozen=True)
class Filling(HalfQuadratic):
    """Half-quadratic splitting for a `Mask`; known: (1, 1, h, w) of 0 and 1."""

    known: Tensor | None = None

    def data_step(self, y: Tensor, x: Tensor, level: float) -> Tensor:
        """z: as of the base class, with its change carried into the holes."""
        known = torch.ones_like(y[:, :1]) if self.known is None else self.known.to(y)
        change = super().data_step(y, x, level) - x
        return x + torch.where(known > 0, change, spread(change, known))


def spread(values: Tensor, known: Tensor, reach: float = REACH) -> Tensor:
    """Normalised Gaussian mean of the values (b, c, h, w) where known (1, 1, h, w); 0 far away."""
    weight = _gaussian(known, reach)
    return _gaussian(values * known, reach) / weight.clamp(min=1e-6)


def first_guess(y: Tensor, known: Tensor) -> Tensor:
    """Holes of y (1, c, h, w) filled from coarser and coarser means of what is known around.

    Push-pull interpolation (Gortler et al. 1996, "The lumigraph", Sect. 3.4.1); known (1, 1, h, w).
    """
    if min(y.shape[-2:]) <= 1 or bool((known > 0).all()):
        mean = (y * known).sum((-2, -1), keepdim=True) / known.sum((-2, -1), keepdim=True).clamp(
            min=1e-9
        )
        return torch.where(known > 0, y, mean)

    def halved(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)

    share = halved(known)
    low = halved(y * known) / share.clamp(min=1e-9)
    below = first_guess(low, (share > 0).to(y))
    size = (y.shape[-2], y.shape[-1])
    wide = functional.interpolate(below, size=size, mode="bilinear", align_corners=False)
    return torch.where(known > 0, y, wide)


def _gaussian(x: Tensor, std: float) -> Tensor:
    half = int(4 * std + 0.5)
    place = torch.arange(-half, half + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-0.5 * (place / std) ** 2)
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    count = x.shape[1]
    x = functional.pad(x, (half, half, 0, 0), mode="replicate")
    x = functional.conv2d(x, kernel[:, :, None, :], groups=count)
    x = functional.pad(x, (0, 0, half, half), mode="replicate")
    return functional.conv2d(x, kernel[:, :, :, None], groups=count)
