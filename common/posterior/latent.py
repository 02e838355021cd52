"""Operators seen through the decoder of an autoencoder: posterior samplers of latents.

A prior of latents z with x = Dec(z) makes of a measurement m = A(x) + n one of z, with the operator
A o Dec, which is not linear. Every method that takes such operators then runs on latents:

    latent = Latent(vae, (3, 512, 512))
    method = DPS(denoise, process, latent.through(operator), m, sigma, sigma_d=1.0)
    x = latent.decode(run_plan(method, start, plan))

and what it returns is decoded at the end. Derivatives go through decoder and network, so that the
memory is that of both. `psld` holds the method that also looks back through the encoder.
`undrift.solve` does all this for a pipeline folder with an autoencoder (`fitting`).
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from undrift.common.diffusers_bridge.latents import Latents
from undrift.common.errors import InputError
from undrift.common.operators.network import Network
from undrift.common.operators.operator import Operator


@dataclass(frozen=True)
class Latent:
    """vae: a diffusers AutoencoderKL, or VQModel, frozen here. shape: (c, *space) of a picture.

    low, high: what the autoencoder's -1 and 1 are in the values of pictures.
    Latents are scaled and shifted as the configuration of the vae says, to about unit spread; their
    shape is found by one call. Raises InputError for pictures that the vae does not take.
    """

    vae: Any
    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0
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

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (b, *shape) in [low, high] to the middle of their latents."""
        found = self.vae.encode((x - self.low) * (2 / (self.high - self.low)) - 1)
        raw = found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latents
        offset, gain = Latents(self.vae).line(raw)
        return (raw - offset) * gain

    def decode(self, z: Tensor) -> Tensor:
        """Latents (b, *latent_shape) to pictures (b, *shape), not clipped."""
        offset, gain = Latents(self.vae).line(z)
        picture = self.vae.decode(z / gain + offset).sample
        return (picture + 1) * ((self.high - self.low) / 2) + self.low

    def through(self, operator: Operator) -> Operator:
        """A o Dec, an operator of latents. Raises InputError unless A takes such pictures."""
        return operator @ Network(self.decode, self.latent_shape, tuple(self.shape))


def fitting(vae: Any, shape: tuple[int, ...], multiple: int, name: str) -> Latent:
    """The latents of pictures (c, h, w) in [0, 1]; multiple: of the sides of latents.

    Raises InputError for pictures of other channels than the autoencoder's, and for sides that are
    no multiples of its factor times `multiple`, with the nearest that are.
    """
    channels = vae.config.get("out_channels", shape[0])
    if shape[0] != channels:
        raise InputError(
            f"{name} is a prior of latents of {channels} channels; the operator takes signals of "
            f"{shape}, that is {shape[0]}; take an operator for signals of {channels}"
        )
    unit = multiple * 2 ** max(0, len(vae.config.get("block_out_channels", ())) - 1)
    if any(side % unit for side in shape[1:]):
        below = [max(unit, side // unit * unit) for side in shape[1:]]
        above = [-(-side // unit) * unit for side in shape[1:]]
        raise InputError(
            f"{name} takes pictures whose sides are multiples of {unit}, the operator signals of "
            f"{shape}; crop to {_sides(below)} or pad to {_sides(above)}, with an operator for it"
        )
    return Latent(vae, shape, 0.0, 1.0)


def _sides(sides: list[int]) -> str:
    return " x ".join(map(str, sides))
