"""Networks trained with the RDDM code (Liu et al., CVPR 2024) as denoisers, clips included.

That code turns every objective into a residual R, a noise E and an estimate of x0, and its sampler
moves by R and E alone: the ends it implies are x0 = x - A R - B E and y = x0 + R, whatever y was
given. Only the last call, and every call of its ancestral loop, uses the estimate of x0. It clips R
and x0 to [-1, 1], although y - x0 reaches 2: a perfect network then misses its mark where the two
are far apart. Leave `clip` at None unless the published numbers are wanted.
"""

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, nearest
from undrift.common.external import Outside
from undrift.common.processes.rddm import RDDM

_EDGE = 1e-6  # theirs in place of 1 - A = 0
OBJECTIVES = {  # name in their code: what each head is trained to give
    "pred_res_noise": ("residual", "eps"),
    "pred_res_add_noise": ("residual", "residual+eps"),
    "pred_x0_noise": ("x0", "eps"),
    "pred_x0_add_noise": ("x0", "x0+eps"),
    "pred_noise": ("eps",),
    "pred_res": ("residual",),
}
Parts = tuple[Tensor, Tensor, Tensor]  # residual, noise, x0


class ResidualHeads(nn.Module):
    """network(x, y, t) -> an output, or two for the objectives with two heads.

    objective: a name of `OBJECTIVES`. clip: bound of |R| and |x0|, 1 in the published code. direct:
    at times up to this the estimate is their x0 instead of the implied one; the last time of a grid
    before 0 for their deterministic sampler, 1 for the ancestral one. Raises InputError for an
    unknown objective.
    """

    def __init__(
        self,
        network: Outside,
        process: RDDM,
        objective: str,
        *,
        clip: float | None = None,
        direct: float = 0.0,
    ):
        super().__init__()
        if objective not in OBJECTIVES:
            known = ", ".join(OBJECTIVES)
            raise InputError(
                f"objective {objective!r} is not one of {known}{nearest(objective, OBJECTIVES)}"
            )
        self.network = network
        self.process = process
        self.objective = objective
        self.clip = clip
        self.direct = direct

    def forward(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """Estimates both ends from x: (b, c, *space) at time t."""
        degraded = torch.zeros_like(x) if y is None else y
        residual, noise, x0 = self.parts(x, degraded, t)
        if t > self.direct * (1 + 1e-9):
            A, B = self._clocks(t)
            x0 = x - A * residual - B * noise
        return Estimate(x0, x0 + residual)

    def parts(self, x: Tensor, y: Tensor, t: float) -> Parts:
        """Residual, noise and x0 as the published code has them."""
        out = self.network(x, y, t)
        first, second = (out, None) if isinstance(out, Tensor) else (out[0], out[-1])
        A, B = self._clocks(t)
        if self.objective == "pred_res":
            residual = self._clipped(first)
            return residual, (x - y - (A - 1) * residual) / B, self._clipped(y - residual)
        if self.objective == "pred_noise":
            x0 = self._clipped((x - A * y - B * first) / (1 - A if A < 1 else _EDGE))
            return self._clipped(y - x0), first, x0
        if second is None:
            raise InputError(f"objective {self.objective} has two outputs, the network gave one")
        noise = second - first if self.objective.endswith("add_noise") else second
        if self.objective.startswith("pred_x0"):
            return self._clipped(y - first), noise, self._clipped(first)
        residual = self._clipped(first)
        return residual, noise, self._clipped(x - A * residual - B * noise)

    def _clocks(self, t: float) -> tuple[float, float]:
        time = torch.tensor(t, dtype=torch.float64)
        return float(self.process.residual_clock(time)), float(self.process.noise_clock(time))

    def _clipped(self, value: Tensor) -> Tensor:
        return value if self.clip is None else value.clamp(-self.clip, self.clip)
