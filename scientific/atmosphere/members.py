"""Ensembles: members of one posterior, drawn side by side.

Member k has the noise of (seed, item, sample k): it is the same however many others there are, and
however many of them a batch holds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.grids import by_log_snr
from undrift.common.noise import Noise
from undrift.common.processes.process import Process, start
from undrift.common.solvers import build_solver
from undrift.common.solvers.loop import Denoise, run_plan

Prepare = Callable[[], Denoise]  # a conditional denoiser with a fresh memory


@dataclass(frozen=True)
class Drawing:
    """How members are drawn. low: s/a of the last call, in units of sigma_d. batch: at once."""

    members: int = 8
    steps: int = 20
    solver: str = "sde-multistep-2"
    seed: int = 0
    item: str = ""
    low: float = 0.02
    batch: int = 8

    def draw(
        self, prepare: Prepare, process: Process, shape: tuple[int, ...], sigma_d: float,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:  # fmt: skip
        """(members, *shape), shape (c, rows, columns)."""
        times = by_log_snr(process, self.steps, sigma_d, low=self.low)
        plan = build_solver(self.solver, sigma_d).plan(process, times)
        found = []
        for first in range(0, self.members, self.batch):
            last = min(first + self.batch, self.members)
            noises = [Noise(self.seed, self.item, k) for k in range(first, last)]

            def normals(number: int, noises: list[Noise] = noises) -> Tensor:
                return torch.cat([noise((1, *shape), number, dtype=dtype) for noise in noises])

            x = start(process, None, normals(0))
            with torch.no_grad():
                found.append(run_plan(prepare(), x, plan, draw=normals))
        return torch.cat(found)
