"""A worse twin of a network in which chosen modules no longer look at their surroundings.

Perturbed-attention guidance (Ahn et al., ECCV 2024, Eq. (13)) replaces the self-attention map
softmax(Q K^T / sqrt(d)) by the identity: every position keeps its own value, PSA = V. What a
convolution adds to a position from its neighbours is taken away in the same spirit: all taps of a
depthwise kernel are summed at its centre, so that the answer is exact where the picture is flat.
LocalNAFNet has neither attention nor pooling; its depthwise layers are all that mixes positions.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from undrift.common.errors import InputError
from undrift.common.networks.replaced import matching, replaced


class ValueOnly(nn.Module):
    """diffusers' self-attention with the identity as its map; takes (b, c, h, w) or (b, n, c)."""

    def __init__(self, attention: nn.Module):
        super().__init__()
        self.attention = attention

    def forward(self, hidden_states: Tensor, temb: Tensor | None = None, **_: object) -> Tensor:
        """As diffusers' Attention; Ahn et al., Eq. (13)."""
        attention: Any = self.attention
        given = hidden_states
        h = given.flatten(2).mT if given.ndim == 4 else given
        if attention.spatial_norm is not None:
            raise InputError("attention with a spatial norm is not supported here; leave it out")
        if attention.group_norm is not None:
            h = attention.group_norm(h.mT).mT
        for layer in (attention.to_v, *attention.to_out):
            h = layer(h)
        if given.ndim == 4:
            h = h.mT.reshape(given.shape)
        if attention.residual_connection:
            h = h + given
        return h / attention.rescale_output_factor


class CentreTap(nn.Module):
    """A depthwise convolution with its kernel summed at the centre: no neighbour is seen."""

    def __init__(self, convolution: nn.Conv2d):
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        bias = self.convolution.bias
        x = x * self.convolution.weight.sum((1, 2, 3))[:, None, None]
        return x if bias is None else x + bias[:, None, None]


def perturbed(network: nn.Module, patterns: Sequence[str]) -> nn.Module:
    """A twin that shares all weights, its modules named by `patterns` without surroundings.

    patterns: dotted names with wildcards, of attention layers of diffusers ("unet.mid_block.
    attentions.*") or of depthwise convolutions of stride 1 ("middle.*.depthwise").
    Raises InputError for a pattern that matches nothing or another kind of module.
    """
    found = matching(network, patterns)
    return replaced(network, {name: _stand_in(name, module) for name, module in found.items()})


def _stand_in(name: str, module: nn.Module) -> nn.Module:
    if isinstance(module, nn.Conv2d):
        if module.groups == module.in_channels == module.out_channels and module.stride == (1, 1):
            return CentreTap(module)
    elif {"to_q", "to_k", "to_v", "to_out"} <= {child for child, _ in module.named_children()}:
        return ValueOnly(module)
    raise InputError(
        f"{name} is a {type(module).__name__}; name attention layers of diffusers or depthwise "
        "convolutions of stride 1"
    )
