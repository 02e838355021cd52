"""What the code of DDNM does beside its paper, for comparison with its published numbers.

`OfficialDDNMPlus`: the spectral weights meet the noise of the state where it stands, not in the
singular coordinates of the operator. For fresh noise that is the same law, for eps_hat it is not:
the unmeasured directions get noise of other directions. It shows for averages, colour and
compressed sensing; for masks the coordinates are the pixels themselves.

`OfficialSimplified` (their path without an SVD) takes A^+ A for a number and has three slips: its
sigma' is sqrt(1 - a'^4) where s' was meant, it holds it against a'^2 sigma, and what is left of it
multiplies s' a second time. Not even exact measurements give DDIM. The spread of the results is a
fifth of the posterior's: it is no method for noisy measurements.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.svd import SVD
from undrift.common.posterior.ddnm import DDNMPlus, DDNMShift
from undrift.common.posterior.tweedie import Moments
from undrift.common.solvers.plan import Step, first_order, nodes


@dataclass(frozen=True)
class OfficialDDNMPlus(DDNMPlus):
    """layout: a state (b, c, *space) in the order of the coordinates of the SVD, not rotated.

    Raises InputError without one.
    """

    layout: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.layout is None:
            raise InputError(
                "OfficialDDNMPlus needs layout, the order of the pixels in the coordinates of the "
                "operator; DDNMPlus is the method of the paper"
            )

    def placed(self, svd: SVD, noise: Tensor) -> Tensor:
        return cast(Callable[[Tensor], Tensor], self.layout)(noise)


@dataclass(frozen=True)
class OfficialSimplified(DDNMShift):
    """Run it on its own `plan`. weight: 1."""

    def plan(self, times: Sequence[float]) -> list[Step]:
        """The steps of the prior along descending times, each with less noise than it should."""
        steps = []
        for old, new in itertools.pairwise(nodes(self.process, times)):
            left = self._parts(new.t)[1] * new.s
            keep, fresh = math.sqrt(1 - self.eta**2) * left, self.eta * left
            steps.append(first_order(old, new, keep, fresh))
        return steps

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        return self._parts(later)[0] * super().shift(point, t, later)

    def _parts(self, later: float) -> tuple[float, float]:
        """lambda and gamma of a step to `later` (Eq. (19))."""
        level = self.ends_at(later)[0] ** 2
        width, noise = math.sqrt(1 - level**2), level * self.sigma
        if width >= noise:
            return 1.0, math.sqrt(width**2 - noise**2)
        return width / noise, 0.0
