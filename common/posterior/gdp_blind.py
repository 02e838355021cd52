"""GDP with an unknown operator (Fei et al. 2023, Alg. 2): light, haze and others, as published.

Every step of the prior is pushed by weight A_theta^T (m - A_theta D), and the parameters theta are
fitted to D once a step, from the first one on: `GradientLight` is the code's own fit. `Blind`
around a conditional denoiser waits until D has detail, and does not depend on the number of steps.
"""

from dataclasses import dataclass, field

from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.posterior.blind import Family, Parameters
from undrift.common.posterior.gdp import GDP
from undrift.common.posterior.tweedie import Moments


@dataclass(frozen=True)
class BlindGDP(GDP):
    """operator: any of the family, for its shapes. found: the parameters, changed by each run.

    Raises InputError without a family.
    """

    family: Family | None = None
    found: Parameters = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.family is None:
            raise InputError("BlindGDP got no family of operators; pass one, as GradientLight")
        if not self.found:
            self.found.update(self.family.start())

    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        if self.family is None:
            raise InputError("BlindGDP got no family of operators; pass one, as GradientLight")
        operator, told = self.family.pose(self.found, self.measurement)
        seen, jacobian = operator.linearise(point.x0)
        self.found.update(self.family.fit(point.x0, self.measurement, self.found))
        return self.weight * jacobian.adjoint(told - seen)
