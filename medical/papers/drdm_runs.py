"""DRDM: folding of fields somebody made, and the smoke run on slices of CT phantoms."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.networks.local_nafnet3d import LocalNAFNet3d
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.small import train
from undrift.medical.deformation.drdm import recover, recovery_counts, recovery_losses
from undrift.medical.deformation.fields import determinants
from undrift.medical.deformation.learned import as_recover
from undrift.medical.deformation.training import (
    DeformData,
    Warped,
    power_by_squaring,
    recovery_objective,
)
from undrift.medical.signal import read_signal
from undrift.medical.volumes.files import read_volume

_SIDE = 32
_SIGNAL: dict[str, object] = {
    "modality": "ct", "spacing": [2, 16], "fov": [100, 600],
    "intensity": {"kind": "hu-window", "low": -1024, "high": 1600},
}  # fmt: skip


class Slowly(nn.Module):
    """A tenth of a network's output, so that first steps are small against the targets."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return 0.1 * self.network(x, psi, level)


def folding(task: Task) -> Iterator[Measured]:
    """Of fields (x, y, z, 3) in mm along the axes of their grid: the share of det J <= 0, %."""
    shares = []
    if "folding" not in task.tables:
        return
    for path in sorted((cache_folder() / "papers" / "drdm" / "folding").glob("*.nii*")):
        volume = read_volume(path)
        if volume.frames != 3:
            raise InputError(f"{path}: {volume.frames} values a voxel, expected 3 displacements")
        steps = np.linalg.inv(volume.affine[:3, :3])
        voxels = np.einsum("dc,xyzc->dxyz", steps, volume.array.astype(np.float64))
        shares.append(_folds(torch.from_numpy(voxels)[None]))
    if not shares:
        raise InputError("papers/drdm/folding holds no .nii or .nii.gz; put fields there")
    yield Measured("folding", "DRDM", "det J <= 0, %", float(np.mean(shares)))


def smoke(task: Task) -> Iterator[Measured]:
    """A shift and its inverse, a training of 200 steps, and a sampled field."""
    shift = torch.full((1, 2, 16, 16), 0.05, dtype=torch.float64)
    found = recovery_losses(-shift, shift)
    yield Measured("smoke", "fixed field", "angle to its inverse", float(found.angle))
    yield Measured("smoke", "fixed field", "distance to its inverse", float(found.distance))

    data = DeformData(
        axes=2, side=_SIDE, subjects=2, spacing=10.0, step=0.06, first=0, regions=("chest",)
    )
    images = Warped(data, read_signal(_SIGNAL), 0)
    torch.manual_seed(0)
    network = Slowly(LocalNAFNet3d(1, 2, 2, (16, 32, 48), (1, 1, 1))).to(task.device)
    task.say("drdm: 200 training steps of a small network")

    class Denoising:
        def __init__(self) -> None:
            self.network = network

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        return recovery_objective(Denoising(), batch, None, 0)  # type: ignore[arg-type]

    def batch(number: int) -> dict[str, Tensor]:
        first = 16 * number if number >= 0 else 10**6
        samples = [images[first + k] for k in range(16)]
        return {
            name: torch.stack([s[name] for s in samples]).to(task.device) for name in samples[0]
        }

    trained = train(network, loss_of, batch, 1e-3)
    yield from trained.measured("smoke")
    one = images[0]
    many = torch.tensor([recovery_counts(48)[0]])
    start = power_by_squaring(0.5 * one["velocity"][None], many).to(task.device)
    with torch.inference_mode():
        *_, last = recover(as_recover(network), one["image"][None].to(task.device), start)
    yield Measured("smoke", "sampled", "det J <= 0, %", _folds(last.field))


def _folds(field: Tensor) -> float:
    found = determinants(field)
    share = 100 * float((found <= 0).double().mean())
    return share if math.isfinite(share) else math.nan
