"""DPS as its code runs it (Chung et al. 2023, algorithm 1): a step of the prior, then

    x' = x' - weight grad_x |m - A D(x)|

with the norm itself, not its square. The paper has 1000 ancestral steps and weight .3 for blurs and
super-resolution, .5 for inpainting and 1 for phase retrieval, for signals in [-1, 1]; A may be
non-linear. `gradient.DPS` is the conditional denoiser, for any solver and number of steps.
The norm is that of each item; the published code took one over the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments


@dataclass(frozen=True)
class DPSShift(Shifted):
    """weight: zeta of the paper's table."""

    weight: float = 0.3

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        operator, left = self.linearised(point.x0)
        length = torch.linalg.vector_norm(left.flatten(1), dim=1).clamp(min=1e-12)
        pulled = point.pull(operator.adjoint(left))
        return self.weight * pulled / length.reshape(-1, *[1] * (pulled.ndim - 1))
