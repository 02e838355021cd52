"""Convolutions that look back in time only and carry their past: a signal in blocks of any length
gives what the whole gives.

The last axis is time. A causal layer of reach r needs the last r frames of its input before a
block; it keeps them in a `State`, which begins as zeros, the padding of the whole signal. So there
is no overlap to compute twice and no seam, and memory does not grow with the signal.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.errors import InputError


class State:
    """What layers remember of the blocks so far, by layer; fresh at the beginning of a signal."""

    def __init__(self) -> None:
        self.kept: dict[object, Tensor] = {}

    def behind(self, key: object, x: Tensor, reach: int) -> Tensor:
        """x (..., n) with the `reach` frames before it in front (zeros at the beginning)."""
        before = self.kept.get(key)
        if before is None:
            before = x.new_zeros(*x.shape[:-1], reach)
        whole = _joined(before, x)
        self.kept[key] = whole[..., whole.shape[-1] - reach :].detach()
        return whole

    def delayed(self, key: object, x: Tensor, delay: int) -> Tensor:
        """The frames `delay` before those of x, without those before the beginning.

        Lags behind: the first blocks give fewer frames, `delay` in all.
        """
        held = self.kept.get(key)
        whole = x if held is None else _joined(held, x)
        ready = max(0, whole.shape[-1] - delay)
        self.kept[key] = whole[..., ready:].detach()
        return whole[..., :ready]

    def without_first(self, key: object, x: Tensor, count: int) -> Tensor:
        """x without the first `count` frames of the signal, whatever blocks they come in."""
        left = int(self.kept.get(key, torch.tensor(count)))
        self.kept[key] = torch.tensor(max(0, left - x.shape[-1]))
        return x[..., min(left, x.shape[-1]) :]


def _joined(before: Tensor, x: Tensor) -> Tensor:
    if before.shape[:-1] != x.shape[:-1]:
        raise InputError(
            f"a block of {tuple(x.shape[:-1])} came after one of {tuple(before.shape[:-1])}; "
            "begin another signal with a fresh state"
        )
    return torch.cat([before, x], -1)


def with_past(key: object, x: Tensor, reach: int, state: State | None) -> Tensor:
    """x with `reach` frames in front: zeros, or what the state remembers."""
    if reach == 0:
        return x
    return F.pad(x, (reach, 0)) if state is None else state.behind(key, x, reach)


class CausalConv2d(nn.Conv2d):
    """(b, c, bins, n) -> (b, d, bins / stride, n): centred over bins, backward over frames.

    kernel: (bins, frames), the first odd; stride: of the bins; dilation: of the frames. Zeros lie
    around the bins and before the first frame.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: tuple[int, int] = (3, 3),
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ):
        super().__init__(
            inputs, outputs, kernel, (stride, 1), (kernel[0] // 2, 0), (1, dilation), groups
        )
        self.reach = (kernel[1] - 1) * dilation

    def forward(self, x: Tensor, state: State | None = None) -> Tensor:  # type: ignore[override]
        return super().forward(with_past(self, x, self.reach, state))
