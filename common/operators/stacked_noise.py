"""Noise of several measurements that a stack lays end to end: each has its own model."""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators.noise_models import NoiseModel
from undrift.common.operators.stack import Stack, StackAny


@dataclass(frozen=True, eq=False)
class Stacked(NoiseModel):
    """One noise model for each operator of a stack; y is (b, m), the parts end to end.

    Raises InputError if there are not as many models as operators.
    """

    noises: tuple[NoiseModel, ...]
    stack: Stack | StackAny

    def __post_init__(self) -> None:
        if len(self.noises) != len(self.stack.operators):
            raise InputError(
                f"got {len(self.noises)} noise models for {len(self.stack.operators)} "
                "measurements; expected one each, in the same order"
            )

    def variance(self, signal: Tensor) -> Tensor:
        parts = zip(self.noises, self.stack.split(signal), strict=True)
        return torch.cat([n.variance(p).expand(p.shape).flatten(1) for n, p in parts], 1)

    def draw(self, signal: Tensor, noise: Noise, draw: int = 0) -> Tensor:
        """Part j uses the noise of the item named `<item>/j`."""
        found = []
        for j, (model, part) in enumerate(zip(self.noises, self.stack.split(signal), strict=True)):
            own = Noise(noise.seed, f"{noise.item}/{j}", noise.sample)
            found.append(model.draw(part, own, draw))
        return self.stack.join(found)

    def log_likelihood(self, y: Tensor, signal: Tensor) -> Tensor:
        return torch.stack([n.log_likelihood(*p) for n, p in self._pairs(y, signal)]).sum(0)

    def squares(self, y: Tensor, signal: Tensor) -> tuple[Tensor, Tensor]:
        each = [n.squares(*p) for n, p in self._pairs(y, signal)]
        return torch.stack([v for v, _ in each]).sum(0), torch.stack([c for _, c in each]).sum(0)

    def _pairs(self, y: Tensor, signal: Tensor):
        parts = zip(self.stack.split(y), self.stack.split(signal), strict=True)
        return zip(self.noises, parts, strict=True)
