"""SelfRDB (Arslan et al. 2025): a bridge with a soft end, for translation between contrasts.

    a = S(T-i)/(S(i) + S(T-i)),   b = 1 - a,   s = gamma S(T) sqrt(S(i))/(S(i) + S(T-i)),   phi = a

at integer step i of T (t = i/T, linear between), S the running sum of mirrored rates. The noise
grows up to the end: y plus unit noise. S(T-i) is the sum taken backwards, as in the program; the
textbook bridge has S(T) - S(i), one step away. The program also draws its reverse steps with
sqrt(S(i)) in place of s, 9 to 14 % too much noise; `as_coded` has that, for its weights.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.processes import clocks
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class SelfRDB(Process):
    """steps: T; gamma: scale of the noise; first, last: ends of the rates (last is divided by T).

    as_coded: the noise of the program's reverse steps, for planning a sampler only.
    """

    steps: int = 10
    gamma: float = 1.0
    first: float = 0.1
    last: float = 3.0
    as_coded: bool = False

    @cached_property
    def sums(self) -> tuple[float, ...]:
        """S at steps 0..T: running sums of rates linear in the root, up to the middle and back."""
        low, high = math.sqrt(self.first), math.sqrt(self.last / self.steps)
        half = [(low + (high - low) * i / self.steps) ** 2 for i in range((self.steps + 1) // 2)]
        back = half[::-1] if self.steps % 2 else half[-2::-1]
        found = [0.0]
        for rate in (*half, *back):
            found.append(found[-1] + rate)
        return (*found, found[-1])

    def a(self, t: Tensor) -> Tensor:
        forward, backward = self._sums(t)
        return backward / (forward + backward)

    def b(self, t: Tensor) -> Tensor:
        forward, backward = self._sums(t)
        return forward / (forward + backward)

    def s(self, t: Tensor) -> Tensor:
        forward, backward = self._sums(t)
        root = torch.sqrt(forward)
        if self.as_coded:
            return root
        return self.gamma * self.sums[-1] * root / (forward + backward)

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)

    def coded(self) -> "SelfRDB":
        """The process from which to plan steps that equal the program's."""
        return replace(self, as_coded=True)

    def _sums(self, t: Tensor) -> tuple[Tensor, Tensor]:
        table = self.sums
        return clocks.tabulated(table, t), clocks.tabulated(table[::-1], t)
