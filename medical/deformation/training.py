"""The training of DRDM: volumes (or slices) that are warped on the way, and the loss of undoing it.

A sample is an image and a velocity v. At the time t of the batch the image is warped by v composed
K(t) times; the network is to undo k(t) compositions of v (`drdm.recovery_counts`). Powers are taken
by repeated squaring, which is the same map but for interpolation. With v of a thirtieth of a voxel,
its power K is the flow of K v but for a hundredth of a voxel, and `flows` takes that in a third of
the time. The paper's loss is `recovery_objective`. Recipes have `pooled_objective`: errors are
divided by the displacement of the whole volume, and the network's output counts in the units of
`displaced`. With voxels for units its first steps are larger than what is to be undone.
"""

import functools
import math
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.noise import Noise
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import Objective
from undrift.medical.deformation.drdm import (
    STEPS,
    pooled_loss,
    recovery_counts,
    recovery_losses,
)
from undrift.medical.deformation.fields import compose, exponential, pull
from undrift.medical.deformation.learned import displaced
from undrift.medical.deformation.random_fields import random_velocity
from undrift.medical.resampling import resample_to_spacing
from undrift.medical.signal import Signal, read_signal
from undrift.medical.simulate.ct import ct_phantom
from undrift.medical.volumes.volume import Volume

BODY = -500.0  # HU


class DeformData(Strict):
    """The section `data` of such a recipe: CT phantoms of `subjects` seeds from `first` on.

    side: voxels of the cube (or square, axes 2). spacing: mm. step: root mean square of the base
    velocity in voxels; scales: voxels between its control points. regions: of the phantoms. finer:
    they are drawn in voxels so many times finer and then resampled, as `deform` does with volumes.
    late: times are u^late of uniform u; below 1 those come oftener at which there is much to see.
    """

    kind: Literal["deform-phantoms"] = "deform-phantoms"
    subjects: int = Field(64, gt=0)
    first: int = Field(0, ge=0)
    side: int = Field(48, ge=16)
    axes: Literal[2, 3] = 3
    spacing: float = Field(4.0, gt=0)
    step: float = Field(0.03, gt=0)
    scales: tuple[float, ...] = (4.0, 8.0, 16.0)
    regions: tuple[str, ...] = ("head", "chest", "abdomen")
    finer: int = Field(default=1, ge=1, le=4)
    late: float = Field(default=1.0, gt=0)


class Warped(Dataset[dict[str, Tensor]]):
    """image: (1, *space) in the numbers of the network; velocity: (axes, *space) in voxels; u."""

    def __init__(self, data: DeformData, signal: Signal, seed: int):
        self.data, self.signal, self.seed = data, signal, seed
        self._images: dict[int, Tensor] = {}

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        data = self.data
        noise = Noise(self.seed, f"drdm {n}")
        grid = (data.side, data.side, data.side if data.axes == 3 else 2)
        one = (1.0, 1.0, 1.0)
        v = random_velocity(grid, one, noise, strength=data.step, scales=data.scales, fading=False)[
            0
        ].float()
        if data.axes == 2:
            v = v[:2, :, :, 0]
        u = np.random.default_rng([self.seed, n]).random() ** data.late
        return {"image": self._image(n), "velocity": v, "u": torch.tensor(u)}

    def _image(self, n: int) -> Tensor:
        subject = n % self.data.subjects
        if subject not in self._images:
            self._images[subject] = self._made(subject)
        return self._images[subject]

    def _made(self, subject: int) -> Tensor:
        data = self.data
        step, deep = data.spacing / data.finer, data.side if data.axes == 3 else 1
        grid = (data.side * data.finer, data.side * data.finer, deep * data.finer)
        region = data.regions[subject % len(data.regions)]
        phantom = ct_phantom(data.first + subject, grid, (step, step, step), region)
        drawn = Volume(phantom.hu, np.diag([step, step, step, 1.0]), "HU")
        hu = resample_to_spacing(drawn, (data.spacing, data.spacing, data.spacing)).array
        image = torch.from_numpy(self.signal.intensity_map(hu).forward(hu))
        return image[None] if data.axes == 3 else image[None, ..., 0]


def open_samples(recipe: Recipe, trial: Any = None) -> Dataset[dict[str, Tensor]]:
    """The samples of a recipe. Raises InputError for an unknown key."""
    data = load(DeformData, recipe.data, "data")
    return Warped(data, read_signal(recipe.signal), recipe.schedule.seed)


def open_objective(recipe: Recipe) -> Objective:
    """The share of the displacement that is left in bodies and close to them."""
    signal, hu = read_signal(recipe.signal), np.full((1, 1, 1), BODY, np.float32)
    number = float(signal.intensity_map(hu).forward(hu)[0, 0, 0])
    return functools.partial(pooled_objective, body=number)


def recovery_objective(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
) -> Tensor:
    """The loss of a batch: each item at a time of its own."""
    image, v = batch["image"].float(), batch["velocity"].float()
    times = (batch["u"] * STEPS).floor().clamp(max=STEPS - 1).long()
    counts = torch.tensor([recovery_counts(t) for t in times.tolist()])
    with torch.no_grad():
        warped = pull(image, power_by_squaring(v, counts[:, 0]))
        target = power_by_squaring(v, counts[:, 1])
    psi = (times / STEPS * math.pi / 2).to(image)
    found = denoiser.network(warped, psi, None)
    side = image.shape[2]
    return recovery_losses(found / side, target / side).total


def pooled_objective(
    denoiser: Denoiser,
    batch: dict[str, Tensor],
    recipe: Recipe,
    iteration: int,
    body: float | None = None,
) -> Tensor:
    """As `recovery_objective`, with flows for powers and `pooled_loss`.

    body: the number of the network above which a voxel counts; None: all count.
    """
    image, v = batch["image"].float(), batch["velocity"].float()
    times = (batch["u"] * STEPS).floor().clamp(max=STEPS - 1).long()
    with torch.no_grad():
        far, near = flows(v, times)
        warped = pull(image, far)
    found = displaced(denoiser.network, warped, times / STEPS, recipe.scaling.std)
    weight = None if body is None else near_body(warped, body)
    return pooled_loss(found.float(), near, weight)


def near_body(warped: Tensor, body: float) -> Tensor:
    """(b, 1, *space): 1 in what is above `body` and a voxel around it, a thousandth elsewhere.

    Nobody can tell how air was moved: there the best answer is nothing, and a loss over all voxels
    would mostly be made of it.
    """
    pool = {2: F.max_pool2d, 3: F.max_pool3d}[warped.ndim - 2]
    return pool((warped > body).float(), 3, 1, 1).clamp(min=1e-3)


def flows(v: Tensor, times: Tensor) -> tuple[Tensor, Tensor]:
    """exp(K v) and exp(k v) of the counts at times (b,)."""
    counts = torch.tensor([recovery_counts(t) for t in times.tolist()]).to(v)
    many, few = (c.reshape(-1, *[1] * (v.ndim - 1)) for c in counts.unbind(1))
    return exponential(many * v, 5), exponential(few * v, 1)


def power_by_squaring(v: Tensor, counts: Tensor) -> Tensor:
    """As `fields.power` of each item, counts (b,), in about 2 log2(count) compositions."""
    result, square, left = torch.zeros_like(v), v, counts.to(v.device)
    while bool((left > 0).any()):
        odd = (left % 2 == 1).reshape(-1, *[1] * (v.ndim - 1))
        result = torch.where(odd, compose(result, square), result)
        left = left // 2
        square = compose(square, square)
    return result
