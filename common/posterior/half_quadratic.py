"""Half-quadratic splitting: one picture instead of draws, with a denoiser as the prior.

The maximum of p(y | x) p(x) is sought by two moves in turn (Geman & Yang 1995; with a denoiser as
the second move: Zhang et al. 2021, "Plug-and-play image restoration with deep denoiser prior",
Eqs. (6a), (6b) and Alg. 1), at levels r that fall from `top` to the noise of the measurement:

    z = argmin |y - A z|^2 / sigma^2 + weight |z - x|^2 / r^2,        x = D(z; r)

The weight is that of the prior; their lambda is .23. Nothing is drawn, so the result is no sample
of the posterior: sharper than its mean, and it has no spread. With `stir` noise of stir r is put
on z, so that the denoiser meets what it was trained on and results differ: DiffPIR with zeta = 1
(Zhu et al. 2023, Alg. 1) at stir 1, whose spread is no posterior's either, but tells of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.grids import time_of_ratio
from undrift.common.operators.operator import Operator
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise, Draw

WEIGHT = 0.23
TOP = 49 / 255


def falling(n: int, top: float, bottom: float) -> list[float]:
    """n levels, equal steps in their logarithm; a bottom above the top counts as the top."""
    bottom = min(bottom, top)
    return [math.exp(v) for v in torch.linspace(math.log(top), math.log(bottom), n).tolist()]


@dataclass(frozen=True)
class HalfQuadratic:
    """Call it with y (b, *shape_out), a start (b, *shape_in) and falling levels r.

    denoise, process, sigma_d: the prior. sigma: of the noise of y, above 0. tol, iterations: of the
    solves, where they are needed.
    stir: share of a level that is drawn anew at it. Raises InputError for a sigma or weight that is
    not above 0.
    """

    denoise: Denoise
    process: Process
    operator: Operator
    sigma: float
    sigma_d: float = 0.5
    weight: float = WEIGHT
    tol: float | None = 1e-2
    stir: float = 0.0
    iterations: int = 500

    def __post_init__(self) -> None:
        if not (self.sigma > 0 and self.weight > 0):
            raise InputError(
                f"HalfQuadratic got sigma {self.sigma:g} and weight {self.weight:g}; expected "
                "both above 0; give a small sigma for an almost noiseless measurement"
            )

    def __call__(
        self, y: Tensor, start: Tensor, levels: Sequence[float], draw: Draw | None = None
    ) -> Tensor:
        """The restored signal after one denoiser call a level. draw: normals by number, to stir."""
        x = start
        for number, level in enumerate(levels):
            z = self.data_step(y, x, level)
            if draw is not None and self.stir:
                z = z + self.stir * level * draw(number).to(z)
            moment = time_of_ratio(self.process, level, self.sigma_d)
            a = float(self.process.a(torch.tensor(moment, dtype=torch.float64)))
            x = self.denoise(a * z, moment, None, None).x0
        return x

    def data_step(self, y: Tensor, x: Tensor, level: float) -> Tensor:
        """z: x moved towards the measurement, whose operator is linearised at x."""
        found, linear = self.operator.linearise(x)
        return x + linear.gain(
            y - found, level**2 / self.weight, self.sigma**2, tol=self.tol,
            iterations=self.iterations,
        )  # fmt: skip
