"""Mean reverting process (IR-SDE, Luo et al., ICML 2023): dx = theta (y - x) dt + sigma dW.

With sigma^2 / (2 theta) = level^2 fixed, Eq. (6) of the paper has the marginals

    a = exp(-Theta(t)),   b = 1 - a,   s = level sqrt(1 - a^2),   phi = a,

where Theta runs from 0 to -ln(residue): a(1) = residue is what is left of x0 at the end. The paper
uses a cosine rate and residue .005; its T integer steps sit at t = i/T of `theta_table`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.processes import clocks
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class MeanReverting(Process):
    """level: stationary noise (units of the data; 50/255 in Refusion); clock: () is cosine."""

    level: float = 50 / 255
    residue: float = 0.005
    clock: tuple[float, ...] = ()

    def theta(self, t: Tensor) -> Tensor:
        """Integrated rate Theta(t) from 0 to -ln(residue)."""
        share = clocks.tabulated(self.clock, t) if self.clock else clocks.cosine(t)
        return -math.log(self.residue) * share

    def a(self, t: Tensor) -> Tensor:
        return torch.exp(-self.theta(t))

    def b(self, t: Tensor) -> Tensor:
        return -torch.expm1(-self.theta(t))

    def s(self, t: Tensor) -> Tensor:
        return self.level * torch.sqrt(-torch.expm1(-2 * self.theta(t)))

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)

    def last_multiplier(self, t: Tensor) -> Tensor:
        if not self.clock:
            return torch.ones_like(t)
        before = (t - 1 / (len(self.clock) - 1)).clamp(min=0)
        return torch.exp(self.theta(before) - self.theta(t))


def theta_rates(kind: str = "cosine", steps: int = 100) -> list[float]:
    """The rates theta of the authors' code at integer steps 0..`steps`; their clock leaves out 0.

    kind: "cosine", "linear" or "constant". Raises ValueError for another kind.
    """
    if kind == "cosine":
        places = [((k / (steps + 2)) + 0.008) / 1.008 for k in range(steps + 3)]
        bend = [math.cos(place * math.pi / 2) ** 2 for place in places]
        return [1 - bend[i + 1] / bend[0] for i in range(steps + 1)]
    if kind == "linear":
        scale = 1000 / (steps + 1)
        return [scale * (1e-4 + (2e-2 - 1e-4) * i / steps) for i in range(steps + 1)]
    if kind == "constant":
        return [1.0] * (steps + 1)
    raise ValueError(f"kind is {kind!r}; expected 'cosine', 'linear' or 'constant'")


def theta_table(kind: str = "cosine", steps: int = 100) -> tuple[float, ...]:
    """The discrete clock of `theta_rates` for integer steps 1..`steps`; raises ValueError."""
    return clocks.running_sum(theta_rates(kind, steps)[1:])
