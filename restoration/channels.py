"""Grey pictures in a colour network, and pictures as the tensors that tasks work on."""

from dataclasses import replace

import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.errors import InputError
from undrift.common.weights.model import Model
from undrift.restoration.images import Picture, bleed


class GreyAsColour(Denoiser):
    """Shows a one-channel state to a colour network as three equal channels; returns their mean.

    Their errors are the same, so that a variance, where the network tells one, is the mean too.

    The default models are trained on such pictures too, with equal noise in the three channels.
    """

    @classmethod
    def around(cls, model: Model, pixels: Tensor) -> Model:
        """The model for pixels (1, c, h, w): itself, or wrapped for grey ones in a colour model.

        Raises InputError for colour in a grey model.
        """
        ours, its = pixels.shape[1], model.settings.network.params.get("outputs", 3)
        heads = 2 if model.settings.variance else 1  # the second is a variance
        if ours * heads == its or getattr(model.denoiser, "any_channels", False):
            return model
        if ours != 1 or its != 3 * heads:
            raise InputError(f"{model.id} restores {its} channels, not {ours}; take another model")
        inner = model.denoiser
        wide = cls(inner.network, inner.process, inner.prediction, inner.scaling, inner.variance)
        return replace(model, denoiser=wide)

    def forward(
        self, x: Tensor, t: Tensor | float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As `Denoiser.forward`, with one channel."""
        wide = super().forward(_three(x), t, None if y is None else _three(y), level)
        var = None if wide.var is None else wide.var.mean(1, keepdim=True)
        return Estimate(wide.x0.mean(1, keepdim=True), var=var)


def _three(x: Tensor) -> Tensor:
    return x.expand(-1, 3, *x.shape[2:])


def prepared(picture: Picture) -> Tensor:
    """Pixels (1, c, h, w) float32; colours below full transparency come from their neighbours."""
    pixels = picture.pixels if picture.alpha is None else bleed(picture.pixels, picture.alpha)
    return torch.from_numpy(pixels.copy())[None]
