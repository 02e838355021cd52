"""One state on its way through a plan, moved from outside: for loops that are not `run_plan`.

`run_plan` calls the denoiser itself. Who calls it for many states at once (`streaming`) or chooses
among several next states (`rewards`) holds a Walk: it says when the next call is due, takes the
estimate, and gives the state after the step.
"""

from collections import deque
from collections.abc import Sequence

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.solvers.loop import Draw
from undrift.common.solvers.plan import Step


class Walk:
    """x: (b, c, *space) before the step `number`, whose call is due at `t`; see `run_plan`."""

    def __init__(
        self, x: Tensor, steps: Sequence[Step], y: Tensor | None = None, draw: Draw | None = None
    ):
        self.x, self.steps, self.y, self.draw = x, steps, y, draw
        self.number = 0
        depth = max(step.depth for step in steps)
        self._states: deque[Tensor] = deque(maxlen=depth)
        self._values: deque[Tensor] = deque(maxlen=depth)
        self._end: Tensor | None = y
        self._pass()

    @property
    def done(self) -> bool:
        """Whether all steps are made."""
        return self.number == len(self.steps)

    @property
    def step(self) -> Step:
        """The step that is due."""
        return self.steps[self.number]

    @property
    def t(self) -> float:
        """Where the denoiser is to be called next."""
        return self.step.t

    def see(self, estimate: Estimate) -> None:
        """Takes what the denoiser says of x at t."""
        self._states.appendleft(self.x)
        self._values.appendleft(estimate.x0)
        self._end = self.y if estimate.y is None else estimate.y

    def moved(self, draw: int | None = None) -> Tensor:
        """The state after the step, with the noise of that draw number (the step's own: k + 1)."""
        return self._advanced(self._states, self._values, self._end, draw)

    def take(self, x: Tensor) -> None:
        """Goes on to x as the state after the step, and past steps without a call."""
        self.x = x
        self.number += 1
        self._pass()

    def advance(self, estimate: Estimate) -> None:
        """Sees the estimate and makes the step."""
        self.see(estimate)
        self.take(self.moved())

    def _pass(self) -> None:
        while not self.done and not self.step.calls:
            self.x = self._advanced([self.x], (), self.y, None)
            self.number += 1

    def _advanced(
        self, states: Sequence[Tensor], values: Sequence[Tensor], y: Tensor | None, draw: int | None
    ) -> Tensor:
        number = self.number + 1 if draw is None else draw

        def noise() -> Tensor:
            if self.draw is None:
                raise InputError("this solver draws noise; pass draw, or choose eta = 0")
            return self.draw(number).to(self.x)

        return self.step.advance(states, values, y, noise)
