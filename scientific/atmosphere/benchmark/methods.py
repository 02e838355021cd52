"""What is made of a case: members (k, c, rows, columns) in deviations, one for a single estimate.

bicubic           the coarse field drawn as a cubic
ordinary kriging  the same, and what sensors say beyond it, kriged channel by channel
kriging           optimal interpolation with the climatology's spectra, all channels at once
regression        a network of the size of the prior, told the same, trained for the mean
two steps         the regression's mean, and a diffusion of what it leaves open (CorrDiff)
climatology       the prior, with the covariance of the climatology around its estimate
tweedie           the prior, with the covariance that its own derivative tells

Of the ensembles, the `... mean` is scored as a single estimate too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.scientific.atmosphere.benchmark.cases import Case
from undrift.scientific.atmosphere.coarse import interpolated
from undrift.scientific.atmosphere.kriging import Interpolation, ordinary
from undrift.scientific.atmosphere.members import Drawing
from undrift.scientific.atmosphere.tasks import FieldPrior, covariance, sample

MEMBERS, STEPS = 8, 20
PRIOR, MEAN, SENSING, RESIDUAL = "atmos-prior", "atmos-mean", "atmos-mean-sensors", "atmos-residual"


@dataclass(frozen=True)
class Found:
    """members: (k, c, rows, columns), deviations; spread: of a Gaussian about a single one."""

    members: Tensor
    spread: Tensor | None = None


def bicubic(case: Case, known: FieldPrior, seed: int) -> Found:
    """A cubic through the centres of the coarse cells."""
    return Found(_drawn(case))


def ordinary_kriging(case: Case, known: FieldPrior, seed: int) -> Found:
    """The cubic, corrected by the sensors; its deviation is told by the kriging."""
    drawn = _drawn(case)[0].numpy()
    if not case.row.sensors:
        return Found(torch.from_numpy(drawn)[None])
    field, spread = ordinary(
        drawn, case.indices, _beyond(case).numpy(), case.errors / case.scale.std.numpy(),
        (True, True),
    )  # fmt: skip
    return Found(torch.from_numpy(field)[None], torch.from_numpy(spread))


def kriging(case: Case, known: FieldPrior, seed: int) -> Found:
    """Members of the Gaussian posterior."""
    likelihood = case.likelihood()
    zero = torch.zeros(1, *case.truth.shape, dtype=torch.float64)
    value, rows = likelihood.operator.linearise(zero)
    solved = Interpolation(covariance(known, likelihood), rows, (likelihood.measurement - value)[0])
    return Found(solved.members(MEMBERS, seed, case.item))


def regression(case: Case, known: FieldPrior, seed: int) -> Found:
    """The network that is shown a map of the sensors."""
    from undrift.scientific.atmosphere.samples import sensor_maps
    from undrift.scientific.atmosphere.training import open_mean

    drawn, shape = _drawn(case).float(), (case.truth.shape[1], case.truth.shape[2])
    maps = torch.zeros(2 * len(case.truth), *shape)
    if case.row.sensors:
        maps = sensor_maps(_beyond(case), case.indices, shape).float()
    return Found(open_mean(SENSING)(drawn, case.row.factor, maps[None]))


def two_steps(case: Case, known: FieldPrior, seed: int) -> Found:
    """CorrDiff, with the sensors moved to the residual."""
    from undrift.scientific.atmosphere.two_step import sample_residual

    drawing = Drawing(MEMBERS, STEPS, seed=seed, item=case.item)
    return Found(sample_residual(MEAN, RESIDUAL, _drawn(case), case.row.factor, case.likelihood(),
                                 drawing))  # fmt: skip


def climatology(case: Case, known: FieldPrior, seed: int) -> Found:
    """Members, without derivatives of the network."""
    return _diffused(case, known, seed, "climatology")


def tweedie(case: Case, known: FieldPrior, seed: int) -> Found:
    """Members, with a few products with the network's derivative a step."""
    return _diffused(case, known, seed, "tweedie")


METHODS: Mapping[str, Callable[[Case, FieldPrior, int], Found]] = {
    "bicubic": bicubic,
    "ordinary kriging": ordinary_kriging,
    "kriging": kriging,
    "regression": regression,
    "two steps": two_steps,
    "climatology": climatology,
    "tweedie": tweedie,
}
USED = {"regression": (SENSING,), "two steps": (MEAN, RESIDUAL)}
OURS = ("two steps", "climatology", "tweedie")


def settings_of(name: str) -> dict[str, Any]:
    """What the results of a method depend on, beside the case and the prior."""
    return {"members": MEMBERS, "steps": STEPS} if name in OURS else {"members": MEMBERS}


def _diffused(case: Case, known: FieldPrior, seed: int, method: str) -> Found:
    drawing = Drawing(MEMBERS, STEPS, seed=seed, item=case.item)
    return Found(sample(known, case.likelihood(), drawing, method))


def _drawn(case: Case) -> Tensor:
    """(1, c, rows, columns) the cubic, in deviations."""
    z = case.scale.forward(torch.from_numpy(case.coarse))
    return interpolated(z[None], case.row.factor)


def _beyond(case: Case) -> Tensor:
    """(c, n) what sensors say beyond the cubic, in deviations."""
    from undrift.scientific.atmosphere.stations import point_operator

    z = case.scale.forward(torch.from_numpy(case.readings)[:, :, None])[..., 0]
    return z - point_operator(case.indices, case.truth.shape)(_drawn(case)[0])


def gaussian_crps(error: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Of N(0, spread^2) about an observation at `error` (Gneiting & Raftery 2007, Eq. 21)."""
    from scipy.stats import norm

    wide = np.maximum(spread, 1e-12)
    u = error / wide
    return wide * (u * (2 * norm.cdf(u) - 1) + 2 * norm.pdf(u) - 1 / np.sqrt(np.pi))
