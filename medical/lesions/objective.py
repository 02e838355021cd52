"""The lesion-focused loss (LeFusion, Zhang et al., ICLR 2025): errors count inside lesions alone.

    L = sum over classes c of mean |M_c u - M_c u_hat|^p

with u what the network is to give, one channel a class. The authors' mean runs over all voxels, so
that a lesion of a tenth of the size has a tenth of the weight; normalise="mask" divides by the
voxels of the masks instead, item by item.
"""

from typing import Literal

import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.training.recipe import Recipe

Normalise = Literal["voxels", "mask"]


def masked_error(
    found: Tensor, wanted: Tensor, masks: Tensor, power: int = 2, normalise: Normalise = "voxels"
) -> Tensor:
    """The loss, a scalar; found, wanted, masks: (b, classes, *space).

    power: 1 or 2. Raises InputError for shapes that differ.
    """
    if not found.shape == wanted.shape == masks.shape:
        raise InputError(
            f"expected three tensors of one shape (b, classes, *space), got {tuple(found.shape)}, "
            f"{tuple(wanted.shape)} and {tuple(masks.shape)}"
        )
    each = (masks * (wanted - found)).abs() ** power
    space = tuple(range(2, each.ndim))
    if normalise == "voxels":
        return each.mean((0, *space)).sum()
    sizes = masks.sum(space).clamp(min=1)
    return (each.sum(space) / sizes).mean(0).sum()


def lesion_objective(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
) -> Tensor:
    """The loss of a batch: x0, noise (b, classes, *space), mask, level (b, bins), u (b,)."""
    x0, mask, noise = (batch[name] for name in ("x0", "mask", "noise"))
    t = recipe.times.draw(denoiser.process, batch["u"], recipe.scaling.sigma_d)
    shape = (-1, *[1] * (x0.ndim - 1))
    a, s = (f(t.double()).to(x0).reshape(shape) for f in (denoiser.process.a, denoiser.process.s))
    found = denoiser.output(a * x0 + s * noise, t, None, batch["level"])
    wanted = denoiser.target(x0, t, None, noise)
    power = 1 if recipe.loss.kind == "l1" else 2
    normalise = recipe.data.get("normalise", "mask")
    return masked_error(found, wanted, mask, power, normalise)  # type: ignore[arg-type]


def class_masks(labels: Tensor, classes: tuple[int, ...]) -> Tensor:
    """(b, 1, *space) of labels to (b, classes, *space) of ones and zeros."""
    return torch.cat([labels == c for c in classes], 1).float()
