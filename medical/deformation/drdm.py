"""DRDM (Zheng et al., Medical Image Analysis 2026, arXiv 2407.07295): deformation for noise.

Forward, an image is warped by a random velocity v composed with itself K(t) times, K growing with
t. A network sees the warped image alone and predicts a field that undoes k(t) such steps. To
sample, an image is warped strongly, then for t = T-1 .. 0 the network's field p is composed onto
the whole, u <- p + u(x + p), and the ORIGINAL image is warped again by u: it is resampled once
however many steps there were. K and k are formulas of the authors' program (`recovery_counts`).

Here fields are in voxels and any sides will do; the program has units of the side, cubes only, and
control grids that fit a side of 128. What the sampler composes is checked for folds; a step that
would fold is halved until it does not.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from undrift.medical.deformation.fields import compose, determinants, pull

STEPS = 80  # T
CONTROL = (64, 32, 16, 8)  # points of the control grids along each axis
Recover = Callable[[Tensor, float], Tensor]  # warped image, t in [0, 1] -> field in voxels


def recovery_counts(t: int) -> tuple[int, int]:
    """K(t) = floor(2 t^1.3 / 3) in 1 .. 200, of the warp, and k(t) = floor(t^.6), to be undone."""
    return min(max(math.floor(2 * t**1.3 / 3), 1), 200), math.floor(t**0.6)


def control_velocity(normals: list[Tensor], scale: float) -> Tensor:
    """The velocity on the finest control grid, in units of its side, from normals of each grid.

    normals: (b, d, c, ..., c), the finest grid first; each is stretched linearly, and multiplied
    by as much as it is coarser. scale: their deviation, 4e-5 in the published settings.
    """
    side = normals[0].shape[-1]
    linear = {4: "bilinear", 5: "trilinear"}[normals[0].ndim]
    parts = [
        F.interpolate(n * (scale * side / n.shape[-1]), normals[0].shape[2:], mode=linear)
        for n in normals
    ]
    return torch.stack(parts).sum(0)


def upscaled(u: Tensor, side: int) -> Tensor:
    """A field on a control grid (units of the side) on the image's: times side/control, stretched
    to twice the side, and the middle of it, as the program has it: right for 128/64 alone."""
    linear = {4: "bilinear", 5: "trilinear"}[u.ndim]
    wide = F.interpolate(u * (side / u.shape[-1]), (2 * side,) * (u.ndim - 2), mode=linear)
    middle = slice(side // 2, side // 2 + side)
    return wide[(..., *(middle,) * (u.ndim - 2))]


@dataclass(frozen=True)
class Losses:
    """Terms of the objective: distance + angle + 10 roughness. See `recovery_losses`."""

    distance: Tensor
    angle: Tensor
    roughness: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised, and 1, so that it is not below zero: the least of the angle is -1."""
        return self.distance + 1 + self.angle + 10 * self.roughness


def recovery_losses(p: Tensor, d: Tensor, as_coded: bool = False) -> Losses:
    """How well the network's field p undoes the field d, both (b, d, *space) in units of the side.

    With q = p(x + d): distance |100 q + 100 d|^2 / (|100 d|^2 + .001), 0 for the inverse; angle,
    the cosine between q and d, -1 for it; roughness, the differences of p above 1e-4 and twice the
    negative part of det(I + grad p), where x + p folds. as_coded: the program's determinant of grad
    p alone, in which the first axis stands twice and which says nothing of folds.
    """
    sides = torch.tensor(d.shape[2:], dtype=d.dtype, device=d.device)
    sides = sides.reshape(1, -1, *[1] * (d.ndim - 2))
    q = pull(p, d * sides)
    off = (100 * (q + d)).square().sum(1) / ((100 * d).square().sum(1) + 1e-3)
    large_q, large_d = 1e5 * q, 1e5 * d
    both = large_q.square().sum(1) * large_d.square().sum(1)
    cosine = (large_q * large_d).sum(1) / torch.sqrt(both + 1e-4)
    folds = _coded_determinants(p) if as_coded else determinants(p * sides)
    axes = range(2, p.ndim)
    steps = torch.stack([F.relu(p.diff(dim=axis).abs() - 1e-4).mean() for axis in axes]).mean()
    return Losses(off.mean(), cosine.mean(), steps + 2 * F.relu(-folds).mean())


def pooled_loss(p: Tensor, d: Tensor, weight: Tensor | None = None, least: float = 1e-3) -> Tensor:
    """The share of d, (b, axes, *space) in voxels, that the network's field p leaves, by items.

    mean w |q + d|^2 / (mean w |d|^2 + least mean w), q = p(x + d): each mean over a whole volume,
    where `recovery_losses` divides voxel by voxel. What cannot be seen in the warped image (the
    inside of what is uniform) is then best answered by the mean of what it may be. Voxel by voxel
    the places where d is almost zero outweigh all others and the best answer shrinks to nothing,
    and the slope of the cosine at p = 0 has no bound. weight: (b, 1, *space), of what counts.
    """
    w = torch.ones_like(d[:, :1]) if weight is None else weight
    left, whole, share = (
        (v.square().sum(1, keepdim=True) * w).flatten(1).mean(1)
        for v in (pull(p, d) + d, d, torch.ones_like(d[:, :1]))
    )
    return (left / (whole + least * share)).mean()


def _coded_determinants(p: Tensor) -> Tensor:
    """Of the first rows of a list that holds each axis' differences twice, padded at either end."""
    axes, rows = p.ndim - 2, []
    for axis in range(axes):
        for end in (0, 1):
            pad = [0, 0] * axes
            pad[2 * (axes - 1 - axis) + end] = 1
            rows.append(F.pad(p.diff(dim=2 + axis), pad))
    return torch.linalg.det(torch.stack(rows[:axes], 1).movedim((1, 2), (-2, -1)))


@dataclass(frozen=True)
class Recovered:
    """A step of `recover`: the whole field so far, its least determinant, and the share taken."""

    field: Tensor
    least: float
    share: float


def recover(
    network: Recover, image: Tensor, field: Tensor, steps: int = STEPS, floor: float = 0.05
) -> Iterator[Recovered]:
    """Undoes a random field step by step; yields the field after each.

    image: (1, c, *space), the original; field: (1, d, *space) in voxels, the random one. A step
    whose composition goes below `floor` in its least determinant is halved, at last left out.
    """
    for t in range(steps - 1, -1, -1):
        p = network(pull(image, field), t / STEPS).to(field.dtype)
        step = Recovered(field, float(determinants(field).min()), 0.0)
        for share in (1.0, 0.5, 0.25, 0.125):
            tried = compose(field, share * p)
            least = float(determinants(tried).min())
            if least >= floor:
                step = Recovered(tried, least, share)
                break
        field = step.field
        yield step
