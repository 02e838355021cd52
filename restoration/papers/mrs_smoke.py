"""The smoke run of MRS: a small mean-reverting model learns to brighten synthetic pictures.

Low light is the first of the two tasks in the paper's figure. y = 0.8 (0.95 x0)^2.2 is the curve of
Lv et al. (2021, "Attention guided low-light image enhancement") with its factors fixed. Training
pictures come from seed 1 of the generator, the sampled one from seed 2.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.common.processes.process import start
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.smoke import train_briefly
from undrift.common.solvers.loop import run_plan
from undrift.restoration.papers.mrs_protocol import PROCESS, methods

RECIPE = Path(__file__).with_name("mrs_smoke.yaml")
ROWS = (
    "posterior as published",
    "posterior, whole steps",
    "MR Sampler-1, ODE",
    "MR Sampler-2, SDE",
)
SMOKE_CALLS = (5, 10)
_PICTURES, _SIZE = 24, 128


def darken(x0: np.ndarray) -> np.ndarray:
    """Low light, uint8 to uint8."""
    return np.rint(255 * 0.8 * (0.95 * x0 / 255) ** 2.2).astype(np.uint8)


def make_pairs(folder: Path) -> Path:
    """Writes the pairs that are trained on, as files, and returns their folder."""
    from PIL import Image

    from undrift.restoration.leaves import make_bank

    pairs = folder / "pairs"
    for kind in ("clean", "degraded"):
        (pairs / kind).mkdir(parents=True)
    for k, picture in enumerate(np.load(make_bank(_PICTURES, _SIZE, 1, folder))):
        Image.fromarray(picture).save(pairs / "clean" / f"{k:02d}.png")
        Image.fromarray(darken(picture)).save(pairs / "degraded" / f"{k:02d}.png")
    return pairs


def fixed_pair(folder: Path) -> tuple[Tensor, Tensor]:
    """(x0, y), each (1, 3, h, w) in [0, 1]: a picture that is not trained on."""
    from undrift.restoration.leaves import make_bank

    picture = np.load(make_bank(1, _SIZE, 2, folder))
    clean, dark = (
        torch.from_numpy(v.transpose(0, 3, 1, 2) / np.float32(255))
        for v in (picture, darken(picture))
    )
    return clean.float(), dark.float()


def measure_smoke(task: Task, assignments: tuple[str, ...] = ()) -> Iterator[Measured]:
    """Trains, then samples the fixed pair with the paper's samplers."""
    source = f"data.source.path={make_pairs(task.folder)}"
    task.say("mrs: 240 training steps, about half a minute on a CPU")
    trained = train_briefly(RECIPE, task.folder / "run", task.device, (source, *assignments))
    yield from trained.measured("smoke")
    x0, y = fixed_pair(task.folder)
    plans, denoiser = methods(), trained.denoiser.with_process(PROCESS)  # the hundred steps
    for row in ROWS:
        for n in SMOKE_CALLS:
            value = _quality(denoiser, plans[row](n), x0, y, task.device)
            yield Measured("smoke", row, f"{n} calls", value)


def _quality(denoiser: Denoiser, steps: list, x0: Tensor, y: Tensor, device: str) -> float:
    noise = Noise(0, "mrs", 0)

    def draw(index: int) -> Tensor:
        return noise(tuple(x0.shape), index, device=device)

    with torch.inference_mode():
        begin = start(denoiser.process, y.to(device), draw(0))
        level = torch.zeros(1, 1, device=device)
        x = run_plan(denoiser, begin, steps, y=y.to(device), level=level, draw=draw)
    return float(psnr(x[0].cpu().clamp(0, 1), x0[0], data_range=1.0))
