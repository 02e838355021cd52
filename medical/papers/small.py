"""Small trainings of smoke runs, and the loss of a batch before and after."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

STEPS = 200
Batch = Callable[[int], dict[str, Tensor]]


class Trained(NamedTuple):
    """steps: taken; before, after: the loss of the batch with the number -1, never trained on."""

    steps: int
    before: float
    after: float

    @property
    def fall(self) -> float:
        """By what the loss was divided."""
        return self.before / self.after


def train(
    network: nn.Module, loss_of: Callable[[dict[str, Tensor]], Tensor], batch: Batch,
    rate: float = 2e-3,
) -> Trained:  # fmt: skip
    """200 steps of Adam; batch(k): of step k, the same for the same k."""
    held = batch(-1)
    optimizer = torch.optim.Adam(network.parameters(), rate)
    with torch.no_grad():
        before = float(loss_of(held))
    for step in range(STEPS):
        loss = loss_of(batch(step))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        return Trained(STEPS, before, float(loss_of(held)))


def discs(count: int, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """(source, target), (count, 1, side, side) in [-1, 1]: heads of three tissues, two contrasts.

    Skin, brain and fluid are an ellipse in an ellipse in an ellipse, their order of brightness
    reversed from one contrast to the other.
    """
    generator = torch.Generator().manual_seed(seed)
    line = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    draw = torch.rand(count, 8, 1, 1, generator=generator)
    source, target = -torch.ones(count, side, side), -torch.ones(count, side, side)
    levels = ((0.9, -0.2), (0.3, 0.2), (-0.6, 0.9))
    for number, (first, second) in enumerate(levels):
        wide, high = (0.85 - 0.27 * number - 0.1 * draw[:, k] for k in (number, number + 3))
        off = 0.2 * (draw[:, 6:8, 0] - 0.5)[..., None]
        inside = ((x - off[:, 0]) / wide) ** 2 + ((y - off[:, 1]) / high) ** 2 < 1
        source = torch.where(inside, first, source)
        target = torch.where(inside, second, target)
    return source[:, None], target[:, None]
