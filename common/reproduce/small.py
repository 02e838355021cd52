"""Small trainings of smoke runs without a recipe, and the loss of a batch before and after."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from undrift.common.reproduce.paper import FALL, Measured
from undrift.common.reproduce.paper import STEPS as STEPS_AT

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

    def measured(self, table: str) -> Iterator[Measured]:
        """The figures that every smoke run with training is asked for."""
        yield Measured(table, *STEPS_AT, self.steps)
        yield Measured(table, *FALL, self.fall)


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
