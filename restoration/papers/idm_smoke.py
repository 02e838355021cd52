"""The smoke run of IDM: three steps of the shipped denoiser, trained for one operator.

Training pictures come from seed 1 of the generator, the others from seed 2. The untrained rival
is DDNM with the same denoiser, start and times.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.grids import by_angle
from undrift.common.metrics.fidelity import psnr
from undrift.common.operators.blocks import BlockSample
from undrift.common.posterior.idm import Unrolled, train_unrolled
from undrift.common.posterior.proximal import DDNM
from undrift.common.reproduce.paper import FALL, STEPS, Measured, Task
from undrift.common.solvers import DDIM
from undrift.common.solvers.loop import run_plan
from undrift.common.weights.files import load_denoiser
from undrift.common.weights.model import find_weights

MODEL, CALLS, ITERATIONS = "leaves-denoise", 3, 200
_SIDE, _BLOCK, _RATE, _PICTURES, _BATCH = 32, 8, 0.25, 64, 8


def crops(folder: Path, seed: int, count: int) -> Tensor:
    """Synthetic pictures, (count, 3, 32, 32) in [0, 1]."""
    from undrift.restoration.leaves import make_bank

    found = np.load(make_bank(count, _SIDE, seed, folder))
    return torch.from_numpy(found.transpose(0, 3, 1, 2) / np.float32(255)).float()


def measure(task: Task) -> Iterator[Measured]:
    """Trains, then restores the pictures of the other seed."""
    denoiser, settings = load_denoiser(find_weights(MODEL), task.device)
    operator = BlockSample((3, _SIDE, _SIDE), _RATE, _BLOCK).to(task.device)
    times = by_angle(denoiser.process, CALLS, settings.scaling.sigma_d)
    known, fresh = (crops(task.folder, s, _PICTURES).to(task.device) for s in (1, 2))
    y = operator(fresh)
    untrained = _ddnm(denoiser, operator, times, y)
    rivals = {"A^+ y": operator.pinv(y), "DDNM with as many calls": untrained}
    model = Unrolled(denoiser.requires_grad_(True), operator, times).to(task.device)
    before = _loss(model, fresh)
    task.say(f"idm: {ITERATIONS} training steps, about a minute on a CPU")
    losses = train_unrolled(model, _batches(known), ITERATIONS, rate=5e-4)
    yield Measured("smoke", *STEPS, len(losses))
    yield Measured("smoke", *FALL, before / _loss(model, fresh))
    with torch.no_grad():
        found = _quality(model(y), fresh)
    for name, rival in rivals.items():
        yield Measured("smoke", "trained", f"dB above {name}", found - _quality(rival, fresh))


def _ddnm(denoiser: Denoiser, operator: BlockSample, times: tuple[float, ...], y: Tensor) -> Tensor:
    method = DDNM(denoiser, denoiser.process, operator, y, 0.0, denoiser.scaling.sigma_d)
    a, _ = method.ends_at(times[0])
    plan = DDIM().plan(denoiser.process, times)
    with torch.no_grad():
        return run_plan(method, a * operator.adjoint(y), plan)


def _batches(pictures: Tensor) -> Iterator[Tensor]:
    """Random ones, turned at random, for ever."""
    generator = torch.Generator().manual_seed(0)
    while True:
        chosen = torch.randint(len(pictures), (_BATCH,), generator=generator)
        turn = int(torch.randint(4, (), generator=generator))
        yield torch.rot90(pictures[chosen.to(pictures.device)], turn, (2, 3))


def _loss(model: Unrolled, x0: Tensor) -> float:
    with torch.no_grad():
        return float((model(model.operator(x0)) - x0).abs().mean())


def _quality(x: Tensor, x0: Tensor) -> float:
    """Mean PSNR in dB."""
    values = psnr(x.clamp(0, 1).cpu(), x0.cpu(), data_range=1.0)
    return float(np.mean(values))
