"""A sampler whose network answers later: what it asks is told, and a strip begins anew then."""

from dataclasses import dataclass, field, fields, replace

from torch import Tensor, nn

from undrift.common.noise import Noise
from undrift.common.sampling import Sampler
from undrift.common.solvers.loop import Denoise
from undrift.common.solvers.plan import Step
from undrift.common.tiling import Tiled


class Unanswered(Exception):
    """A call of the network whose answer is not there yet, with what it is shown."""

    def __init__(self, x: Tensor, psi: Tensor, level: Tensor | None):
        super().__init__()
        self.x, self.psi, self.level = x, psi, level


class Answers(nn.Module):
    """Stands for the network: gives a strip the answers to its calls, then raises Unanswered."""

    given: list[Tensor]
    number: int

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        if self.number == len(self.given):
            raise Unanswered(x, psi, level)
        self.number += 1
        return self.given[self.number - 1]


@dataclass
class StripSampler(Sampler):
    """A sampler whose network is `answers`. Plans, and the noise of a strip, are made once."""

    answers: Answers = field(default_factory=Answers, init=False)
    _times: dict[float, float] = field(default_factory=dict, init=False)
    _plans: dict[tuple[float, str], list[Step]] = field(default_factory=dict, init=False)
    _draws: dict[int, Tensor] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, sampler: Sampler) -> "StripSampler":
        """For strips of what the sampler is for."""
        made = cls(**{f.name: getattr(sampler, f.name) for f in fields(Sampler) if f.init})
        denoiser = sampler.model.denoiser.with_network(made.answers)
        made.model = replace(sampler.model, denoiser=denoiser)
        return made

    def begin(self, answers: list[Tensor], draws: dict[int, Tensor]) -> None:
        """The next signal is a strip with these answers so far, and the noise drawn for it."""
        self.answers.given, self.answers.number = answers, 0
        self._draws = draws

    def time_of(self, ratio: float) -> float:
        """See `Sampler.time_of`."""
        if ratio not in self._times:
            self._times[ratio] = super().time_of(ratio)
        return self._times[ratio]

    def plan(self, start_time: float = 1.0) -> list[Step]:
        """See `Sampler.plan`."""
        key = start_time, repr(self.choice)
        if key not in self._plans:
            self._plans[key] = super().plan(start_time)
        return self._plans[key]

    def drawn(self, noise: Noise, shape: tuple[int, ...], index: int) -> Tensor:  # type: ignore[override]
        """See `Sampler.drawn`."""
        if index not in self._draws:
            self._draws[index] = super().drawn(noise, shape, index)
        return self._draws[index]

    def turned(self, denoise: Denoise) -> Denoise:
        """The streams answer for all turns already."""
        return denoise

    def _tiled(self, size: tuple[int, ...]) -> Tiled:  # type: ignore[override]
        return Tiled(self.model.denoiser, max(size), halve=False)
