"""A measurement with a known operator, and the prior that goes with it.

The prior is a denoiser that knows its noise level; it runs in tiles, so that pictures may have any
size.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.devices import autocast
from undrift.common.errors import UsageError, nearest
from undrift.common.operators.operator import Operator
from undrift.common.posterior.half_quadratic import TOP, WEIGHT
from undrift.common.sampling import Sampler, make_sampler
from undrift.common.solvers.loop import Denoise
from undrift.common.wishes import Wishes

PRIOR = "photos-prior"
SPLITTING = "half-quadratic"
CALLS = {"fast": 5, "balanced": 10, "best": 24}


@dataclass(frozen=True, eq=False)
class Problem:
    """y: (1, *shape_out) of `operator`, with white noise of standard deviation `noise` > 0.

    start: (1, *shape_in), a first guess. top, bottom: the noise levels between which the prior
    works, bottom None for that of the noise. weight: of the prior in half-quadratic splitting.
    keep: what becomes of samples (k, *shape_in) at the end. known: (1, 1, h, w), the mask of a
    problem of missing pixels.
    """

    operator: Operator
    y: Tensor
    noise: float
    start: Tensor
    top: float = TOP
    bottom: float | None = None
    weight: float = WEIGHT
    keep: Callable[[Tensor], Tensor] = field(default=lambda x: x)
    known: Tensor | None = None


@dataclass
class PriorSampler(Sampler):
    """A sampler whose model is the prior of an inverse problem. how: method and why, once run."""

    how: dict[str, Any] = field(default_factory=dict, init=False)
    method: str = field(default="auto", init=False)

    def planned_calls(self) -> int:
        """Network calls for one item, before it is known which method is taken."""
        return self.choice.steps * self.choice.samples

    def about(self) -> str:
        """A line that says what will be used."""
        dtype = str(self.dtype).removeprefix("torch.")
        return f"{self.model.id}, {self.device}, {dtype}, {self.planned_calls()} calls an item"


def prior_for(model: str, wishes: Wishes, method: str = "auto", longer: int = 1) -> PriorSampler:
    """The prior with the wishes settled; `steps` counts network calls of one sample.

    longer: so many times the calls of a preset, for operators that mix all pixels.
    Raises UsageError for unknown methods besides the errors of `make_sampler`.
    """
    made = make_sampler(model, "denoise", wishes)
    steps = wishes.steps or longer * CALLS[wishes.preset_name]
    changed = {"steps": steps, "solver": SPLITTING, "grid": "log-ratio", "symmetries": 1,
               "samples": wishes.samples or 1, "options": {}}  # fmt: skip
    choice = made.choice.model_copy(update=changed)
    sampler = PriorSampler(made.model, choice, wishes, made.device, made.dtype)
    sampler.method = method
    if method not in ("auto", SPLITTING):
        from undrift.common.posterior.methods import METHODS

        if method not in METHODS:
            names = [SPLITTING, *METHODS]
            raise UsageError(f"no method {method!r}{nearest(method, names)} ({', '.join(names)})")
    if method == SPLITTING and choice.samples > 1:
        raise UsageError(f"{SPLITTING} draws nothing: its samples would be equal; ask for one")
    return sampler


def called(sampler: Sampler, size: tuple[int, ...] | torch.Size) -> Denoise:
    """The tiled denoiser of the sampler, in its precision; notes the tile."""
    tiled = sampler._tiled(size)
    padded = sampler.padded(tiled)

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        with autocast(sampler.device, sampler.dtype):
            estimate = padded(x, t, y, level)
        sampler._note_tile(tiled, size)
        return Estimate(estimate.x0.to(x.dtype))

    return denoise
