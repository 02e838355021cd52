"""Samples of a trained model for one degraded picture, by a number of calls and a solver."""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.devices import resolve_device, resolve_dtype
from undrift.common.errors import InputError
from undrift.common.sampling import Sampler
from undrift.common.weights.model import Model
from undrift.common.weights.settings import Preset
from undrift.common.wishes import Wishes

SOLVERS = ("auto", "ancestral")  # the default, and the sampler of the papers' own chains


@dataclass(frozen=True)
class Way:
    """How samples are drawn: calls of the network for one of them, and the solver's name."""

    calls: int
    solver: str = "ddim"

    def __str__(self) -> str:
        return "1 call" if self.calls == 1 else f"{self.calls} calls, {self.solver}"


ONE_CALL = Way(1)


@dataclass(frozen=True)
class Item:
    """A picture of the contest: x0 and y (1, 3, h, w) of equal size; level as in training."""

    name: str
    x0: Tensor
    y: Tensor
    level: Tensor | None = None


def draw(
    model: Model, way: Way, item: Item, samples: int, seed: int = 0, device: str = "cpu"
) -> Tensor:
    """Samples (samples, 3, h, w), clipped to [0, 1] as pictures are.

    A sample is a function of (seed, item, number). One that cannot differ (a process without
    noise) is drawn once.
    """
    count = 1 if model.denoiser.process.is_cold else samples
    chosen = Preset.model_validate({"solver": way.solver, "steps": way.calls, "samples": count})
    device = resolve_device(device)
    wishes = Wishes(seed=seed, item=item.name, device=device)
    sampler = Sampler(model, chosen, wishes, device, resolve_dtype("float32", device))
    drawn = sampler.draw_samples(item.y.shape, y=item.y, level=item.level)
    if not bool(torch.isfinite(drawn).all()):
        raise InputError(f"{model.id}, {item.name}: the samples are not finite; train longer")
    return drawn.cpu().clamp(0, 1)
