"""Pipelines of diffusers as denoisers: network, schedule and autoencoder from a pipeline folder.

Weights are read from safetensors only, and nothing is fetched: a folder has to be here. Text
encoders are not loaded; what they give is passed on as a condition (encoder_hidden_states, ...).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from undrift.common.diffusers_bridge.denoiser import PipelineDenoiser
from undrift.common.diffusers_bridge.latents import Latents
from undrift.common.errors import InputError

NETWORKS = ("unet", "transformer")
AUTOENCODERS = ("vae", "vqvae", "movq")


def load_pipeline_denoiser(
    source: str | Path | Any,
    *,
    scheduler: Any = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    variant: str | None = None,
    **conditions: object,
) -> PipelineDenoiser:
    """The denoiser of a pipeline folder, or of a pipeline of diffusers that is already loaded.

    scheduler: one of diffusers' schedulers or its configuration, in place of the pipeline's own.
    variant: of the weight files, such as "fp16". conditions: passed to the network at every call.
    Raises InputError if the folder is no pipeline, a part of it is missing or has no safetensors
    weights, or the scheduler is one whose network is no denoiser.
    """
    from undrift.common.diffusers_bridge.scheduler import UndriftScheduler

    parts = _components(source, dtype, variant)
    network = _first(parts, NETWORKS)
    if network is None:
        raise InputError(f"{source} has no {' or '.join(NETWORKS)}")
    config = _config(parts.get("scheduler") if scheduler is None else scheduler)
    schedule = UndriftScheduler.from_config(config).schedule
    autoencoder = _first(parts, AUTOENCODERS)
    denoiser = PipelineDenoiser(
        network,
        schedule,
        variance_type=config.get("variance_type"),
        latents=None if autoencoder is None else Latents(autoencoder.to(device)),
        conditions=conditions,
    )
    return denoiser.to(device).eval().requires_grad_(False)


def _first(parts: Mapping[str, Any], names: tuple[str, ...]) -> nn.Module | None:
    return next((parts[name] for name in names if parts.get(name) is not None), None)


def _config(scheduler: Any) -> dict[str, Any]:
    """A configuration as a plain dictionary, with the defaults of its class."""
    if scheduler is None:
        raise InputError("there is no scheduler; pass scheduler=, such as DDPMScheduler()")
    config = scheduler if isinstance(scheduler, Mapping) else scheduler.config
    return dict(config)


def _components(source: Any, dtype: torch.dtype, variant: str | None) -> dict[str, Any]:
    if not isinstance(source, str | Path):
        return dict(source.components)
    folder = Path(source)
    if (folder / "model_index.json").is_file():
        index = _read(folder / "model_index.json")
        wanted = {*NETWORKS, *AUTOENCODERS} & {*index}
        found = {name: _model(folder / name, dtype, variant) for name in wanted if index[name][1]}
        place = folder / "scheduler" / "scheduler_config.json"
        return {**found, "scheduler": _read(place) if place.is_file() else None}
    if (folder / "config.json").is_file():
        return {"unet": _model(folder, dtype, variant)}
    raise InputError(f"{folder} holds no model_index.json; it is no pipeline folder of diffusers")


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no JSON: {error}") from error


def _model(folder: Path, dtype: torch.dtype, variant: str | None) -> nn.Module:
    """One model of diffusers, by the class its config.json names."""
    import diffusers

    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} has no config.json; the pipeline folder is not whole")
    name = _read(folder / "config.json").get("_class_name")
    kind = getattr(diffusers, str(name), None)
    if kind is None or not hasattr(kind, "from_pretrained"):
        raise InputError(f"{folder}: {name!r} is no model of diffusers {diffusers.__version__}")
    try:
        return kind.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, torch_dtype=dtype, variant=variant
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder}: {error}; weights are read from safetensors only") from error
