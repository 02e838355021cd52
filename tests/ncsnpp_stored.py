"""Small official networks NCSN++ with random weights: tensors, inputs and outputs as stored."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.networks.ncsnpp.network import NCSNpp
from undrift.common.networks.ncsnpp.variants import DENOISER, build_ncsnpp, settings_of

SMALL = {
    "ncsnpp_small": ("ncsnpp", {}, ("x", "y")),
    "ncsnpp_v2_small": ("ncsnpp_v2", {}, ("x", "y")),
    "storm_score_small": ("storm/ncsnpp", {}, ("x", "y", "denoised")),
    "storm_denoiser_small": ("storm/ncsnpp", DENOISER, ("y",)),
}
STORED = Path(__file__).parent / "reference" / "speech"


@functools.cache
def stored(name: str) -> dict[str, np.ndarray]:
    """All arrays of a file."""
    with np.load(STORED / f"{name}.npz") as data:
        return dict(data)


def channels(array: np.ndarray) -> Tensor:
    """Complex (b, 1, f, t) -> real (b, 2, f, t)."""
    spectrum = torch.from_numpy(array)
    return torch.cat([spectrum.real, spectrum.imag], 1)


def inputs(name: str) -> dict[str, Tensor]:
    """x, y, denoised in two channels, and t."""
    found = {key[3:]: value for key, value in stored(f"net_{name}").items() if key[:3] == "in/"}
    return {k: torch.from_numpy(v) if k == "t" else channels(v) for k, v in found.items()}


def result(name: str) -> Tensor:
    """The official output."""
    return channels(stored(f"net_{name}")["out/result"])


def order(name: str) -> list[str]:
    """Names of the parameters in the official order."""
    return json.loads(str(stored(f"net_{name}")["meta_key_order"]))


def tensors(name: str) -> dict[str, Tensor]:
    """Weights in that order."""
    return {key: torch.from_numpy(stored(f"net_{name}")[f"sd/{key}"]) for key in order(name)}


def config(name: str) -> dict[str, Any]:
    """Options that the official network was built with."""
    return json.loads(str(stored(f"net_{name}")["meta_config"]))


def near(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Asserts the largest difference relative to the largest value."""
    gap = float((found - expected).abs().max() / expected.abs().max())
    assert gap < tolerance, gap


def settings(name: str) -> dict[str, object]:
    """Settings of a stored network."""
    told = config(name)
    variant, changes, _ = SMALL[name]
    own = {
        "width": told["nf"],
        "multipliers": told["ch_mult"],
        "depth": told["num_res_blocks"],
        "attention": told["attn_resolutions"],
        "rows": told["image_size"],
    }
    return settings_of(variant, **own, **changes)


def network(name: str) -> NCSNpp:
    net = build_ncsnpp(**settings(name))
    net.load_state_dict(tensors(name))
    return net.requires_grad_(False)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
