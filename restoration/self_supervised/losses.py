"""The losses of C-BSN and SDAP: what noisy pictures alone say about a blind-spot network.

C-BSN (Jang et al., ICCV 2023): with B the blind and O the open network (the same weights, the
centre masked or not), P_s the s^2 sub-pictures of every s-th pixel, D a random choice of one pixel
in each 2 x 2 cell and sg a stopped gradient,

    L = |P_s^-1 B(P_s x) - x| + r ( |O(x) - x| + 2 |D(O(x)) - sg B(D(x))| ),

r rising from 0 to 1. The blind term teaches the weights; the second lets the open network keep
detail, the third keeps it from passing the noise. SDAP (Pan et al., ICCV 2023): the pixels of each
s x s cell are dealt out at random to s^2 sub-pictures, and

    L = sum_j |B(sub_j) - sub_(j+1 mod s^2)|.

|.| is the mean absolute difference. All randomness (`pick`, `order`) is an argument.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.networks.blind_spot import from_parts, to_parts

Network = Callable[..., Tensor]  # called as network(x, blind=True or False)


def chosen(x: Tensor, pick: Tensor) -> Tensor:
    """One pixel of each 2 x 2 cell: (b, c, h, w), pick (b, h/2, w/2) of 0..3 -> (b, c, h/2, w/2).

    0, 1, 2, 3: upper left, upper right, lower left, lower right.
    """
    cells = _cells(x, 2)
    index = pick.long()[:, None, :, :, None].expand(-1, x.shape[1], -1, -1, 1)
    return cells.gather(-1, index)[..., 0]


def dealt(x: Tensor, order: Tensor) -> Tensor:
    """The sub-pictures of random cells: (b, c, h, w) -> (s^2, b, c, h/s, w/s).

    order: (b, h/s, w/s, s^2), a permutation of 0 .. s^2 - 1 for each cell, rows first.
    """
    side = round(order.shape[-1] ** 0.5)
    index = order.long()[:, None].expand(-1, x.shape[1], -1, -1, -1)
    return _cells(x, side).gather(-1, index).movedim(-1, 0)


def c_bsn_loss(network: Network, x: Tensor, pick: Tensor, stride: int, ramp: float) -> Tensor:
    """C-BSN, see the module; x (b, c, h, w) with sides divisible by 2 and stride, ramp r in 0..1.

    Without the ramp (r = 0) the open network is not run.
    """
    blind = from_parts(network(to_parts(x, stride), blind=True), stride)
    loss = (blind - x).abs().mean()
    if ramp <= 0:
        return loss
    seen = network(x, blind=False)
    with torch.no_grad():
        target = network(chosen(x, pick), blind=True)
    told = (seen - x).abs().mean() + 2 * (chosen(seen, pick) - target).abs().mean()
    return loss + ramp * told


def sdap_loss(network: Network, x: Tensor, order: Tensor) -> Tensor:
    """SDAP's cyclic differences, see the module; x (b, c, h, w) with sides divisible by s."""
    parts = dealt(x, order)
    out = network(parts.flatten(0, 1), blind=True).reshape(parts.shape)
    return (out - parts.roll(-1, 0)).abs().flatten(1).mean(1).sum()


def _cells(x: Tensor, side: int) -> Tensor:
    """(b, c, h/side, w/side, side^2), the pixels of each cell, rows first."""
    b, c, h, w = x.shape
    cells = x.reshape(b, c, h // side, side, w // side, side).movedim(3, 4)
    return cells.reshape(b, c, h // side, w // side, side * side)
