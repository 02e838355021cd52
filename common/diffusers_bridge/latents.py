"""Pictures to latents and back by a pipeline's autoencoder, with its scaling.

    latent = (z - shift) scale        or, where the autoencoder lists them, (z - mean) scale / std

z is the mean of the encoder's Gaussian (AutoencoderKL) or its vector (VQModel); pictures are in
[-1, 1]. Factors are those of the autoencoder's configuration.
"""

from typing import Any

import torch
from torch import Tensor


class Latents:
    """encode: (b, 3, h, w) in [-1, 1] -> (b, c, h/f, w/f); decode: back, not clipped."""

    def __init__(self, autoencoder: Any):
        self.autoencoder = autoencoder
        config = autoencoder.config
        self.scale = float(config.get("scaling_factor") or 1.0)
        self.shift = float(config.get("shift_factor") or 0.0)
        self.mean, self.std = config.get("latents_mean"), config.get("latents_std")

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures, at the mean of the encoder's distribution."""
        with torch.no_grad():
            coded = self.autoencoder.encode(pictures)
        z = coded.latents if hasattr(coded, "latents") else coded.latent_dist.mean
        offset, gain = self.line(z)
        return (z - offset) * gain

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures of latents."""
        offset, gain = self.line(latents)
        with torch.no_grad():
            return self.autoencoder.decode(latents / gain + offset).sample

    def line(self, like: Tensor) -> tuple[Tensor | float, Tensor | float]:
        """Offset and gain, numbers or by channel of `like`: latent = (z - offset) gain."""
        if self.mean is None or self.std is None:
            return self.shift, self.scale
        shape = (1, -1, *[1] * (like.ndim - 2))
        mean, std = (like.new_tensor(values).reshape(shape) for values in (self.mean, self.std))
        return mean, self.scale / std
