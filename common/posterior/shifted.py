"""Samplers that push the state after each step of the prior: x' = step(x, D) + shift.

The published DPS, PiGDM, GDP and FlowChef are of this kind: the prior's step is taken with the
uncorrected D, and a multiple of a gradient is added. Every step of the core is linear in D with a
weight B, so that the shift is a change of D by shift / B, and the one loop runs them. The size of
the shift does not follow the step's, so the result depends on the number of steps; none of them
gives the posterior. `conditional` has the forms that do not.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.tweedie import Moments
from undrift.common.solvers.loop import Draw, Watch, run_plan
from undrift.common.solvers.plan import Step


@dataclass(frozen=True)
class Shifted(Conditional, ABC):
    """Subclasses write `shift`. weight: of the shift, in the paper's units (see there)."""

    weight: float = 1.0
    noiseless = True  # the noise of the measurement is not used
    derivative = True
    price = "1F+1B"

    @abstractmethod
    def shift(self, point: Moments, t: float, later: float) -> Tensor:
        """What is added to the state by the step from t to `later`; like x0."""

    def point(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Moments:
        """D with the graph of the network, for its derivative."""
        return self.prior_moments(x, t, y, level)

    def run(
        self,
        x: Tensor,
        steps: Sequence[Step],
        *,
        y: Tensor | None = None,
        level: Tensor | None = None,
        draw: Draw | None = None,
        watch: Watch | None = None,
        widen: bool = False,
        end: float = 0.0,
    ) -> Tensor:
        """`run_plan` with the shifts, for plans of first order with one call a step.

        end: the time of the last state. watch sees estimates that hold the shift. Raises UsageError
        for other plans.
        """
        if any(step.depth != 1 or not step.calls for step in steps):
            raise UsageError(
                f"{type(self).__name__} shifts the state after steps of first order; use DDIM, or "
                "one of the conditional denoisers, which any solver runs"
            )
        laters = [*(step.t for step in steps[1:]), end]
        due = iter(zip(steps, laters, strict=True))

        def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
            step, later = next(due)
            point = self.point(x, t, y, level)
            x0 = point.x0 + self.shift(point, t, later) / step.B[0]
            return Estimate(x0, point.estimate.y, point.estimate.var)

        return run_plan(denoise, x, steps, y=y, level=level, draw=draw, watch=watch, widen=widen)

    def without_graph(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Moments:
        """D for methods that do not differentiate the network: dD/dx is taken as 1."""
        a, s = self.ends_at(t)
        return Moments(self.denoise(x, t, y, level), lambda u: u, a, s)
