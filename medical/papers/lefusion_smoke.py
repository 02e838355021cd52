"""The smoke run of LeFusion: the focused loss on discs, the walk, and the background of a paste."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.networks.local_nafnet3d import LocalNAFNet3d
from undrift.common.processes import Flow
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.small import train
from undrift.medical.lesions.histogram import measure as measure_histogram
from undrift.medical.lesions.inpaint import paste, planned_calls
from undrift.medical.lesions.objective import masked_error
from undrift.medical.papers.small import discs


def measure(task: Task) -> Iterator[Measured]:
    """Whole numbers first, then the training."""
    yield from _fixed()
    for count in (2, 5):
        calls = planned_calls(300, count, count)
        yield Measured("smoke", "walk of 300", f"calls at ({count}, {count})", calls)
    task.say("lefusion: 200 training steps of a small network")
    torch.manual_seed(0)
    network = LocalNAFNet3d(1, 1, 2, (16, 32), (1, 1), levels=16).to(task.device)
    denoiser = Denoiser(network, Flow(), "balanced", Scaling(0.5, 0.0, 0.5, 0.0))

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        found = denoiser.output(batch["x"], batch["t"], None, batch["level"])
        wanted = denoiser.target(batch["x0"], batch["t"], None, batch["noise"])
        return masked_error(found, wanted, batch["mask"], normalise="mask")

    trained = train(network, loss_of, lambda k: _batch(k, task.device))
    yield from trained.measured("smoke")


def _fixed() -> Iterator[Measured]:
    """A cube of eight levels in a ramp of whole numbers."""
    original = np.arange(16**3, dtype=np.float32).reshape(16, 16, 16) - 2048
    inside = np.zeros(original.shape, bool)
    inside[4:12, 4:12, 4:12] = True
    levels = np.broadcast_to(np.linspace(-0.9375, 0.8125, 8)[:, None, None], (8, 8, 8))
    made = original.copy()
    made[inside] = levels.ravel()
    result = paste(original, made, inside, inside.astype(np.float32))
    changed = np.count_nonzero(result[~inside] != original[~inside])
    yield Measured("smoke", "fixed lesion", "voxels of the background that change", int(changed))
    found = measure_histogram(result, inside)
    off = np.abs(found - np.tile([0.125, 0.0], 8)).max()
    yield Measured("smoke", "fixed lesion", "histogram of 8 levels", float(off))


def _batch(number: int, device: str) -> dict[str, Tensor]:
    """Discs whose fluid is the lesion, its level drawn, told by its histogram."""
    generator = torch.Generator().manual_seed(number + 7)
    count, side = 8, 24
    image, _ = discs(count, side, number + 10_000)
    mask = (image == -0.6).float()
    level = torch.rand(count, 1, 1, 1, generator=generator) * 1.6 - 0.8
    x0 = torch.where(mask > 0, level + 0.05 * torch.randn(image.shape, generator=generator), image)
    noise = torch.randn(image.shape, generator=generator)
    t = torch.rand(count, generator=generator)
    s = t[:, None, None, None]
    told = np.stack(
        [measure_histogram(a, m) for a, m in zip(x0.numpy(), mask.numpy(), strict=True)]
    )
    parts = {"x0": x0, "x": (1 - s) * x0 + s * noise, "noise": noise, "mask": mask, "t": t,
             "level": torch.from_numpy(told).float()}  # fmt: skip
    return {name: value.to(device) for name, value in parts.items()}
