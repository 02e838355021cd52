"""Networks from elsewhere as denoisers: any function of (x, y, t), any target, one or two heads.

`Denoiser` decides itself what its network sees, so that one network serves every process. A
published network sees what its authors gave it: wrap it as a function network(x, y, t) that scales
the state, joins y and turns our t into its own time value; the conversion to x0 stays the one rule
of `predictions`. With two predictions the network returns two outputs and the estimate names its
own y, which the solver then uses (RDDM's implied end point, an interpolant's drift and score).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Estimate
from undrift.common.predictions import to_ends, to_x0, weights
from undrift.common.processes.process import Process

Output = Tensor | Sequence[Tensor]
Outside = Callable[[Tensor, Tensor | None, float], Output]


class External(nn.Module):
    """network(x, y, t) -> output, or a pair of outputs for a pair of predictions.

    x, y: (b, c, *space); t: a number in [0, 1]. clip: bound of |x0|, as published samplers have.
    sigma_d matters for "balanced" only.
    """

    def __init__(
        self,
        network: Outside,
        process: Process,
        prediction: str | tuple[str, str],
        *,
        sigma_d: float = 1.0,
        clip: float | None = None,
    ):
        super().__init__()
        self.network = network
        self.process = process
        self.prediction = prediction
        self.sigma_d = sigma_d
        self.clip = clip

    def forward(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """Estimates x0 (and y with two heads) from x at time t."""
        time = torch.tensor(t, dtype=torch.float64)
        abs_ = tuple(f(time).to(x.dtype) for f in (self.process.a, self.process.b, self.process.s))
        out = self.network(x, y, t)
        if isinstance(self.prediction, tuple):
            pqrs = [self._weights(name, time, x) for name in self.prediction]
            x0, ending, _ = to_ends(pqrs, abs_, list(out), x)  # type: ignore[arg-type]
            return Estimate(self._clipped(x0), ending)
        degraded = torch.zeros_like(x) if y is None else y
        pqr = self._weights(self.prediction, time, x)
        return Estimate(self._clipped(to_x0(pqr, abs_, out, x, degraded)))  # type: ignore[arg-type]

    def _weights(self, name: str, time: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        p, q, r = weights(name, self.process, time, self.sigma_d)
        return p.to(x.dtype), q.to(x.dtype), r.to(x.dtype)

    def _clipped(self, x0: Tensor) -> Tensor:
        return x0 if self.clip is None else x0.clamp(-self.clip, self.clip)
