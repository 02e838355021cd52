"""PSLD (Rout et al. 2023): DPS on latents, glued so that what is measured comes back unchanged.

    z' = step(z, D) - grad_z [ omega |A Dec(D) - m|
                              + gamma |Enc(A^+ m + (1 - A^+ A) Dec(D)) - D| ]

(algorithm 2) with gamma .1, omega 1 and 1000 DDIM steps. For an autoencoder without loss both terms
are DPS's. The code has A^T where A^+ is meant, the same where A^T A projects (masks, averages times
their size), takes its norms over the whole batch, and adds fresh noise of the measurement to its
prediction at each step: `official`. Both networks and the denoiser are differentiated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior.latent import Latent
from undrift.common.posterior.shifted import Shifted
from undrift.common.posterior.tweedie import Moments


@dataclass(frozen=True)
class PSLD(Shifted):
    """operator: linear, of pictures; latent: between pictures and states. weight: of both terms.

    normals: by time, like the measurement, for `official`; none: no noise is added. The result is
    latents; decode them by `latent.decode`. Raises InputError without a latent.
    """

    latent: Latent | None = None
    gamma: float = 0.1
    omega: float = 1.0
    official: bool = False
    normals: Callable[[float], Tensor] | None = None
    operators = "linear"
    latents = True
    price = "1F+1B, decoder and encoder 1F+1B"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.latent is None or not isinstance(self.operator, LinearOperator):
            raise InputError(
                f"PSLD got latent {self.latent!r} and {self.operator!r}; expected a "
                "latent.Latent(vae, shape) and a linear operator of its pictures; "
                "DPSShift with latent.through(operator) takes others"
            )

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            z = point.x0.detach().clone().requires_grad_()
            total = self.weight * self.loss(z, t)
            gradient = torch.autograd.grad(total, z)[0]
        return -point.pull(gradient)

    def loss(self, z: Tensor, t: float) -> Tensor:
        """The two norms of an estimate z (b, *latent_shape), summed over the items."""
        latent, operator = cast(Latent, self.latent), cast(LinearOperator, self.operator)
        picture = latent.decode(z)
        found, measured = operator(picture), self.measurement.to(z)
        back = operator.adjoint if self.official else operator.pinv
        glued = back(measured) + picture - back(found)
        gap = latent.encode(glued.expand_as(picture)) - z
        if self.official and self.normals is not None:
            found = found + self.sigma * self.normals(t).to(found)
        return self.omega * self._norm(found - measured) + self.gamma * self._norm(gap)

    def _norm(self, left: Tensor) -> Tensor:
        if self.official:
            return torch.linalg.vector_norm(left)
        squares = (left.abs() ** 2).flatten(1).sum(1)
        return squares.clamp(min=1e-24).sqrt().sum()
