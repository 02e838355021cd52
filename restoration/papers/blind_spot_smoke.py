"""The smoke runs of C-BSN and SDAP: a small network learns from noisy synthetic pictures alone.

The noise is correlated, as that of a camera after its processing: white noise averaged over two
pixels along each axis, of 50/255. Training pictures come from seed 1 of the generator, the pair
that is scored from seed 2; no clean picture is used in training.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.smoke import train_briefly
from undrift.restoration.self_supervised.denoiser import BlindSpotDenoiser

RECIPE = Path(__file__).with_name("blind_spot_smoke.yaml")
SDAP = ("data.method=sdap", "network.params.blind=true", "network.params.stride=2")
SIGMA = 50 / 255
_PICTURES, _SIZE = 8, 96


def camera_noise(item: str) -> Tensor:
    """(1, 3, h, w) of deviation 50/255, neighbours correlated by a half."""
    white = Noise(0, item)((1, 3, _SIZE + 1, _SIZE + 1))
    return SIGMA * torch.nn.functional.avg_pool2d(white, 2, 1) * 2


def pictures(folder: Path, seed: int, count: int) -> Tensor:
    """(count, 3, h, w) clean synthetic pictures in [0, 1]."""
    from undrift.restoration.leaves import make_bank

    found = np.load(make_bank(count, _SIZE, seed, folder))
    return torch.from_numpy(found.transpose(0, 3, 1, 2) / np.float32(255)).float()


def write_noisy(folder: Path) -> Path:
    """Writes the noisy pictures, as files of 8 bits, and returns their folder."""
    from PIL import Image

    noisy = folder / "noisy"
    noisy.mkdir(parents=True)
    for k, clean in enumerate(pictures(folder, 1, _PICTURES)):
        y = (clean + camera_noise(f"train {k}")[0]).clamp(0, 1)
        eight = (255 * y).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(eight).save(noisy / f"{k}.png")
    return noisy


def c_bsn(task: Task, assignments: tuple[str, ...] = ()) -> Iterator[Measured]:
    """The smoke table of C-BSN: open network, one pass."""
    yield from _measure(task, assignments)


def sdap(task: Task, assignments: tuple[str, ...] = ()) -> Iterator[Measured]:
    """The smoke table of SDAP: blind network on every second pixel."""
    yield from _measure(task, (*SDAP, *assignments))


def _measure(task: Task, assignments: tuple[str, ...]) -> Iterator[Measured]:
    source = f"data.source.path={write_noisy(task.folder)}"
    task.say("240 training steps on noisy pictures, about half a minute on a CPU")
    run = task.folder / "run"
    trained = train_briefly(RECIPE, run, task.device, (source, *assignments))
    yield from trained.measured("smoke")
    denoiser = BlindSpotDenoiser.load(run / "blind-spot-smoke.safetensors", task.device)
    clean = pictures(task.folder, 2, 1)
    noisy = clean + camera_noise("pair")
    before, after = (_quality(x, clean) for x in (noisy, denoiser(noisy)))
    yield Measured("smoke", "fixed pair", "dB above the noisy picture", after - before)


def _quality(x: Tensor, clean: Tensor) -> float:
    return float(psnr(x[0].clamp(0, 1), clean[0], data_range=1.0))
