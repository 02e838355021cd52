"""A network that remembers less for its derivative: blocks are run again on the way back.

Reverse mode keeps what every layer has seen. Of a checkpointed block only the input is kept, and
the block is run a second time when a gradient arrives (Chen et al. 2016). The numbers are the same;
each backward pass costs one forward pass more. Without gradients nothing changes at all.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from undrift.common.errors import InputError
from undrift.common.networks.replaced import matching, replaced


class Checkpointed(nn.Module):
    """One module; in forward mode (Jacobian-vector products) it is the module itself."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any) -> Any:
        wanted = any(isinstance(value, Tensor) and value.requires_grad for value in inputs)
        if not (torch.is_grad_enabled() and wanted):
            return self.module(*inputs)
        from torch.utils.checkpoint import checkpoint

        return checkpoint(self.module, *inputs, use_reentrant=False, preserve_rng_state=False)


def checkpointed(network: nn.Module, patterns: Sequence[str] = ()) -> nn.Module:
    """A twin of the network, with the same weights, whose blocks are checkpointed.

    patterns: dotted names of the modules to be run again ("middle.*"); by default every module of
    a list of blocks. They must draw no random numbers (no dropout in training). Raises InputError
    where there is no such list and for patterns that match nothing.
    """
    chosen = matching(network, patterns) if patterns else _blocks(network)
    if not chosen:
        raise InputError(
            f"{type(network).__name__} has no lists of blocks; name its costly modules in patterns"
        )
    return replaced(network, {name: Checkpointed(module) for name, module in chosen.items()})


def _blocks(network: nn.Module) -> dict[str, nn.Module]:
    """Modules in lists that are made of several, outermost first; a lone layer saves nothing."""
    found: dict[str, nn.Module] = {}
    for name, module in network.named_modules():
        inside = any(name.startswith(f"{outer}.") for outer in found)
        listed = isinstance(network.get_submodule(name.rpartition(".")[0]), nn.ModuleList)
        block = any(module.children()) and not isinstance(module, nn.ModuleList)
        if listed and block and not inside:
            found[name] = module
    return found
