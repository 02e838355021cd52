"""What of a network is kept from one step of a plan to the next, and when it is made afresh.

A plan counts the steps, not the angle: two calls at one time, as correctors make, are two steps.
Each network call within a step (a tile, a symmetry) has features of its own, known by its place
in the order of calls, which is the same in every step. The first and the last step are whole.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.solvers.loop import Denoise
from undrift.common.solvers.plan import Step


class FeatureCache:
    """Features of one run of a plan; the network fills it and a `Stepping` turns its pages.

    It holds one kept feature for each network call of a step. full: whether the present step runs
    the whole network. reused: network calls so far that did not.
    """

    def __init__(self, steps: Sequence[Step], interval: int):
        if interval < 1:
            raise UsageError(f"interval {interval}: expected 1 (nothing is reused) or more")
        self.interval = interval
        self.times = [step.t for step in steps if step.calls]
        self.full, self.reused = True, 0
        self._step = self._call = -1
        self._spoilt = False
        self._shapes: list[tuple[int, ...]] = []
        self._kept: dict[tuple[int, str], Any] = {}

    def next_step(self, t: float) -> None:
        """The step at time t begins; after the last one of the plan a new run does.

        So it does at the plan's first time, where an earlier run was broken off.
        Raises UsageError for a time that is not the plan's next.
        """
        self._step = (self._step + 1) % len(self.times)
        if t != self.times[self._step]:
            if t != self.times[0]:
                raise UsageError(
                    f"a step at t = {t:.6g} where the plan of the cache goes on at "
                    f"{self.times[self._step]:.6g}; make the cache for the plan that runs"
                )
            self._step = 0
        self._call = -1
        if self._step == 0:
            self._shapes, self._kept, self._spoilt = [], {}, False
        last = self._step == len(self.times) - 1
        self.full = self._spoilt or last or self._step % self.interval == 0

    def next_call(self, shape: Sequence[int]) -> None:
        """The network is called with an input of that shape.

        Calls unlike those of the first step (tiles were halved for want of memory) end the reuse
        for this run. Raises UsageError outside a step.
        """
        if self._step < 0:
            raise UsageError("a cached network was called outside of a step; wrap it in Stepping")
        self._call += 1
        if self._step == 0:
            self._shapes.append(tuple(shape))
        elif self._shapes[self._call : self._call + 1] != [tuple(shape)]:
            self._spoilt = self.full = True
        self.reused += not self.full

    def keep(self, name: str, value: Any) -> None:
        """Keeps a feature of this network call."""
        self._kept[self._call, name] = value

    def kept(self, name: str) -> Any:
        """The feature that the same call of an earlier step has kept."""
        return self._kept[self._call, name]

    def recall(self, name: str, compute: Callable[[], Any]) -> Any:
        """What `compute` gives now in a full step, else what is kept."""
        if self.full:
            self.keep(name, compute())
        return self.kept(name)


class Stepping:
    """Wraps the outermost denoiser, outside tiles and symmetries: one call of it is one step."""

    def __init__(self, denoise: Denoise, cache: FeatureCache):
        self.denoise, self.cache = denoise, cache

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As the denoiser."""
        self.cache.next_step(t)
        return self.denoise(x, t, y, level)
