"""Variance exploding diffusion: noise is added and nothing else happens, a = 1, b = 0, phi = 1.

"geometric": s^2 = low^2 ((high/low)^(2 t) - 1), the VE-SDE (Song et al. 2021, Eq. (31));
"linear": s = high t, the noise of EDM (Karras et al. 2022), for which t is the noise itself.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class VarianceExploding(Process):
    """low, high: sigma_min and sigma_max (units of the data); low is not used by "linear".

    Raises InputError for another law.
    """

    low: float = 0.01
    high: float = 50.0
    law: str = "geometric"

    def __post_init__(self) -> None:
        if self.law not in ("geometric", "linear"):
            raise InputError(f"law is {self.law!r}; expected 'geometric' or 'linear'")

    def a(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def s(self, t: Tensor) -> Tensor:
        if self.law == "linear":
            return self.high * t
        return self.low * torch.sqrt(torch.expm1(2 * math.log(self.high / self.low) * t))

    def phi(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)
