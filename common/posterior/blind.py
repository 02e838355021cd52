"""Measurements by an operator with unknown parameters, estimated together with the signal.

A family poses the problem for given parameters (an operator, and the measurement as it sees it) and
fits them to a given signal. `Blind` is a conditional denoiser that does both at every call,

    D_m = conditional(x; operator(theta)),     theta = (1 - rate) theta + rate fit(D_m, m),

as GDP does for its light factor and mask (Fei et al. 2023, Alg. 2), once the state is clean enough
for D_m to have detail: before, the fit explains the smoothness of D_m as sharpness of A. Taking
turns of whole runs and fits is `alternate`. Signal and parameters share one scale: what the prior
does not fix, such as the brightness of x against that of A, is not found.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.operators.operator import Operator
from undrift.common.posterior.conditional import Conditional
from undrift.common.processes.process import Process

Parameters = dict[str, Tensor]
Make = Callable[[Operator, Tensor], Conditional]  # operator, measurement -> method


class Family(Protocol):
    """Operators with parameters; the items of a batch are signals of the same parameters."""

    def start(self) -> Parameters:
        """Parameters to begin with."""
        ...

    def pose(self, parameters: Parameters, measurement: Tensor) -> tuple[Operator, Tensor]:
        """The operator, and what it should make of the signal."""
        ...

    def fit(self, x0: Tensor, measurement: Tensor, parameters: Parameters) -> Parameters:
        """The best parameters for signals x0 (b, *shape_in), beginning at the given ones."""
        ...


F = TypeVar("F", bound=Family)


@dataclass
class Blind:
    """Call it as a denoiser, with any solver; one object a run, `parameters` holds what is found.

    make: the method for known parameters. below: s/a under which the fits begin. rate: how far a
    fit moves the parameters, in (0, 1]. Raises InputError for numbers that cannot be.
    """

    make: Make
    family: Family
    measurement: Tensor
    process: Process
    below: float = float("inf")
    rate: float = 1.0
    parameters: Parameters = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1 or not self.below > 0:
            raise InputError(
                f"Blind got below {self.below:g} and rate {self.rate:g}; expected a ratio above 0 "
                "and a rate in (0, 1]"
            )
        self.parameters = self.parameters or self.family.start()

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        method = self.make(*self.family.pose(self.parameters, self.measurement))
        estimate = method(x, t, y, level)
        a, s = method.ends_at(t)
        if s <= self.below * a:
            with torch.no_grad():
                fitted = self.family.fit(estimate.x0, self.measurement, self.parameters)
            self.parameters = {
                name: value + self.rate * (fitted[name] - value)
                for name, value in self.parameters.items()
            }
        return estimate


def alternate(
    family: Family,
    measurement: Tensor,
    sample: Callable[[Operator, Tensor, int], Tensor],
    rounds: int,
    parameters: Parameters | None = None,
) -> tuple[Tensor, Parameters]:
    """Turns of sampling and fitting: stochastic EM where the samples are draws of the posterior.

    sample: (operator, measurement, number of the turn) -> signals (b, *shape_in), several for a
    steadier fit. Returns the last signals and the parameters fitted to them.
    """
    found = parameters or family.start()
    if rounds < 1:
        raise InputError(f"got {rounds} turns; expected 1 or more")
    x0 = measurement
    for number in range(rounds):
        x0 = sample(*family.pose(found, measurement), number)
        found = family.fit(x0, measurement, found)
    return x0, found
