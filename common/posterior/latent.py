"""Operators seen through the decoder of an autoencoder: posterior samplers of latents.

A prior of latents z with x = Dec(z) makes of a measurement m = A(x) + n one of z, with the operator
A o Dec, which is not linear. Every method that takes such operators then runs on latents:

    latent = Latent(vae, (3, 512, 512))
    method = DPS(denoise, process, latent.through(operator), m, sigma, sigma_d=1.0)
    x = latent.decode(run_plan(method, start, plan))

and what it returns is decoded at the end. Derivatives go through decoder and network, so that the
memory is that of both. `psld` holds the method that also looks back through the encoder.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.network import Network
from undrift.common.operators.operator import Operator


@dataclass(frozen=True)
class Latent:
    """vae: a diffusers AutoencoderKL, or VQModel, frozen here. shape: (c, *space) of a picture.

    Latents are scaled and shifted as the configuration of the vae says, to about unit spread; their
    shape is found by one call. Raises InputError for pictures that the vae does not take.
    """

    vae: Any
    shape: tuple[int, ...]
    latent_shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.vae.eval().requires_grad_(False)
        like = next(self.vae.parameters())
        picture = torch.zeros(1, *self.shape, dtype=like.dtype, device=like.device)
        try:
            with torch.no_grad():
                found = self.encode(picture)
                back = self.decode(found)
        except RuntimeError as error:
            raise InputError(
                f"the autoencoder does not take pictures of {self.shape}: {error}"
            ) from error
        if back.shape != picture.shape:
            raise InputError(
                f"the autoencoder makes {tuple(back.shape[1:])} of {self.shape}; expected the "
                "same; crop or pad pictures to a multiple of its factor"
            )
        object.__setattr__(self, "latent_shape", tuple(found.shape[1:]))

    @property
    def _scale(self) -> tuple[float, float]:
        config = self.vae.config
        shift = getattr(config, "shift_factor", None)
        return float(getattr(config, "scaling_factor", None) or 1.0), float(shift or 0.0)

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (b, *shape) in [-1, 1] to the middle of their latents, (b, *latent_shape)."""
        scale, shift = self._scale
        found = self.vae.encode(x)
        raw = found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latents
        return (raw - shift) * scale

    def decode(self, z: Tensor) -> Tensor:
        """Latents (b, *latent_shape) to pictures (b, *shape)."""
        scale, shift = self._scale
        return self.vae.decode(z / scale + shift).sample

    def through(self, operator: Operator) -> Operator:
        """A o Dec, an operator of latents. Raises InputError unless A takes such pictures."""
        return operator @ Network(self.decode, self.latent_shape, tuple(self.shape))
