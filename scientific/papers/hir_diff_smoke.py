"""The smoke run of HIR-Diff: a small prior of triples of bands, and a made-up cube restored by it.

The cube is written and read as the authors' files lie. The pull of a value is that of the
published run, eta / n, whatever the size; the network is told sqrt(abar), as it is trained.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undrift.common.networks.sr3_unet import Sr3UNet
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.small import train
from undrift.scientific.hyperspectral.hir_diff.chain import restore, told_abar
from undrift.scientific.hyperspectral.hir_diff.factors import (
    choose_bands,
    coefficients,
    singular_vectors,
)
from undrift.scientific.hyperspectral.hir_diff.guidance import Guidance, edges
from undrift.scientific.hyperspectral.hir_diff.schedules import schedule
from undrift.scientific.hyperspectral.metrics import mpsnr
from undrift.scientific.hyperspectral.noise.cases import add_gaussian
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import near_infrared
from undrift.scientific.papers.hir_diff_files import read_problem
from undrift.scientific.papers.hir_diff_runs import _HOUSTON

_SIDE, _PATCH, _SCENES = 64, 32, 6
_EVERY = 4  # bands of the sensor that are kept: one in so many
_PULL1, _PULL2 = 0.087, 0.0017  # eta1 and eta2 of the published run over 46 bands of 256 x 256


def smoke(task: Task) -> Iterator[Measured]:
    """Whole numbers first, then the training and the chain."""
    yield from _fixed()
    path = write_cube(task.folder / _HOUSTON, 20)
    scenes = [_made(seed) for seed in range(_SCENES)]
    torch.manual_seed(0)
    network = Sr3UNet(3, 3, 16, (1, 2, 2), 1, (8,), 8, 0.0, _PATCH).to(task.device)
    abar = torch.from_numpy(schedule("linear")).float()
    task.say("hir-diff: 200 training steps of a small network")

    def batch(number: int) -> dict[str, Tensor]:
        return {k: v.to(task.device) for k, v in _batch(scenes, abar, number).items()}

    def loss_of(found: dict[str, Tensor]) -> Tensor:
        return (network(found["x"], found["level"]) - found["noise"]).square().mean()

    trained = train(network, loss_of, batch, 1e-3)
    yield from trained.measured("smoke")
    problem = read_problem(path)
    y = torch.from_numpy(problem.y).float().to(task.device)[None]
    loss = Guidance(y, _PULL1 * y.numel(), _PULL2 * y.numel(), weights=edges(y))
    network = network.eval().requires_grad_(False)
    *_, last = restore(problem.y, told_abar(network, root=True), loss, item="smoke")
    gain = mpsnr(problem.truth, last.result.double().cpu().numpy()) - mpsnr(
        problem.truth, problem.y
    )
    yield Measured("smoke", "sampled", "dB nearer than noisy", gain)


def _fixed() -> Iterator[Measured]:
    """A cube of twelve bands that are mixed from three of them; an offset."""
    i, j = np.mgrid[:16, :16]
    pure = np.stack([(i * j) % 7, (3 * i + j) % 5, (i + 2 * j) % 4]) / 8.0
    shares = np.full((12, 3), 0.25) + np.eye(3)[np.arange(12) % 3] * 0.25
    places = [2, 6, 11]
    shares[places] = np.eye(3)
    cube = np.tensordot(shares, pure, 1)
    vectors = singular_vectors(cube)
    chosen = choose_bands(vectors)
    found = len({*chosen.tolist()} & {*places})
    yield Measured("smoke", "pure bands", "found, of 3", found)
    made = np.tensordot(coefficients(vectors, chosen), cube[chosen], 1)
    yield Measured("smoke", "pure bands", "error of all others", float(abs(made - cube).max()))
    yield Measured("smoke", "fixed pair", "MPSNR", mpsnr(cube, cube + 0.1))


def write_cube(path: Path, seed: int) -> Path:
    """A made-up scene with noise of 50/255, as the authors' files lie."""
    from scipy.io import savemat

    clean = _made(seed)
    noisy = add_gaussian(clean, 50.0, seed).cube
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"input": noisy.transpose(1, 2, 0), "gt": clean.transpose(1, 2, 0)}
    savemat(path, {**arrays, "sigma": 50 / 255}, do_compression=True)
    return path


def _made(seed: int) -> np.ndarray:
    """(bands, rows, columns) float32 in [0, 1], the largest value 1."""
    array = scene(_SIDE, _SIDE, near_infrared(), seed).array[::_EVERY]
    return (array / array.max()).astype(np.float32)


def _batch(scenes: list[np.ndarray], abar: Tensor, number: int) -> dict[str, Tensor]:
    """Eight patches of three bands each, in [-1, 1], with noise of any level."""
    rng = np.random.default_rng([number + 2, 77])
    patches = []
    for _ in range(8):
        cube = scenes[int(rng.integers(len(scenes)))]
        bands = rng.choice(len(cube), 3, replace=False)
        top, left = (int(rng.integers(_SIDE - _PATCH + 1)) for _ in range(2))
        patches.append(cube[bands, top : top + _PATCH, left : left + _PATCH])
    x0 = torch.from_numpy(2 * np.stack(patches) - 1)
    noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
    kept = abar[torch.from_numpy(rng.integers(1, len(abar), 8))][:, None]
    share = kept[..., None, None]
    return {"x": share.sqrt() * x0 + (1 - share).sqrt() * noise, "noise": noise,
            "level": kept.sqrt()}  # fmt: skip
