"""`LocalNAFNet` for turned pictures, without turning them: its kernels are turned instead.

A network N shown the turned picture T x, with its answer turned back, is T^-1 N(T x). A convolution
inside becomes one with the kernel T^-1 K, layers of single pixels stay, and pixels that were folded
into channels change places within their block. So it is a network of the same kind that looks at
the picture as it stands (of whole blocks a side): rows can be streamed through it, too.
"""

import copy

import torch
from torch import Tensor, nn

from undrift.common.devices import channels_last
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.symmetry import turned_back

Turn = tuple[int, bool]  # quarter turns, and whether it is flipped then


def seeing_turned(network: LocalNAFNet, turn: Turn) -> LocalNAFNet:
    """The network that says of x what `network` says of the turned x, turned back."""
    if turn == (0, False):
        return network
    made = copy.deepcopy(network)
    with torch.no_grad():
        for layer in made.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_(turned_back(layer.weight, *turn))
        enter = made.enter.weight.transpose(0, 1)
        enter.copy_(_folded_back(enter, network.unshuffle, turn))
        for layer, side in ((made.leave, network.unshuffle), *((up, 2) for up in made.ups)):
            for values in layer.parameters():  # of kernels and offsets
                values.copy_(_folded_back(values, side, turn))
    return channels_last(made)  # type: ignore[return-value]


def _folded_back(values: Tensor, side: int, turn: Turn) -> Tensor:
    """Values (c side^2, ...) of pixels in blocks, which lie in the block as they do turned back."""
    blocks = values.unflatten(0, (-1, side, side)).movedim((1, 2), (-2, -1))
    return turned_back(blocks, *turn).movedim((-2, -1), (1, 2)).flatten(0, 2)
