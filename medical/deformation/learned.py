"""Deformations by a model that was trained to undo random ones: `drdm.recover` on a volume.

The weight file is one of this package with the task "deform": a network (image) -> three
components of a displacement, told t as the angle t pi/2, in units of the mean length of what is to
be undone at t (`displaced`); and a signal that says how values are scaled and which voxels it
knows.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.devices import resolve_device
from undrift.medical.deformation.drdm import STEPS, Recover, recover, recovery_counts
from undrift.medical.deformation.random_fields import Deformation
from undrift.medical.honesty.guards import guard
from undrift.medical.signal import read_signal
from undrift.medical.volumes.volume import Volume

# Of the output. The last layer of a network begins at 0 and sums over hundreds of inputs, which an
# optimiser moves together: at 1 its first steps are larger than what is to be undone.
GAIN = 0.15


def learned_deformation(
    volume: Volume, start: Deformation, model: str, device: str, number: int, notes: list[str]
) -> Deformation:
    """What is left of a random deformation when a model has undone what does not look real.

    volume: in canonical axes. start: the random deformation. Adds to `notes` what was odd. Raises
    InputError for a file that is no model for this task.
    """
    from undrift.common.weights.model import load_model

    place = resolve_device(device)
    loaded = load_model(model, place, "deform")
    signal = read_signal(loaded.settings.signal)
    if number == 0:
        notes += [text for text in guard(volume, signal) if text not in volume.notes]
    values = signal.intensity_map(volume.array).forward(volume.array)
    image = torch.from_numpy(np.ascontiguousarray(values))[None, None].to(place)
    last, halved = start, 0
    with torch.inference_mode():
        network = as_recover(loaded.denoiser.network, loaded.denoiser.scaling.std)
        for step in recover(network, image, start.field.to(place)):
            last = Deformation(step.field, step.least, start.most, start.share)
            halved += step.share < 1
    if halved:
        notes.append(f"sample {number + 1}: {halved} steps of the model would fold; halved")
    return Deformation(last.field.cpu(), last.least, _most(last.field), start.share)


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


def _most(field: Tensor) -> float:
    from undrift.medical.deformation.fields import volume_change

    return float(volume_change(field).max())
