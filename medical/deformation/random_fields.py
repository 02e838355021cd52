"""Random smooth velocities over several scales, in millimetres, and their diffeomorphisms.

At each scale c (mm) normal numbers sit on a grid of control points c apart and are joined by cubic
B-splines; as in DRDM (Zheng et al., Medical Image Analysis 2026) their size grows with c, so that
all scales stretch alike. The velocity is flowed for unit time by `fields.exponential`. Physics:

- "smooth": the sum of the scales. Tissue may be stretched and compressed.
- "incompressible": the curl of such a sum, which has no divergence: flowing along it keeps the
  volume of everything (det = 1 but for the grid), as for tissue that is moved and not compressed.

Neither crosses the faces of the box (it fades towards them), so that the box is mapped onto itself
and nothing from outside is needed. And neither knows anatomy: bones bend.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.medical.deformation.fields import determinants, exponential

Physics = Literal["smooth", "incompressible"]
PHYSICS: tuple[Physics, ...] = ("smooth", "incompressible")
_HALVINGS = 8


@dataclass(frozen=True)
class Deformation:
    """What was drawn. field: (1, 3, *space) in voxels; least, most: of the determinant.

    share: of the velocity that was asked for, below 1 where the whole of it would have folded.
    """

    field: Tensor
    least: float
    most: float
    share: float = 1.0


def random_velocity(
    grid: tuple[int, int, int],
    spacing: tuple[float, float, float],
    noise: Noise,
    *,
    strength: float,
    scales: tuple[float, ...],
    physics: Physics = "smooth",
    fading: bool = True,
) -> Tensor:
    """(1, 3, *grid) float64 in voxels; its length has a root mean square of `strength` mm.

    The mean is over drawings and over the middle of the box, where nothing fades. fading: whether
    the faces are kept.
    Raises InputError for scales or a strength that cannot be.
    """
    if not scales or min(scales) <= 0 or not math.isfinite(sum(scales)):
        raise InputError(f"scales {scales}: expected lengths in mm above 0")
    if not math.isfinite(strength) or strength < 0:
        raise InputError(f"strength {strength}: expected millimetres from 0")
    total, square = torch.zeros((1, 3, *grid), dtype=torch.float64), 0.0
    for draw, scale in enumerate(scales):
        rows = [_splines(n, step, scale) for n, step in zip(grid, spacing, strict=True)]
        control = noise((1, 3, *(row.shape[1] for row in rows)), draw, dtype=torch.float64)
        size = scale if physics == "smooth" else scale**2  # a curl divides by c once more
        total += size * torch.einsum("ncijk,xi,yj,zk->ncxyz", control, *rows)
        square += scale**2 * (_LEVEL**3 if physics == "smooth" else 2 * _LEVEL**2 * _SLOPE) * 3
    total *= strength / math.sqrt(square)
    if fading:
        total *= fade(grid, spacing, min(scales), physics)
    if physics == "incompressible":
        total = _curl(total, spacing)
    return total / torch.tensor(spacing, dtype=torch.float64).reshape(1, 3, 1, 1, 1)


def diffeomorphism(velocity: Tensor, floor: float = 0.05) -> Deformation:
    """exp(velocity), checked cell by cell; raises InputError if no share of it can be used.

    floor: the least determinant that is taken. Where the whole velocity goes below it, the half is
    tried, a quarter, and so on: the repair is told in `share`.
    """
    share, least = 2.0, 0.0
    for _ in range(_HALVINGS):
        share /= 2
        field = exponential(velocity * share)
        found = determinants(field)
        least = float(found.min())
        if least >= floor:
            return Deformation(field, least, float(found.max()), share)
    raise InputError(
        f"a determinant of {least:.3g} even at a share of {share:g} of the velocity: "
        "choose a lower strength or larger scales"
    )


def _splines(count: int, step: float, scale: float) -> Tensor:
    """(count, control points): cubic B-splines `scale` mm wide at voxels `step` mm apart."""
    place = torch.arange(count, dtype=torch.float64) * (step / scale)
    knots = torch.arange(int(place[-1]) + 4, dtype=torch.float64) - 1
    far = (place[:, None] - knots[None]).abs()
    near = 2 / 3 - far**2 + far**3 / 2
    return torch.where(far < 1, near, (2 - far).clamp(min=0) ** 3 / 6)


# Mean over a cell of the sum of squares of cubic B-splines, and of their derivatives.
_LEVEL, _SLOPE = 151 / 315, 2 / 3


def fade(
    grid: tuple[int, ...], spacing: tuple[float, ...], width: float, physics: Physics = "smooth"
) -> Tensor:
    """(1, 3, *grid): 1 inside, and 0 on the faces that a component must not cross.

    A velocity must not cross the faces of its own axis, nor may the potential of one turn about an
    axis within the others' faces. Over `width` mm, or a quarter of the box.
    """
    total = torch.ones((1, 3, *grid), dtype=torch.float64)
    for axis, (count, step) in enumerate(zip(grid, spacing, strict=True)):
        place = torch.arange(count, dtype=torch.float64)
        far = torch.minimum(place, count - 1 - place) * step
        ramp = (far / max(min(width, (count - 1) * step / 4), 1e-9)).clamp(max=1)
        shape = [1, 1, 1]
        shape[axis] = count
        for part in range(3):
            if (part == axis) == (physics == "smooth"):
                total[0, part] *= (ramp**2 * (3 - 2 * ramp)).reshape(shape)
    return total


def _curl(potential: Tensor, spacing: tuple[float, ...]) -> Tensor:
    """By central differences, whose divergence by central differences is zero."""
    along = [
        [torch.gradient(potential[:, part], spacing=step, dim=1 + axis)[0]
         for axis, step in enumerate(spacing)]
        for part in range(3)
    ]  # fmt: skip
    parts = [along[(k + 2) % 3][(k + 1) % 3] - along[(k + 1) % 3][(k + 2) % 3] for k in range(3)]
    return torch.stack(parts, 1)
