"""A weight file for lesions with an untrained network of a few channels."""

from pathlib import Path

import torch

from undrift.common.training.recipes import read_recipe
from undrift.common.weights.files import save_weights

TINY = ("network.params.widths=[4]", "network.params.depths=[1]", "network.params.unshuffle=1")


def tiny_model(folder: Path, *changes: str) -> Path:
    """Its output is not zero, so that histograms and noise matter."""
    recipe = read_recipe("ct-lesion", (*TINY, *changes))
    settings = recipe.settings({})
    torch.manual_seed(3)
    network = settings.build().network
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    path = folder / "tiny.safetensors"
    save_weights(path, network.state_dict(), settings)
    return path
