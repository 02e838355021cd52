"""At which noise levels a network is trained.

Bands of the noise-to-signal ratio rho = s/a, log-uniform inside each, with shares; a share of
samples at t = 1, where sampling starts; and a share of times uniform in (0, 1], the law of most
papers. In rho the choice means the same for every process, in t it is the process's own.
"""

import math
from typing import Any

import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from torch import Tensor

from undrift.common.config import Strict
from undrift.common.processes.process import Process, angle, time_of_angle


class Band(Strict):
    """A share of the samples with rho log-uniform in [low, high] (units of the data)."""

    share: float = Field(gt=0, le=1)
    low: float = Field(gt=0)
    high: float = Field(gt=0)


class Times(Strict):
    """Bands, the share of times uniform in (0, 1] and that at t = 1; shares sum to 1."""

    bands: list[Band] = Field(default_factory=list)
    uniform: float = Field(0.0, ge=0, le=1)
    top: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _shares(self) -> "Times":
        total = self.top + self.uniform + sum(band.share for band in self.bands)
        if abs(total - 1) > 1e-6:
            raise ValueError(f"all shares sum to {total:g}, they must sum to 1")
        return self

    @model_serializer(mode="wrap")
    def _short(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = write(self)
        if not self.uniform:  # as in checkpoints from before there was such a share
            del written["uniform"]
        return written

    def draw(self, process: Process, u: Tensor, sigma_d: float) -> Tensor:
        """Maps u uniform on [0, 1), shape (b,), to times, float64 (b,)."""
        u = u.double()
        times, edge = torch.ones_like(u), 0.0
        if self.bands:
            times, edge = self._banded(process, u, sigma_d)
        inside = (u >= edge) & (u < edge + self.uniform)
        return torch.where(inside, 1 - (u - edge) / (self.uniform or 1), times)

    def _banded(self, process: Process, u: Tensor, sigma_d: float) -> tuple[Tensor, float]:
        """Times of the u below the sum of the bands' shares, which comes too; 1 for the others."""
        last = angle(process, torch.ones((), dtype=torch.float64), sigma_d)
        psi = torch.full_like(u, float(last))
        edge = 0.0
        for band in self.bands:
            place = (u - edge) / band.share
            rho = band.low * torch.exp(math.log(band.high / band.low) * place)
            inside = (u >= edge) & (u < edge + band.share)
            psi = torch.where(inside, torch.atan(rho / sigma_d).clamp(max=float(last)), psi)
            edge += band.share
        times = time_of_angle(process, psi, sigma_d)
        return torch.where(psi >= last, torch.ones_like(times), times), edge
