"""A pipeline folder of diffusers as a model of the tasks: a network of pictures, its schedule.

`posterior.priors` reads the folder, brings its values from [-1, 1] to [0, 1], and shows it grey
pictures and sides that do not divide; here the same gets the face of a `Denoiser`, so that
`--model FOLDER` works where a weight file does.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import InputError
from undrift.common.files import sha256_of
from undrift.common.posterior.priors import Prior, read_prior
from undrift.common.weights.settings import Named, Preset, ScalingSettings, Settings

_CALLS = {"fast": 5, "balanced": 10, "best": 24}


class FolderDenoiser(Denoiser):
    """Estimates of x0 by a prior, of signals with any number of channels that it takes."""

    any_channels = True

    def __init__(self, prior: Prior, network: nn.Module):
        scaling = Scaling(prior.sigma_d, centre=0.5)
        super().__init__(network, prior.process, "x0", scaling)
        self.prior = prior

    def forward(
        self, x: Tensor, t: Tensor | float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As `Denoiser.forward`, for one time. Raises InputError for other channels."""
        prior = self.prior.for_signals(tuple(x.shape[1:]))
        moment = float(t.flatten()[0]) if isinstance(t, Tensor) else t
        return prior.denoise(x, moment, y, level)


def read_folder(path: Path, device: str = "cpu") -> tuple[Denoiser, Settings, str]:
    """Denoiser, settings and hash of a pipeline folder, for the task "denoise".

    Raises InputError for folders that are no pipeline, and for those of latents, which
    `undrift.solve` takes.
    """
    prior = read_prior(path, device)
    if prior.network is None or prior.autoencoder is not None:
        raise InputError(
            f"{path} holds a network of latents; expected one of pictures; "
            "give it as the prior of `undrift solve`, which decodes what it draws"
        )
    settings = Settings(
        id=path.name,
        domain="restoration",
        task="denoise",
        process=Named(name="variance-preserving"),
        prediction="x0",
        scaling=ScalingSettings(sigma_d=prior.sigma_d, std=prior.sigma_d, centre=0.5),
        network=Named(name="diffusers-unet", params={"outputs": prior.channels or 3}),
        presets={name: Preset(steps=n, solver="multistep-2") for name, n in _CALLS.items()},  # type: ignore[misc]
        record={"folder": str(path)},
    )
    with torch.no_grad():
        denoiser = FolderDenoiser(prior, prior.network).eval().requires_grad_(False)
    return denoiser, settings, _hash(path)


def _hash(path: Path) -> str:
    """Of all weight files below the folder, in the order of their names."""
    files = sorted({*path.rglob("*.safetensors"), *path.rglob("*.bin")})
    text = "".join(sha256_of(file) for file in files)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
