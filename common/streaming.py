"""Frames of a stream, each at another step of one plan, in one batched call a tick.

StreamDiffusion's idea (Kodaira et al. 2023, Sec. 3.1): with n steps a frame, n calls of one frame
become one call of n frames, in which the newest frame makes its first step and the oldest its last.
Frames do not see each other: every result is the one of `run_plan`, n ticks later. It pays where a
call of n frames costs less than n calls: on a GPU that one frame does not fill.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.errors import InputError
from undrift.common.solvers.loop import Draw
from undrift.common.solvers.plan import Step, calls
from undrift.common.solvers.walk import Walk


class Stream:
    """Wraps a denoiser that takes a time for each item; frames have one shape (b, c, *space).

    steps: the plan of every frame; latency: ticks from a frame's entry to its result, the calls of
    the plan. The first frames, and the last ones in `flush`, go in smaller batches.
    """

    def __init__(self, denoiser: Denoiser, steps: Sequence[Step]):
        self.denoiser, self.steps = denoiser, list(steps)
        self.latency = calls(self.steps)
        self._frames: list[tuple[Walk, Tensor | None]] = []

    def push(
        self,
        x: Tensor,
        *,
        y: Tensor | None = None,
        level: Tensor | None = None,
        draw: Draw | None = None,
    ) -> Tensor | None:
        """Lets a frame in, as `run_plan` takes it, and makes one tick.

        Returns the result of the frame that is done, the one pushed `latency` - 1 ticks before.
        Raises InputError for a frame unlike those under way.
        """
        self._check(x, y, level)
        self._frames.append((Walk(x, self.steps, y, draw), level))
        return self._tick()

    def flush(self) -> Iterator[Tensor]:
        """Yields the results of the frames that are still under way."""
        while self._frames:
            done = self._tick()
            if done is not None:
                yield done

    def _check(self, x: Tensor, y: Tensor | None, level: Tensor | None) -> None:
        if not self._frames:
            return
        walk, before = self._frames[-1]
        ours = [None if v is None else tuple(v.shape) for v in (x, y, level)]
        theirs = [None if v is None else tuple(v.shape) for v in (walk.x, walk.y, before)]
        if ours != theirs:
            raise InputError(
                f"a frame with x, y, level of shapes {ours} came after one of {theirs}; flush the "
                "stream first, or open another"
            )

    def _tick(self) -> Tensor | None:
        walks = [walk for walk, _ in self._frames]
        items = walks[0].x.shape[0]
        times = [walk.t for walk in walks for _ in range(items)]
        told = self.denoiser(
            torch.cat([walk.x for walk in walks]),
            torch.tensor(times, dtype=torch.float64),
            _together([walk.y for walk in walks]),
            _together([level for _, level in self._frames]),
        )
        for number, walk in enumerate(walks):
            part = slice(number * items, (number + 1) * items)
            parts = {name: v[part] for name, v in vars(told).items() if v is not None}
            walk.advance(Estimate(**parts))
        if not walks[0].done:
            return None
        return self._frames.pop(0)[0].x


def _together(values: Sequence[Tensor | None]) -> Tensor | None:
    """One batch of them, or None where the frames have none."""
    present = [value for value in values if value is not None]
    return torch.cat(present) if present else None
