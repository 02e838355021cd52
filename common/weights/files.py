"""Reading and writing weight files: safetensors, with `Settings` under the header key "undrift"."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from undrift.common.config import load
from undrift.common.denoisers import Denoiser
from undrift.common.devices import channels_last
from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.common.quantise import dequantised
from undrift.common.weights.settings import Settings


def save_weights(path: Path, state: dict[str, Tensor], settings: Settings) -> None:
    """Writes the tensors and their settings, whole or not at all."""
    header = {"undrift": settings.model_dump_json(), "format": "pt"}
    data = save({name: value.detach().cpu().contiguous() for name, value in state.items()}, header)
    write_atomically(path, lambda part: part.write_bytes(data))


def replace_settings(path: Path, settings: Settings) -> None:
    """Writes other settings into the header of a weight file; the bytes of its tensors stay.

    A safetensors file is the length of its header (8 bytes, little-endian), the header as JSON,
    padded to a multiple of 8 by spaces, and the tensors. Raises InputError as `read_settings`.
    """
    read_settings(path)
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = {**header["__metadata__"], "undrift": settings.model_dump_json()}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    whole = len(text).to_bytes(8, "little") + text + data[end:]
    write_atomically(path, lambda part: part.write_bytes(whole))


def read_settings(path: Path) -> Settings:
    """Reads the settings of a weight file.

    Raises InputError if it is no safetensors file, a pickle, or has no (valid) settings.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such weight file") from error
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path}: not a safetensors file ({error}); weights are read from safetensors only"
        ) from error
    if "undrift" not in header:
        raise InputError(f"{path}: its header holds no undrift settings; it cannot be used alone")
    try:
        given = json.loads(header["undrift"])
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: the settings in its header are not JSON: {error}") from error
    if not isinstance(given, dict):
        raise InputError(f"{path}: the settings in its header are no mapping of keys to values")
    return load(Settings, given, path)


def load_denoiser(path: Path, device: str = "cpu") -> tuple[Denoiser, Settings]:
    """Builds the denoiser of a weight file, filled, in evaluation mode and without gradients.

    Weights of eight bits (`undrift.common.quantise`) are read back to float32.
    Raises InputError if tensors are missing, unexpected or of the wrong shape.
    """
    settings = read_settings(path)
    denoiser = settings.build()
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    try:
        denoiser.network.load_state_dict(dequantised(state))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except RuntimeError as error:
        raise InputError(f"{path}: tensors do not fit the header's network: {error}") from error
    denoiser = denoiser.to(device=torch.device(device)).eval().requires_grad_(False)
    if device == "cpu":
        channels_last(denoiser)
    return denoiser, settings
