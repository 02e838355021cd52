"""Long trajectories out of a prior of short ones: local scores, composed (SDA).

If a field of one time depends on the others through its neighbours only, up to k steps away, the
score of frame i of a trajectory is that of the window i - k ... i + k, at its centre (Rozet &
Louppe 2023, Section 3.1: a pseudo-blanket, exact in the limit of small noise or of large k):

    s_i(x_1..L) ~ s_i^window(x_{i-k} ... x_{i+k})      k < i <= L - k

and the first and last k frames take their scores from the first and last window. So a network for
2k + 1 frames makes trajectories of any length, all frames at once, in any number of batches. Frames
are channels: (b, frames times c, rows, columns), frame by frame.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.solvers.loop import Denoise


def unfolded(x: Tensor, frames: int, window: int) -> Tensor:
    """(b (frames - window + 1), window c, ...) windows of (b, frames c, ...), item by item.

    Raises InputError for channels that are not so many frames, and a window longer than all.
    """
    if x.shape[1] % frames or window > frames:
        raise InputError(
            f"{x.shape[1]} channels as {frames} frames with windows of {window}; expected whole "
            "frames, and windows no longer than the trajectory"
        )
    split = x.unflatten(1, (frames, -1)).unfold(1, window, 1).movedim(-1, 2)
    return split.flatten(2, 3).flatten(0, 1)


def folded(windows: Tensor, frames: int, window: int) -> Tensor:
    """(b, frames c, ...) of the centres of windows; ends from the first and the last window."""
    k = window // 2
    split = windows.unflatten(0, (-1, frames - window + 1)).unflatten(2, (window, -1))
    middle = split[:, :, k]
    parts = [split[:, 0, :k], middle, split[:, -1, k + 1 :]]
    return torch.cat(parts, 1).flatten(1, 2)


@dataclass(frozen=True)
class Trajectory:
    """Call it as a denoiser of (b, frames c, rows, columns). local: one of 2k + 1 frames.

    batch: windows given to it at once. Estimates compose as scores do, as both share x_t. Raises
    InputError for an even window, or one longer than the trajectory.
    """

    local: Denoise
    frames: int
    window: int = 5
    batch: int = 64

    def __post_init__(self) -> None:
        if self.window % 2 == 0 or not 1 <= self.window <= self.frames:
            raise InputError(
                f"windows of {self.window} frames for {self.frames}; expected an odd number, at "
                "most as many"
            )

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """The estimate of every frame from the window around it."""
        windows = unfolded(x, self.frames, self.window)
        told = None if y is None else unfolded(y, self.frames, self.window)
        found = []
        for first in range(0, len(windows), self.batch):
            part = slice(first, first + self.batch)
            own = None if told is None else told[part]
            found.append(self.local(windows[part], t, own, level).x0)
        return Estimate(folded(torch.cat(found), self.frames, self.window))
