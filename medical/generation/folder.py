"""Published weights as a folder: `model.json` says what they are, safetensors hold the numbers.

    {"kind": "medforj", "target": "flow", "network": {parameters of MONAI's DiffusionModelUNet},
     "spacing": [1, 1, 1], "units": "arbitrary"}
    {"kind": "maisi", "network": {of DiffusionModelUNetMaisi}, "autoencoder": {of
     AutoencoderKlMaisi}, "scale_factor": 1.05, "window": [-1000, 1000], "units": "HU",
     "modality": 1}

beside network.safetensors and autoencoder.safetensors, or .pt files of tensors alone, which are
read by torch without running what is in them. Networks without memory-saving attention would need
tens of gigabytes at whole volumes, so that is turned on where a GPU is, as MONAI demands.
"""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from undrift.common.config import Strict, load
from undrift.common.errors import InputError, require


class Described(Strict):
    """See the module."""

    kind: Literal["medforj", "maisi"]
    network: dict[str, Any]
    target: Literal["sample", "velocity", "flow"] = "flow"
    autoencoder: dict[str, Any] | None = None
    scale_factor: float = Field(1.0, gt=0)
    window: tuple[float, float] = (0.0, 1.0)
    units: str = "arbitrary"
    modality: int | None = None
    spacing: tuple[float, float, float] | None = None
    fov: tuple[float, float] | None = None


def read_description(folder: Path) -> Described:
    """The description; raises InputError for a folder without a (valid) one."""
    import json

    path = folder / "model.json"
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}; expected a description of a generator") from error
    found = load(Described, given, path)
    if (found.kind == "maisi") != (found.autoencoder is not None):
        raise InputError(f"{path}: maisi needs an autoencoder, and medforj has none")
    return found


def build(folder: Path, described: Described, part: str, device: str) -> nn.Module:
    """The filled network or autoencoder of a folder; raises InputError where they do not fit.

    Raises MissingExtraError without the package einops.
    """
    require("einops")  # MONAI leaves it to the user, and builds no such network without it
    params = dict(described.network if part == "network" else described.autoencoder or {})
    try:
        module = _class(described.kind, part)(**params)
    except (TypeError, ValueError) as error:
        raise InputError(f"{folder / 'model.json'}: {part}: {error}") from error
    try:
        module.load_state_dict(_state(folder, part))
    except RuntimeError as error:
        raise InputError(f"{folder}: weights of the {part} do not fit: {error}") from error
    return module.to(device).eval().requires_grad_(False)


def _class(kind: str, part: str) -> Any:
    if part == "autoencoder":
        from monai.apps.generation.maisi.networks.autoencoderkl_maisi import AutoencoderKlMaisi

        return AutoencoderKlMaisi
    if kind == "maisi":
        from monai.apps.generation.maisi.networks.diffusion_model_unet_maisi import (
            DiffusionModelUNetMaisi,
        )

        return DiffusionModelUNetMaisi
    from monai.networks.nets.diffusion_model_unet import DiffusionModelUNet

    return DiffusionModelUNet


def weights_file(folder: Path, part: str) -> Path:
    """Where the weights of a part lie. Raises InputError where they do not."""
    path, other = folder / f"{part}.safetensors", folder / f"{part}.pt"
    if not path.is_file() and not other.is_file():
        raise InputError(f"{folder}: neither {path.name} nor {other.name}; put the weights there")
    return path if path.is_file() else other


def _state(folder: Path, part: str) -> dict[str, Tensor]:
    other = weights_file(folder, part)
    if other.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(other)
    try:
        found = torch.load(other, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{other}: holds more than tensors ({type(error).__name__}), which is not run; save "
            "its state dictionary as safetensors"
        ) from error
    for key in ("unet_state_dict", "state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise InputError(f"{other}: expected a dictionary of tensors")
    return found
