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
from undrift.medical.checkpoint import Point
from undrift.medical.slice_stacks import SliceStacks
from undrift.medical.stores import Place, slabs
from undrift.medical.tile_memory import Needs, arranged, is_bounded
from undrift.medical.tile_plan import cut
from undrift.medical.tiles import Kept, Progress, Tiled3D
from undrift.medical.workspace import Workspace

Numbers = np.ndarray  # (c, x, y, z) float32, a network's
Read = Callable[[Place], Tensor]  # a part of the volume -> (1, c, x, y, z)


@dataclass
class Stage:
    """A sampler on volumes of one size.

    slices: of the stacks of a two-dimensional network; None for one of volumes. further: arrays of
    the size of the volume that the caller will hold in memory. after: called with each estimate of
    x0 and its time; may change it. workspace: for scratch files and finished steps.
    """

    sampler: Sampler
    size: tuple[int, int, int]
    channels: int = 1
    slices: int | None = None
    further: int = 3
    after: Callable[[Kept, float], None] | None = None
    progress: Progress | None = None
    workspace: Workspace = field(default_factory=Workspace)
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
        tiles, room = arranged(self.denoise, needs, wishes, sampler.device, self.workspace.folder)
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
        shape = (self.channels, *self.size)
        checkpoint = self.workspace.checkpoint
        called = sum(step.calls for step in steps) * sampler.choice.samples
        if (tile := checkpoint.begin(called, shape)) is not None:  # they are part of the result
            run.tiles = cut(self.size, tile, tiles.multiple, tiles.reach)
        for number in range(sampler.choice.samples):
            found = checkpoint.sample(number, shape, room)
            if found is None:
                run.progress = self._progress(number)
                run.keep = self._keeping(number, run, len(steps))
                noise = Noise(wishes.seed, wishes.item, number)
                start = {"y": given} if time is None else {"state": given}
                point = checkpoint.point(number, shape, room)
                found = run.run(
                    steps, noise, level=level, channels=self.channels, point=point, **start
                )
                checkpoint.finish(number, found, run.tiles.kept)
            self._tell(run, steps)
            yield found.array
            room.give(found)

    def _keeping(self, number: int, run: Tiled3D, last: int) -> Callable[[Point, float], None]:
        """Takes down the steps of a sample but the last, which makes it whole."""
        checkpoint = self.workspace.checkpoint

        def keep(point: Point, seconds: float) -> None:
            checkpoint.called(seconds)
            if point.step < last:
                checkpoint.keep(number, point, run.tiles.kept)

        return keep

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
