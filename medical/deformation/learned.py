"""Deformations by a model that was trained to undo random ones: `drdm.recover` on a volume.

The weight file is one of this package with the task "deform": a network (image) -> three
components of a displacement, told t as the angle t pi/2, in units of the mean length of what is to
be undone at t (`displaced`); and a signal that says how values are scaled and which voxels it
knows. These are large, since velocities are smooth: the volume is resampled to them, deformed there
and forgotten; its field alone comes back, by cubic splines, and the volume itself is deformed by
it. Recovery goes through all times, wherever it begins, as in the authors' program: from the time
at which training deforms as far as the start does it folds more.
"""

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.devices import resolve_device
from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.weights.model import Model, load_model
from undrift.medical.deformation.drdm import STEPS, Recover, recover, recovery_counts
from undrift.medical.deformation.fields import determinants, volume_change
from undrift.medical.deformation.random_fields import (
    Deformation,
    diffeomorphism,
    fade,
    random_velocity,
)
from undrift.medical.honesty.guards import guard
from undrift.medical.resampling import resample_to_spacing
from undrift.medical.signal import Signal, read_signal
from undrift.medical.volumes.volume import Volume
from undrift.medical.weights_facts import weights_facts

# Of the output. The last layer of a network begins at 0 and sums over hundreds of inputs, which an
# optimiser moves together: at 1 its first steps are larger than what is to be undone.
GAIN = 0.15
LEAST = 4  # voxels
_FLOOR = 0.05  # of determinants


@dataclass(frozen=True, eq=False)
class Learned:
    """A model of shapes and what it knows of its volumes."""

    model: Model
    signal: Signal
    device: str

    @classmethod
    def of(cls, name: str, device: str) -> "Learned":
        """By id or weight file. Raises InputError for one that is no model for this task."""
        place = resolve_device(device)
        model = load_model(name, place, "deform")
        return cls(model, read_signal(dict(model.settings.signal)), place)

    @property
    def spacing(self) -> float:
        """mm of the voxels it works in."""
        return sum(self.signal.spacing) / 2

    def record(self) -> dict[str, Any]:
        """What an output says of it."""
        facts = {"model": self.model.id, "weights": self.model.sha256}
        return {**facts, **weights_facts(self.model), "working_spacing_mm": self.spacing}

    def deformation(
        self, volume: Volume, strength: float, scales: Sequence[float], noise: Noise,
        notes: list[str],
    ) -> Deformation:  # fmt: skip
        """What is left of a random deformation when what does not look real has been undone.

        volume: in canonical axes. strength: mm, of the random one. scales: mm; those below two
        voxels of the model are left out. Adds to `notes` what was odd.
        """
        voxels = (self.spacing, self.spacing, self.spacing)
        small = resample_to_spacing(volume, voxels)
        if min(small.grid) < LEAST:
            sides = " x ".join(f"{n * mm:.3g}" for n, mm in
                               zip(volume.grid, volume.spacing, strict=True))  # fmt: skip
            raise InputError(
                f"a box of {sides} mm is too small for {self.model.id}, which works in voxels of "
                f"{self.spacing:g} mm and needs {LEAST} along each axis; deform without a model"
            )
        told = [text for text in guard(small, self.signal) if text not in volume.notes]
        notes += [text for text in told if text not in notes]
        wide = tuple(s for s in scales if s >= 2 * self.spacing) or (2 * self.spacing,)
        velocity = random_velocity(small.grid, small.spacing, noise, strength=strength, scales=wide)
        start = diffeomorphism(velocity.float())
        step = self.model.denoiser.scaling.std * self.spacing
        furthest = recovery_counts(STEPS - 1)[0] * step
        if strength > furthest:
            notes.append(f"strength {strength:g} mm; the model was trained up to {furthest:.3g} mm")
        field = self._recovered(small, start, min(wide), notes)
        return _on_grid_of(volume, small, field, start.share)

    def _recovered(
        self, small: Volume, start: Deformation, width: float, notes: list[str]
    ) -> Tensor:
        """(1, 3, *space) on the model's grid, in its voxels; the faces of the box are kept."""
        values = self.signal.intensity_map(small.array).forward(small.array)
        image = torch.from_numpy(np.ascontiguousarray(values))[None, None].to(self.device)
        kept = fade(small.grid, small.spacing, width).to(image)
        network = as_recover(self.model.denoiser.network, self.model.denoiser.scaling.std)
        field, halved = start.field, 0
        with torch.inference_mode():
            for step in recover(lambda x, t: kept * network(x, t), image, start.field.to(image)):
                field, halved = step.field, halved + (step.share < 1)
        if halved:
            notes.append(f"{halved} of {STEPS} steps of the model would fold; halved")
        return field.clone().cpu()


def _on_grid_of(volume: Volume, small: Volume, field: Tensor, share: float) -> Deformation:
    """A field on the grid of `small`, a volume of the same box, on that of `volume`, by splines.

    Splines swing past the faces, which are kept by fading within a voxel of `small`. Should it
    fold between the voxels of `small`, less of it is taken.
    """
    ndimage: Any = importlib.import_module("scipy.ndimage")
    change = np.linalg.inv(small.affine) @ volume.affine
    ratios = np.diag(change)[:3]  # the axes are the same
    place = {"matrix": ratios, "offset": change[:3, 3], "output_shape": volume.grid}
    fine = np.stack([
        ndimage.affine_transform(part, **place, order=3, mode="nearest") / ratio
        for part, ratio in zip(field[0].numpy(), ratios, strict=True)
    ])  # fmt: skip
    kept = fade(volume.grid, volume.spacing, small.spacing[0])
    whole, part = (kept * torch.from_numpy(fine)).float(), 1.0
    while float(determinants(part * whole).min()) < _FLOOR and part > 1 / 64:
        part /= 2
    made = part * whole
    return Deformation(
        made, float(determinants(made).min()), float(volume_change(made).max()), part * share
    )


def as_recover(network: nn.Module, unit: float | None = None) -> Recover:
    """The network as `recover` calls it. unit: see `displaced`; None for output in voxels."""

    def call(warped: Tensor, t: float) -> Tensor:
        times = torch.full((len(warped),), t, device=warped.device)
        if unit is None:
            return network(warped, (times * math.pi / 2).to(warped), None)
        return displaced(network, warped, times, unit)

    return call


def displaced(network: nn.Module, warped: Tensor, times: Tensor, unit: float) -> Tensor:
    """The field (b, axes, *space) in voxels by which a network undoes k(t) steps at times (b,).

    Its output, smoothed since velocities are, times GAIN k(t) `unit`, with the root mean square in
    voxels of one step: of one size at every t; nothing at t = 0, where k is 0.
    """
    counts = [recovery_counts(round(t * STEPS))[1] for t in times.tolist()]
    scale = GAIN * unit * torch.tensor(counts).to(warped).reshape(-1, *[1] * (warped.ndim - 1))
    return scale * smoothed(network(warped, (times * math.pi / 2).to(warped), None).to(warped))


def smoothed(field: Tensor) -> Tensor:
    """A field under the binomial weights 1 4 6 4 1 along each axis: a Gaussian of one voxel."""
    axes = field.ndim - 2
    weights = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]).to(field) / 16
    convolve = {2: F.conv2d, 3: F.conv3d}[axes]
    for axis in range(axes):
        pad = [0, 0] * axes
        pad[2 * (axes - 1 - axis)] = pad[2 * (axes - 1 - axis) + 1] = 2
        kernel = weights.reshape([1, 1, *(5 if k == axis else 1 for k in range(axes))])
        kernel = kernel.expand(field.shape[1], *kernel.shape[1:])
        with torch.autocast(field.device.type, enabled=False):
            field = convolve(F.pad(field, pad, mode="replicate"), kernel, groups=field.shape[1])
    return field
