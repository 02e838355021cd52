"""Guidance by weighed draws of x0 around the estimate, without any derivative.

x0 given the state is taken as N(D, r^2 I); draws x_k of it count by how well they explain m,

    D_m = sum_k w_k x_k,      w_k ~ exp(-|m - A(x_k)|^2 / (2 sigma^2))

which is D + r^2 times the policy gradient of Tang et al. 2024 ("Solving general noisy inverse
problem via posterior sampling: a policy gradient viewpoint", DPG) in self-normalised form, with the
derivative of D replaced by r^2 a / s^2. With many draws it is PiGDM's Jacobian-free form (exactly,
for linear A). The number it needs grows steeply with the measured values: `effective` tells.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.posterior.conditional import Conditional, replaced
from undrift.common.posterior.ensemble import ensemble_noise


@dataclass(frozen=True)
class DPG(Conditional):
    """draws: for each item and call, in opposite pairs; 5000 in the literature.

    noise: of the draws; every call takes the same ones, so that a run can be repeated and its
    solver sees a smooth denoiser. at_once: draws given to the operator together.
    """

    draws: int = 1000
    noise: Noise = field(default_factory=lambda: Noise(0, "policy gradient"))
    at_once: int = 1000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws < 2 or self.draws % 2 or self.at_once < 1:
            raise InputError(
                f"DPG got {self.draws} draws, {self.at_once} at once; expected an even number, and "
                "1 or more at once"
            )

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        with torch.no_grad():
            estimate = self.denoise(x, t, y, level)
        shares, normals, width = self._weighed(estimate.x0, t)
        moved = width * (shares @ normals.flatten(1)).reshape(estimate.x0.shape)
        return replaced(estimate, estimate.x0 + moved)

    def effective(self, x0: Tensor, t: float) -> Tensor:
        """How many of the draws around x0 count, (b,): 1 / sum of squared weights."""
        return 1 / self._weighed(x0, t)[0].square().sum(1)

    def _weighed(self, x0: Tensor, t: float) -> tuple[Tensor, Tensor, float]:
        """Weights (b, draws), normals (draws, *shape_in), and r."""
        width = self.shrunk_variance(t) ** 0.5
        half = ensemble_noise(self.noise, self.draws // 2, x0.shape[1:], 0, x0.dtype, x0.device)
        normals = torch.cat([half, -half])
        costs = []
        for part in normals.split(self.at_once):
            seen = self.operator(x0[:, None] + width * part)
            left = self.measurement[:, None] - seen
            costs.append(left.abs().square().flatten(2).sum(2))
        return torch.softmax(-torch.cat(costs, 1) / (2 * self.sigma**2), 1), normals, width
