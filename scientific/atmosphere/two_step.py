"""Downscaling in two steps: a mean by regression, then a diffusion of what it leaves open.

    x = M(y) + r,     r ~ p(r | M(y)) given A_s(M + r) = y_s + e_s

(CorrDiff, Mardani et al. 2023). The residual is small and less correlated, so that a small network
does more with it; its mean is nearly 0. Observations are moved to the residual: what is explained
is y_s - A_s M, by A_s r. In terms of z = (r, in deviations) nothing changes but the place where
the operator is asked: A_s at M + r, with its slope there, also where a transform bends it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.errors import InputError
from undrift.common.solvers.loop import Denoise
from undrift.scientific.atmosphere.likelihood import Likelihood
from undrift.scientific.atmosphere.mean import factor_level
from undrift.scientific.atmosphere.members import Drawing


@dataclass(frozen=True)
class Residual:
    """Call it as a denoiser of r. denoiser: of x0 given y = M. mean: (c, rows, columns), of z."""

    denoiser: Denoiser
    mean: Tensor
    factor: int

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """E[r | r_t], where the network restores x0 = M + r from the state M-centred."""
        shown = self.mean.to(x).expand_as(x)
        told = factor_level(self.factor).to(x).expand(len(x), 1)
        a = float(self.denoiser.process.a(torch.tensor(t, dtype=torch.float64)))
        found = self.denoiser(x + a * shown, t, shown, told)
        return Estimate(found.x0 - shown)


def sample_residual(
    mean: str, residual: str, drawn: Tensor, factor: int, likelihood: Likelihood, drawing: Drawing
) -> Tensor:
    """(members, c, rows, columns) of z: the regression's mean and draws of what it leaves open.

    mean, residual: models by id or path. drawn: (1, c, rows, columns), the coarse field as a cubic.
    likelihood: of all sources, the coarse field among them. Raises InputError for other models.
    """
    from undrift.common.weights.model import load_model
    from undrift.scientific.atmosphere.training import open_mean

    found = load_model(residual)
    if found.settings.task != "atmos-residual":
        raise InputError(
            f"{residual} is of the task {found.settings.task}; expected atmos-residual"
        )
    middle = open_mean(mean)(drawn.float(), factor)[0]
    denoiser = found.denoiser
    spread = denoiser.scaling.sigma_d
    told = likelihood.beside(middle)

    def prepare() -> Denoise:
        local = Residual(denoiser, middle, factor)
        return told.conditional(local, denoiser.process, spread, iterations=8)

    shape = likelihood.operator.shape_in
    return middle + drawing.draw(prepare, denoiser.process, shape, spread)
