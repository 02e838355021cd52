"""Families for `Blind` of GDP's light and haze (Fei et al. 2023): m = f x + M, f one number.

`Light` has M on a coarse grid, linear between its points, and fits both by least squares; `pull`
adds pull |M|^2, without which a bright x and a bright M are the same. `GradientLight` is the
published rule: M of the size of the picture, and one step along the gradient of the mean square at
each call. Divided by the number of values that gradient hardly moves M; f does the work.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.operators.diagonal import Diagonal
from undrift.common.operators.operator import Operator
from undrift.common.posterior.blind import Parameters


@dataclass(frozen=True)
class Light:
    """m = f x + M of (c, h, w); {"factor": (), "coarse": (c, rows, columns)}.

    coarse: points of M along each axis; pull: see above, in units of the mean square of x.
    """

    shape: tuple[int, ...]
    coarse: tuple[int, int] = (4, 4)
    pull: float = 1e-3
    begin: float = 1.0

    def start(self) -> Parameters:
        grid = torch.zeros(self.shape[0], *self.coarse, dtype=torch.float64)
        return {"factor": torch.tensor(self.begin, dtype=torch.float64), "coarse": grid}

    def mask(self, parameters: Parameters) -> Tensor:
        """M, (1, c, h, w)."""
        return _spread(parameters["coarse"][None], self.shape[1:])

    def pose(self, parameters: Parameters, measurement: Tensor) -> tuple[Operator, Tensor]:
        factor = parameters["factor"].reshape([1] * len(self.shape))
        return Diagonal(factor, self.shape), measurement - self.mask(parameters).to(measurement)

    def fit(self, x0: Tensor, measurement: Tensor, parameters: Parameters) -> Parameters:
        c, (rows, columns) = self.shape[0], self.coarse
        units = torch.eye(rows * columns, dtype=torch.float64).reshape(-1, 1, rows, columns)
        basis = _spread(units, self.shape[1:]).flatten(1).to(x0.device)  # (points, pixels)
        x = x0.double().flatten(2)
        told = measurement.double().expand(x0.shape).flatten(2)
        count, points = len(x0), len(basis)
        gram = torch.zeros(1 + c * points, 1 + c * points, dtype=torch.float64, device=x0.device)
        right = torch.zeros(1 + c * points, dtype=torch.float64, device=x0.device)
        gram[0, 0], right[0] = x.square().sum(), (x * told).sum()
        cross = (x.sum(0) @ basis.T).flatten()
        gram[0, 1:], gram[1:, 0] = cross, cross
        damped = count * basis @ basis.T
        damped = damped + self.pull * x.square().sum() / c / points * torch.eye(points).to(damped)
        gram[1:, 1:] = torch.block_diag(*[damped] * c)
        right[1:] = (told.sum(0) @ basis.T).flatten()
        found = torch.linalg.solve(gram, right)
        return {"factor": found[0], "coarse": found[1:].reshape(c, rows, columns)}


@dataclass(frozen=True)
class GradientLight:
    """{"factor": (), "mask": (c, h, w)} of signals of `shape`; rate: of a step, 1 in the code."""

    shape: tuple[int, ...]
    rate: float = 1.0
    begin: float = 1.0

    def start(self) -> Parameters:
        mask = torch.zeros(self.shape, dtype=torch.float64)
        return {"factor": torch.tensor(self.begin, dtype=torch.float64), "mask": mask}

    def pose(self, parameters: Parameters, measurement: Tensor) -> tuple[Operator, Tensor]:
        factor = parameters["factor"].reshape([1] * len(self.shape))
        return Diagonal(factor, self.shape), measurement - parameters["mask"].to(measurement)

    def fit(self, x0: Tensor, measurement: Tensor, parameters: Parameters) -> Parameters:
        x, factor, mask = x0.double(), parameters["factor"], parameters["mask"].to(x0.device)
        left = measurement.double() - factor * x - mask
        step = 2 * self.rate / left.numel()
        return {"factor": factor + step * (left * x).sum(), "mask": mask + step * left.sum(0)}


def _spread(grid: Tensor, space: tuple[int, ...]) -> Tensor:
    """Linear between the points, which lie on the corners; (b, c, *space)."""
    return functional.interpolate(grid, space, mode="bilinear", align_corners=True)
