"""How one piece of a scan is reconstructed: by posterior sampling, or by a baseline.

A method is built once a scan, `METHODS[name](prior, choice)`, and called for each piece; it returns
samples (k, 2, *space) in the units of the prior.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError, nearest
from undrift.medical.honesty.priors import is_flat
from undrift.medical.mri.baselines import cg_sense, zero_filled
from undrift.medical.mri.pieces import Piece
from undrift.medical.mri.sparse import total_variation, wavelet
from undrift.medical.outcome import in_words
from undrift.medical.spread import spread_out

# of trained priors, chosen on validation slices (docs/medical.md)
SAMPLER, STEPS = "half-quadratic", 48
SPLITTING = {"weight": 0.18, "top": 0.1, "bottom": 0.01, "moves": "shifts+flips+turns+phases"}
WIDER = 2.4  # deviations of samples: their 90 % interval then holds about that
START = {"weight": 0.05, "iterations": 40}  # of total variation


@dataclass(frozen=True)
class Choice:
    """What was asked for; see `tasks.reconstruct_mri`."""

    method: str = "posterior"
    sampler: str = "auto"
    steps: int | None = None
    samples: int = 4
    seed: int = 0
    item: str = ""
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    solver: str | None = None

    def record(self) -> dict[str, Any]:
        """For `info`."""
        return {"method": self.method, "seed": self.seed, "item": self.item}


class PieceSolver(Protocol):
    """Samples (k, 2, *space) of a piece, and what to say of them."""

    def __call__(self, piece: Piece) -> Tensor: ...
    def record(self) -> dict[str, Any]: ...


class Posterior:
    """Samples of x given y by `undrift.solve`; the network calls of all pieces are added up."""

    def __init__(self, prior: Any, choice: Choice):
        from undrift.common.devices import resolve_device
        from undrift.common.posterior.priors import read_prior

        self.choice = choice
        self.prior = read_prior(prior, resolve_device(choice.device))
        if self.prior.channels not in (None, 2):
            raise InputError(
                f"{self.prior.name} is a prior of {self.prior.channels} channels; MR images are "
                "complex: expected one of 2 channels, real and imaginary part, as brain-prior"
            )
        self.told: dict[str, Any] = {}
        self.calls = 0

    def __call__(self, piece: Piece) -> Tensor:
        choice = self.choice
        if len(piece.operator.shape_in) > 3 and is_flat(self.prior):
            raise UsageError(
                f"{self.prior.name} is a network of two dimensions, and these slices are one "
                "volume: leave out --together (together=True), so that each is made alone, or take "
                "a prior of three dimensions, as brain-prior"
            )
        named = choice.sampler != "auto" or choice.solver is not None
        if named or self.prior.spectrum is None:
            return self._solved(piece, choice.sampler, choice.options, choice.samples)
        options = {**SPLITTING, "start": _tv(piece, **START)[0], **choice.options}
        return spread_out(
            lambda asked, count: self._solved(piece, SAMPLER, asked, count, STEPS),
            options, choice.samples, WIDER,
        )  # fmt: skip

    def _solved(
        self, piece: Piece, sampler: str, options: Mapping[str, Any], samples: int,
        steps: int | None = None,
    ) -> Tensor:  # fmt: skip
        from undrift.common.solve import solve

        choice = self.choice
        item = "/".join(part for part in (choice.item, piece.name) if part)
        found = solve(
            piece.y[0], piece.operator, self.prior, noise=piece.sigma, method=sampler,
            steps=choice.steps or steps, solver=choice.solver, samples=samples, seed=choice.seed,
            item=item, device=choice.device, options=options,
        )  # fmt: skip
        self.calls += found.info["nfe"]
        self.told = {key: found.info[key] for key in _TOLD}
        self.told["options"] = in_words(found.info["options"])
        drawn = found.samples or (found.value,)
        return torch.stack([one.cpu() for one in drawn])

    def record(self) -> dict[str, Any]:
        return {**self.told, "samples": self.choice.samples, "nfe": self.calls}


_TOLD = ("model", "weights", "why", "solver", "grid", "steps", "options", "temperature")


class Baseline:
    """A function of a piece and numbers of its own, which `options` may change."""

    def __init__(self, function: Callable[..., Tensor], own: Mapping[str, float], choice: Choice):
        for key in choice.options:
            if key not in own:
                raise UsageError(
                    f"method {choice.method} has no option {key!r}; it has "
                    f"{', '.join(own) or 'none'}{nearest(key, own)}"
                )
        self.function, self.numbers = function, {**own, **choice.options}

    def __call__(self, piece: Piece) -> Tensor:
        return self.function(piece, **self.numbers)

    def record(self) -> dict[str, Any]:
        return {"options": dict(self.numbers), "samples": 1, "nfe": 0}


def _zero_filled(piece: Piece) -> Tensor:
    return zero_filled(piece.operator, piece.y, piece.power)


def _sense(piece: Piece, spread: float, iterations: int) -> Tensor:
    """The penalty of Bayes' rule for images of deviation `spread` in each part."""
    return cg_sense(piece.operator, piece.y, (piece.sigma / spread) ** 2, iterations)


def _wavelet(piece: Piece, weight: float, iterations: int) -> Tensor:
    return wavelet(piece.operator, piece.y, weight * piece.sigma, iterations)


def _tv(piece: Piece, weight: float, iterations: int) -> Tensor:
    return total_variation(piece.operator, piece.y, weight * piece.sigma, iterations)


def _baseline(function: Callable[..., Tensor], **own: float) -> Callable[..., PieceSolver]:
    return lambda prior, choice: Baseline(function, own, choice)


METHODS: dict[str, Callable[[Any, Choice], PieceSolver]] = {
    "posterior": Posterior,
    "zero-filled": _baseline(_zero_filled),
    "cg-sense": _baseline(_sense, spread=0.35, iterations=50),
    "wavelet": _baseline(_wavelet, weight=0.1, iterations=60),
    "tv": _baseline(_tv, weight=0.05, iterations=40),
}
BASELINES = tuple(name for name in METHODS if name != "posterior")
