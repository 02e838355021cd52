"""New lesions by RePaint's walk with the volume itself as the known part (LeFusion, section 3.2).

At every visit of a time the voxels outside the mask are those of the volume, noised to that time;
inside they are sampled (`common.solvers.travel`). Published results end with the network's estimate
everywhere, off by up to 32 HU from the volume; here the last step composites, and `paste` puts new
values into the untouched array, so that the background is the input bit for bit.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.grids import build_grid
from undrift.common.processes.process import Process, start
from undrift.common.solvers.loop import Denoise, run_plan
from undrift.common.solvers.travel import TimeTravel, visits
from undrift.medical.volumes.volume import Values

Draw = Callable[[int], Tensor]


def inpaint(
    denoise: Denoise,
    process: Process,
    known: Tensor,
    masks: Tensor,
    level: Tensor | None,
    draw: Draw,
    *,
    steps: int,
    jump: int = 2,
    times: int = 2,
) -> Tensor:
    """Samples (1, *space) of numbers of the network.

    known: (1, 1, *space). masks: (1, classes, *space), ones where a class is to be made; each has a
    channel of its own in the state, all are sampled together, and the result takes each from its
    own. jump, times: of `TimeTravel`; times 1 walks down once. draw: noise (1, classes, *space).
    """
    union = masks.amax(1, keepdim=True)
    background = known.expand(-1, masks.shape[1], *known.shape[2:])
    grid = build_grid("uniform", process, steps, 1.0)
    travel = TimeTravel(union, background, jump=jump, times=times)
    x = start(process, None, draw(0), 1.0)
    with torch.inference_mode():
        made = run_plan(denoise, x, travel.plan(process, grid), level=level, draw=draw)
    chosen = torch.where(masks > 0, made, 0).sum(1)
    return torch.where(union[:, 0] > 0, chosen, known[:, 0])


def planned_calls(steps: int, jump: int, times: int) -> int:
    """Network calls of a walk."""
    walk = visits(steps, jump, times)
    return sum(later < now for now, later in itertools.pairwise(walk))


def paste(original: Values, made: Values, inside: npt.NDArray[np.bool_], ramp: Values) -> Values:
    """`made` inside, mixed with the original by the ramp (0, 1]; elsewhere the original's bits."""
    mixed = original + ramp * (made - original)
    return np.where(inside, mixed.astype(np.float32), original)


def soft_edge(inside: npt.NDArray[np.bool_], spacing: Sequence[float], width: float) -> Values:
    """How much of the new values a voxel gets: from the border inwards to 1 over `width` mm.

    Half a voxel inside the border counts as 0 mm; outside the mask it is 0. width 0 is the mask.
    """
    if width <= 0:
        return inside.astype(np.float32)
    from scipy.ndimage import distance_transform_edt

    padded = np.pad(inside, 1, mode="edge")
    depth = np.asarray(distance_transform_edt(padded, sampling=spacing))[1:-1, 1:-1, 1:-1]
    share = (depth - 0.5 * min(spacing)) / width
    return np.where(inside, share.clip(0.05, 1), 0).astype(np.float32)
