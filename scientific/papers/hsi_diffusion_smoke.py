"""The smoke run of HSI-Diffusion: its three stages as this package fills them, on small scenes.

Stage 2 learns from clean made-up scenes with white noise of any size, stage 3 from a scene with the
faults of FINCH, which it reads from a file and never sees clean. Codes are four images a cube.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.losses import output_error
from undrift.common.networks.scaled_channels import ScaledChannels
from undrift.common.processes.process import marginal, start
from undrift.common.processes.residual_shift import ResidualShift
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.reproduce.small import train
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
from undrift.scientific.hyperspectral.eigen_images import total_variation
from undrift.scientific.hyperspectral.low_rank import separate
from undrift.scientific.hyperspectral.metrics import mpsnr, sam
from undrift.scientific.hyperspectral.noise.cases import add_gaussian
from undrift.scientific.hyperspectral.noise.finch import add_finch
from undrift.scientific.hyperspectral.own_scene import OwnScene, held_error, noisy_error
from undrift.scientific.hyperspectral.samples import scales
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import visible
from undrift.scientific.hyperspectral.subspace import signal_subspace

Array = np.ndarray
_CODES, _SIDE, _PATCH, _SCENES, _FINER = 4, 64, 32, 6, 60
_HELD = 16  # rows of the scene that only measure
_PROCESS = ResidualShift(kappa=0.4, first=0.04, last=0.99, power=0.3, knee=0.25)


def smoke(task: Task) -> Iterator[Measured]:
    """Whole numbers, then the stages."""
    yield from _fixed()
    yield Measured("smoke", "stage 1", "codes and back, error", _there_and_back())
    task.say("hsi-diffusion: made-up scenes")
    banks = [codes(seed) for seed in range(_SCENES)]
    torch.manual_seed(0)
    network = ScaledChannels(_CODES, 24, 2, (24, 32), (1, 1)).to(task.device)
    denoiser = Denoiser(network, _PROCESS, "x0", Scaling(0.4, 0.0, 1.0))
    task.say("hsi-diffusion: 200 training steps of stage 2")

    def loss_of(batch: dict[str, Tensor]) -> Tensor:
        x = marginal(_PROCESS, batch["x0"], batch["y"], batch["t"], batch["noise"])
        out = denoiser.output(x.float(), batch["t"], batch["y"], batch["level"])
        target = denoiser.target(batch["x0"], batch["t"], batch["y"], batch["noise"])
        return output_error(out, target, "l2").mean()

    trained = train(network, loss_of, lambda k: _batch(banks, k, task.device), 1e-3)
    yield from trained.measured("smoke")
    ratio = _gain(denoiser, _batch(banks, -1, task.device))
    yield Measured("smoke", "stage 2", "squared error over the guess's", ratio)
    task.say("hsi-diffusion: stage 3 on a scene of its own")
    ratio = finer(denoiser.cpu(), write_scene(task.folder / "scene.hdr"))
    yield Measured("smoke", "stage 3", "error on held rows over the start's", ratio)


def codes(seed: int) -> Array:
    """(3, codes, rows, columns): noisy, true and guessed codes of a scene with white noise."""
    clean = _made(seed)
    sigma = float(np.exp(np.random.default_rng([seed, 5]).uniform(1.6, 4.0)))
    noisy = add_gaussian(clean.array, sigma, seed)
    space = signal_subspace(noisy.cube.astype(np.float64), noisy.sigma, _CODES, _CODES)
    images = space.coefficients(noisy.cube.astype(np.float64))
    truth = space.coefficients(clean.array.astype(np.float64))
    return np.stack([images, truth, total_variation(images)]).astype(np.float32)


def stacked(images: Array) -> Array:
    """(2 codes, rows, columns): guesses and the noisy images, 0 where there are fewer."""
    both = np.zeros((2, _CODES, *images.shape[1:]))
    both[0, : len(images)], both[1, : len(images)] = total_variation(images), images
    return both.reshape(-1, *images.shape[1:])


def finer(denoiser: Denoiser, path: Path) -> float:
    """Stage 3: the error on held rows after some steps on the others, over that before."""
    cube = Cube(open_cube(path).array)
    images = separate(cube, total_variation, 3, _CODES).noisy
    held = images[:, -_HELD:]
    before = held_error(denoiser, held, stacked, 0.6)
    own = OwnScene(images[:, :-_HELD], stacked, 0.6, _PATCH)
    optimizer = torch.optim.Adam(denoiser.network.parameters(), 1e-3)
    for step in range(_FINER):
        items = [own[4 * step + k] for k in range(4)]
        batch = {name: torch.stack([item[name] for item in items]) for name in items[0]}
        loss = noisy_error(denoiser, batch, cast(Any, None), step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return held_error(denoiser, held, stacked, 0.6) / before


def write_scene(path: Path) -> Path:
    """A made-up scene with the faults of FINCH, its stripes a third as strong as there."""
    clean = _made(50)
    save_cube(clean.with_array(add_finch(clean.array, 0.1, seed=3).cube), path)
    return path


def _made(seed: int) -> Cube:
    return scene(_SIDE, _SIDE, visible(), seed)


def _fixed() -> Iterator[Measured]:
    """Eight flat bands, and two of eight columns a tenth too bright in all of them."""
    truth = np.full((8, 8, 8), 0.5)
    made = truth.copy()
    made[..., :2] += 0.1
    yield Measured("smoke", "fixed pair", "MPSNR", mpsnr(truth, made))
    yield Measured("smoke", "fixed pair", "SAM", sam(truth, made))


def _there_and_back() -> float:
    """The largest error of a cube of three spectra after its codes and back."""
    i, j = np.mgrid[:12, :12]
    pure = np.stack([(i * j) % 7, (3 * i + j) % 5, (i + 2 * j) % 4]) / 8.0
    spectra = ((np.arange(9)[:, None] + 1) * (np.arange(3) + 2) % 5 + 1) / 5.0
    cube = np.tensordot(spectra, pure, 1)
    space = signal_subspace(cube, np.full(9, 0.01), _CODES)
    return float(abs(space.cube(space.coefficients(cube)) - cube).max())


@torch.no_grad()
def _gain(denoiser: Denoiser, batch: dict[str, Tensor]) -> float:
    """Of one call at t = 1, against the guesses it is given."""
    y, wanted = batch["y"], batch["x0"][:, :_CODES]
    state = start(_PROCESS, y, torch.zeros_like(y))
    made = denoiser(state, 1.0, y, batch["level"]).x0[:, :_CODES]
    errors = [(value - wanted).square().mean() for value in (made, y[:, :_CODES])]
    return float(errors[0] / errors[1])


def _batch(banks: list[Array], number: int, device: str) -> dict[str, Tensor]:
    """Eight patches of codes, mirrored; noise and times. The number -1: of the last scene."""
    rng = np.random.default_rng([number + 2, 57])
    parts: dict[str, list[Array]] = {name: [] for name in ("x0", "y", "noise", "level")}
    for _ in range(8):
        last = len(banks) - 1
        bank = banks[last if number < 0 else int(rng.integers(last))]
        top, left = (int(rng.integers(_SIDE - _PATCH + 1)) for _ in range(2))
        flips, signs = rng.choice([-1, 1], 2), rng.choice([-1.0, 1.0], (_CODES, 1, 1))
        box = bank[:, :, top : top + _PATCH, left : left + _PATCH]
        noisy, truth, guess = signs * box[..., :: int(flips[0]), :: int(flips[1])]
        noise = rng.standard_normal((2 * _CODES, _PATCH, _PATCH))
        noise[_CODES:] = 0
        parts["x0"].append(np.concatenate([truth, noisy]))
        parts["y"].append(np.concatenate([guess, noisy]))
        parts["noise"].append(noise)
        parts["level"].append(scales(bank[0]))
    made = {name: np.stack(arrays).astype(np.float32) for name, arrays in parts.items()}
    late = rng.random(8) < 0.6
    made["t"] = np.where(late, 1.0, rng.random(8)).astype(np.float32)
    return {name: torch.from_numpy(value).to(device) for name, value in made.items()}
