"""Consecutive Brownian bridges (Lyu et al., ACM MM 2024): the frame between two frames.

Two bridges share the frame x0 that is sought as their clean end: one to the previous frame, one to
the next; both are BBDM's. One network serves both and tells them apart by the time alone,

    T - (i + 1) on the previous side,   T + (i + 1) on the next,   i the step of 0..T - 1.

The published default samples the next side only (`middle_frame` does either or both). Its
objective "BB" steps along a bridge of spread 1/2 on times i/T, whatever it was trained on: `plain`.
"""

from dataclasses import dataclass

from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.processes.brownian_bridge import BrownianBridge

SIDES = ("previous", "next")


@dataclass(frozen=True)
class ConsecutiveBridge(BrownianBridge):
    """One side of the pair; by default the published one with its 1000 steps."""

    inset: float = 0.001
    knee: float = 1e-3


def plain() -> BrownianBridge:
    """The bridge of "BB": x_t - (t - n)/t o + sqrt(n - n^2/t) z is its ancestral step."""
    return BrownianBridge(spread=0.5)


def network_time(index: int, side: str, steps: int = 1000) -> int:
    """What the network is told at step `index` of a side; raises InputError for an unknown side."""
    if side not in SIDES:
        raise InputError(f"side is {side!r}; expected 'previous' or 'next'")
    return steps + (index + 1) if side == "next" else steps - (index + 1)


def loss_weight(process: BrownianBridge, t: Tensor, cap: float = 5.0) -> Tensor:
    """Weight of the absolute error of x_t - x0 in training: 1/s, at most `cap`."""
    return (1 / process.s(t)).clamp(max=cap)
