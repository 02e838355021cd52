"""The degraded end that an estimate implies: y = (x - a x0)/b where the state holds no noise.

Cold diffusion steps towards what its own estimate says of the degradation instead of the given y
(Bansal et al. 2023, algorithm 2), so that errors of the estimate cancel between neighbouring times.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise


@dataclass(frozen=True)
class ImpliedEnd:
    """Wraps a denoiser: the estimate also names the y that it implies at the state."""

    denoise: Denoise
    process: Process

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """Estimates x0 and y = (x - a x0)/b from x: (b, c, *space), noise-free, at t > 0."""
        x0 = self.denoise(x, t, y, level).x0
        time = torch.tensor(t, dtype=torch.float64)
        a, b = float(self.process.a(time)), float(self.process.b(time))
        return Estimate(x0, (x - a * x0) / b)
