"""SelfRDB: PSNR and SSIM of translated volumes by the paper's protocol, and the smoke run."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.networks.local_nafnet3d import LocalNAFNet3d
from undrift.common.noise import Noise
from undrift.common.processes import SelfRDB
from undrift.common.processes.process import start
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.small import train
from undrift.common.solvers import ancestral
from undrift.common.solvers.loop import run_plan
from undrift.medical.papers.small import discs
from undrift.medical.volumes.files import read_volume

_SIDE, _COUNT = 24, 8
_CARDS = {"ixi": "ixi", "brats": "brats"}


def slice_scores(truth: npt.NDArray, found: npt.NDArray) -> dict[str, float]:
    """Means over axial slices (the last axis) with a signal, after division by their means.

    PSNR in dB and SSIM, both with the range of the true slice's maximum.
    """
    from skimage.metrics import structural_similarity

    rows = []
    for k in range(truth.shape[-1]):
        one, two = (v[..., k].astype(np.float64) for v in (truth, found))
        if not one.max() > 0 or not two.max() > 0:
            continue
        one, two = one / one.mean(), two / two.mean()
        likeness: Any = structural_similarity(one, two, data_range=one.max())
        rows.append((psnr(one, two), float(likeness)))
    if not rows:
        raise InputError("no slice has a signal; there is nothing to score")
    first, second = np.mean(rows, 0)
    return {"PSNR": float(first), "SSIM": float(second)}


def psnr(truth: npt.NDArray, found: npt.NDArray) -> float:
    """dB, with the range of the true maximum; infinite where nothing differs."""
    error = float(((truth - found) ** 2).mean())
    return 10 * math.log10(float(truth.max()) ** 2 / error) if error else math.inf


def pairs(task: Task) -> Iterator[Measured]:
    """Results against the card's folder, by equal names."""
    for table in task.tables:
        truth = cache_folder() / "papers" / _CARDS[table]
        made = cache_folder() / "papers" / "selfrdb" / table
        rows = []
        for path in sorted(made.glob("*.nii*")):
            target = truth / path.name
            if not target.is_file():
                raise InputError(f"{path}: no {target}; name results like the true volumes")
            rows.append(slice_scores(read_volume(target).array, read_volume(path).array))
        if not rows:
            raise InputError(f"{made} holds no .nii or .nii.gz; put translated volumes there")
        for column in ("PSNR", "SSIM"):
            yield Measured(table, "SelfRDB", column, float(np.mean([r[column] for r in rows])))


def smoke(task: Task) -> Iterator[Measured]:
    """An offset's PSNR, a training on heads of ellipses, and ten steps for others."""
    ramp = np.arange(1, 257, dtype=np.float64).reshape(16, 16) / 256
    yield Measured("smoke", "fixed pair", "PSNR", psnr(ramp, ramp + 0.1))
    task.say("selfrdb: 200 training steps of a small network")
    torch.manual_seed(0)
    network = LocalNAFNet3d(2, 1, 2, (16, 32), (1, 1)).to(task.device)
    process = SelfRDB()
    denoiser = Denoiser(network, process, "x0", Scaling(0.8, 0.0, 0.7))

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        return (denoiser(batch["x"], batch["t"], batch["y"]).x0 - batch["x0"]).abs().mean()

    trained = train(network, loss_of, lambda k: _batch(process, k, task.device))
    yield from trained.measured("smoke")
    y, x0 = (v.to(task.device) for v in discs(_COUNT, _SIDE, 99_999))
    plan = ancestral().plan(process, [i / 10 for i in range(10, -1, -1)])
    noise = Noise(0, "selfrdb")

    def draw(k: int) -> Tensor:
        return noise((1, _COUNT, _SIDE, _SIDE), k)[0][:, None].to(task.device)

    with torch.inference_mode():
        made = run_plan(denoiser, start(process, y, draw(0), 1.0), plan, y=y, draw=draw)
    nearer = float((y - x0).square().mean() / (made - x0).square().mean())
    yield Measured("smoke", "sampled", "dB nearer than the source", 10 * math.log10(nearer))


def _batch(process: SelfRDB, number: int, device: str) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(number + 3)
    y, x0 = discs(_COUNT, _SIDE, number + 20_000)
    t = (torch.randint(1, 11, (_COUNT,), generator=generator) / 10).double()
    a, b, s = (f(t).float()[:, None, None, None] for f in (process.a, process.b, process.s))
    x = a * x0 + b * y + s * torch.randn(y.shape, generator=generator)
    return {name: v.to(device) for name, v in {"x0": x0, "y": y, "x": x, "t": t}.items()}
