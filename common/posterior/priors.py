"""The prior of a posterior sampler: a denoiser with all that choosing and running it takes.

A prior restores signals of one number of channels, in units of its own. Around it are put, where
they are needed: grey signals shown as equal colours, sides filled up to what a network takes, and
other units. A prior of latents gets the decoder of the operator's signals.
u = (x - low) / (high - low) turns x_t = a x0 + b y + s eps into the same path of u with
s / (high - low), so that the network works in its units and everything else in ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.errors import InputError
from undrift.common.posterior.latent import Latent, fitting
from undrift.common.posterior.spectrum import Spectrum
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise
from undrift.common.tiling import Tiled, automatic_tile


@dataclass(frozen=True, eq=False)
class Prior:
    """denoise: (x, t, y, level) -> Estimate. process: its path. sigma_d: spread of the signals.

    channels: of its signals, None for any. spectrum: a stationary covariance near that of its
    signals, for trained networks; None: the derivative of `denoise` is exact. network: what runs on
    a device, if any. multiple: what sides have to be divisible by. needs_degraded: whether it wants
    a degraded signal. name, sha256: of its weights. autoencoder: between pictures in [0, 1] and its
    signals, if these are latents; latent: the same for pictures of one shape, set by `for_signals`.
    """

    denoise: Denoise
    process: Process
    sigma_d: float = 0.5
    channels: int | None = None
    spectrum: Spectrum | None = None
    network: nn.Module | None = None
    multiple: int = 1
    needs_degraded: bool = False
    name: str = "prior"
    sha256: str = ""
    autoencoder: Any = None
    latent: Latent | None = None

    def for_signals(self, shape: tuple[int, ...]) -> "Prior":
        """The same for signals (c, *space). Raises InputError for channels it cannot restore."""
        if self.autoencoder is not None:
            return replace(self, latent=fitting(self.autoencoder, shape, self.multiple, self.name))
        prior = self
        if any(side % self.multiple for side in shape[1:]):
            prior = replace(prior, denoise=_filled(prior.denoise, self.multiple))
        if self.channels in (None, shape[0]):
            return prior
        if self.channels == 3 and shape[0] == 1:
            return replace(prior, denoise=_grey(prior.denoise))
        raise InputError(
            f"{self.name} is a prior of {self.channels} channels; the operator takes signals of "
            f"{shape}, that is {shape[0]}; take a prior of {shape[0]} channels, or an operator for "
            f"signals of {self.channels}"
        )

    def tiled(self, shape: tuple[int, ...], memory: int) -> "Prior":
        """The same, in tiles where a network's activations would take more bytes than `memory`."""
        if not isinstance(self.denoise, Denoiser):
            return self
        tile = automatic_tile(self.denoise.network, shape[1:], memory)
        whole = tile >= max(shape[1:])
        return self if whole else replace(self, denoise=Tiled(self.denoise, tile))


def read_prior(given: Any, device: str = "cpu") -> Prior:
    """The prior of a model id or weight file, a pipeline folder of diffusers, or an object.

    Objects: a `Prior`, a `Denoiser`, a `PipelineDenoiser`, or (function, process) or (function,
    process, sigma_d) with the function called as (x, t, y, level) -> Estimate, which counts as
    exact. Raises InputError for anything else, unknown models, and pipelines told by texts.
    """
    if isinstance(given, Prior):
        return given
    if isinstance(given, str | Path):
        if Path(given).is_dir():
            from undrift.common.diffusers_bridge.pipeline import load_pipeline_denoiser

            return _of_pipeline(load_pipeline_denoiser(given, device=device), Path(given).name)
        from undrift.common.weights.model import load_model

        model = load_model(given, device)
        outputs = model.settings.network.params.get("outputs", 3)
        return replace(
            _of_denoiser(model.denoiser, device),
            channels=int(str(outputs)) // (2 if model.settings.variance else 1),
            name=model.id,
            sha256=model.sha256,
        )
    if isinstance(given, Denoiser):
        return _of_denoiser(given, device)
    if isinstance(given, nn.Module) and hasattr(given, "schedule"):
        return _of_pipeline(given.to(device), type(given).__name__)
    if isinstance(given, tuple) and len(given) in (2, 3) and callable(given[0]):
        return Prior(*given)
    raise InputError(
        f"cannot take a prior of type {type(given).__name__}; expected a model id, a path, a "
        "Denoiser, a pipeline folder of diffusers, or (function, process)"
    )


def _of_denoiser(denoiser: Denoiser, device: str) -> Prior:
    denoiser = denoiser.to(device).eval()
    return Prior(
        denoiser,
        denoiser.process,
        denoiser.scaling.sigma_d,
        spectrum=Spectrum(spread=denoiser.scaling.sigma_d),
        network=denoiser.network,
        needs_degraded=denoiser.scaling.centre is None or denoiser.process.needs_degraded,
    )


def _of_pipeline(denoiser: Any, name: str) -> Prior:
    """A network of diffusers: values in [-1, 1] inside, [0, 1] outside; latents as they are."""
    if missing := denoiser.missing:
        raise InputError(
            f"{name} is told {', '.join(missing)} at every call, which is not given; pass "
            f"load_pipeline_denoiser(folder, {missing[0]}=...) of undrift.common.diffusers_bridge."
            "pipeline as the prior"
        )
    levels = len(getattr(denoiser.network.config, "block_out_channels", ()) or ())
    multiple = 2 ** max(0, levels - 1)
    if denoiser.latents is not None:
        vae = denoiser.latents.autoencoder.to(next(denoiser.network.parameters()).device)
        return Prior(
            denoiser, denoiser.process, 1.0, None, Spectrum(spread=1.0, slope=0.0),
            denoiser.network, multiple, denoiser.process.needs_degraded, name, autoencoder=vae,
        )  # fmt: skip
    return Prior(
        _in_units(denoiser, -1.0, 1.0),
        InUnits(denoiser.process, 2.0),
        0.25,
        denoiser.channels[0],
        Spectrum(spread=0.25),
        denoiser.network,
        multiple,
        denoiser.process.needs_degraded,
        name,
    )


@dataclass(frozen=True)
class InUnits(Process):
    """A process for signals measured in units that are `unit` times as large."""

    inner: Process
    unit: float

    def a(self, t: Tensor) -> Tensor:
        return self.inner.a(t)

    def b(self, t: Tensor) -> Tensor:
        return self.inner.b(t)

    def s(self, t: Tensor) -> Tensor:
        return self.inner.s(t) / self.unit

    def phi(self, t: Tensor) -> Tensor:
        return self.inner.phi(t)

    def forward_std(self, t: Tensor) -> Tensor:
        return self.inner.forward_std(t) / self.unit

    def last_multiplier(self, t: Tensor) -> Tensor:
        return self.inner.last_multiplier(t)


def _in_units(denoiser: Any, low: float, high: float) -> Denoise:
    unit = high - low

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        time = torch.tensor(t, dtype=torch.float64)
        share = float(denoiser.process.a(time))
        if y is not None:
            share, y = share + float(denoiser.process.b(time)), unit * y + low
        inner = denoiser(unit * x + share * low, t, y, level)
        var = None if inner.var is None else inner.var / unit**2
        return Estimate((inner.x0 - low) / unit, var=var)

    return denoise


def _grey(inner: Denoise) -> Denoise:
    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        def wide(v: Tensor) -> Tensor:
            return v.expand(-1, 3, *v.shape[2:])

        found = inner(wide(x), t, None if y is None else wide(y), level)
        return _each(found, lambda v: v.mean(1, keepdim=True))

    return denoise


def _filled(inner: Denoise, multiple: int) -> Denoise:
    """Repeats the last elements so that sides divide."""

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        gaps = [g for side in reversed(x.shape[2:]) for g in (0, -side % multiple)]

        def fill(v: Tensor) -> Tensor:
            return nn.functional.pad(v, gaps, mode="replicate")

        crop = (..., *(slice(0, side) for side in x.shape[2:]))
        found = inner(fill(x), t, None if y is None else fill(y), level)
        return _each(found, lambda v: v[crop])

    return denoise


def _each(found: Estimate, change: Callable[[Tensor], Tensor]) -> Estimate:
    return Estimate(**{k: change(v) for k, v in vars(found).items() if v is not None})
