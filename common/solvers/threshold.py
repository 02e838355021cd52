"""Dynamic thresholding of the estimate (Imagen, Saharia et al. 2022, Section 2.3), as a wrapper.

Per item, m = the quantile of |x0| held within [1, limit]; x0 becomes clip(x0, -m, m) / m: values
are pulled inwards instead of piling up at the bound. MRS and diffusers offer it. It is a change of
the denoiser, so it goes with every solver; for a fixed bound see `External(clip=)`.
"""

import dataclasses

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.solvers.loop import Denoise


def thresholded(denoise: Denoise, ratio: float = 0.995, limit: float = 1.5) -> Denoise:
    """The same denoiser with its estimates thresholded; ratio in (0, 1], limit at least 1.

    Raises UsageError for other numbers.
    """
    if not 0 < ratio <= 1 or limit < 1:
        raise UsageError(f"ratio {ratio}, limit {limit}; expected (0, 1] and at least 1")

    def wrapped(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        estimate = denoise(x, t, y, level)
        fine = estimate.x0 if estimate.x0.dtype == torch.float64 else estimate.x0.float()
        bound = torch.quantile(fine.abs().flatten(1), ratio, dim=1).clamp(1, limit)
        bound = bound.reshape(-1, *[1] * (fine.ndim - 1))
        x0 = (fine.clamp(-bound, bound) / bound).to(estimate.x0.dtype)
        return dataclasses.replace(estimate, x0=x0)

    return wrapped
