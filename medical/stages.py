"""What a model makes of the numbers of one volume, sample by sample, within the memory allowed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.noise import Noise
from undrift.common.sampling import Sampler
from undrift.common.solvers.plan import Step
from undrift.medical.slice_stacks import SliceStacks
from undrift.medical.stores import Place, slabs
from undrift.medical.tile_memory import Needs, arranged, is_bounded
from undrift.medical.tiles import Kept, Progress, Tiled3D

Numbers = np.ndarray  # (c, x, y, z) float32, a network's
Read = Callable[[Place], Tensor]  # a part of the volume -> (1, c, x, y, z)


@dataclass
class Stage:
    """A sampler on volumes of one size.

    slices: of the stacks of a two-dimensional network; None for one of volumes. further: arrays of
    the size of the volume that the caller will hold. after: called with each estimate of x0 and
    its time; may change it.
    """

    sampler: Sampler
    size: tuple[int, int, int]
    channels: int = 1
    slices: int | None = None
    further: int = 3
    after: Callable[[Kept, float], None] | None = None
    progress: Progress | None = None
    told: dict[str, Any] = field(default_factory=dict, init=False)

    @property
    def denoise(self) -> Any:
        """The denoiser of volumes."""
        denoiser = self.sampler.model.denoiser
        return denoiser if self.slices is None else SliceStacks(denoiser, self.slices)

    def draw(
        self,
        steps: list[Step],
        read: Read | None,
        *,
        time: float | None = None,
        level: Tensor | None = None,
    ) -> Iterator[Numbers]:
        """The samples, each valid until the next is asked for.

        read: the degraded volume in parts; with `time` it is the state there instead, and None is
        a start that is drawn. `told` says afterwards which tiles were used.
        Raises OutOfMemoryError and InputError as `Tiled3D` does.
        """
        sampler, wishes = self.sampler, self.sampler.wishes
        depth = max(step.depth for step in steps)
        needs = Needs(self.size, self.channels, depth, self.further)
        tiles, room = arranged(self.denoise, needs, wishes, sampler.device)
        given = None
        if read is not None:
            given = room.take((self.channels, *self.size))
            for part in slabs(self.size):
                given.write(part, read(part))
        fixed = wishes.tile_sizes() == "off"
        run = Tiled3D(
            self.denoise, tiles, room, sampler.device, sampler.dtype, wishes.batch_size(), fixed,
            self._progress(0), self.after,
        )  # fmt: skip
        for number in range(sampler.choice.samples):
            run.progress = self._progress(number)
            noise = Noise(wishes.seed, wishes.item, number)
            start = {"y": given} if time is None else {"state": given}
            found = run.run(steps, noise, level=level, channels=self.channels, **start)
            self._tell(run, steps)
            yield found.array
            room.give(found)

    def _tell(self, run: Tiled3D, steps: list[Step]) -> None:
        called = sum(step.calls for step in steps) * self.sampler.choice.samples
        self.sampler.calls = called
        self.sampler.tile = run.tiles.kept
        self.told = {
            "tiles": run.tiles.count,
            "tiled_equals_whole": run.tiles.count == 1 or is_bounded(run.tiles.reach),
            "scratch": "memory" if run.room.folder is None else "disk",
        }
        if run.disagreement is not None:
            self.told["tile_disagreement"] = run.disagreement
        borders = {
            axis: [w.low for w in windows[1:] if w.low < side]
            for axis, (windows, side) in enumerate(zip(run.tiles.axes, self.size, strict=True))
        }
        self.told["borders"] = {axis: planes for axis, planes in borders.items() if planes}

    def _progress(self, number: int) -> Progress | None:
        if self.progress is None:
            return None
        count, tell = self.sampler.choice.samples, self.progress
        return lambda share: tell((number + share) / count)


def as_tensor(array: Numbers) -> Tensor:
    """(x, y, z) as (1, 1, x, y, z)."""
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))[None, None]
