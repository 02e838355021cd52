"""Stage 3: a model of cubes learns from the user's scene, of which no clean version exists.

In the subspace noise is white with deviation 1, by the noise report. So two images with independent
noise can be had of each noisy one v (Recorrupted-to-Recorrupted, Pang et al., CVPR 2021):

    y = (v + alpha z) / c,    w = (v - z / alpha) / c,    z white, c^2 = 1 + alpha^2

cov(y, w) = (1 - 1) / c^2 = 0, and the division keeps the noise of y at deviation 1, as the network
knows it. Then E|f(y) - w|^2 is the error of f plus a constant, (1 + alpha^-2) / c^2: the scene
teaches, and on rows that are held out it says how large the error is. That last figure is what to
look at: a scene of few pixels teaches its own noise if it is shown long enough.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.processes.process import start
from undrift.common.training.recipe import Recipe
from undrift.common.wishes import Wishes
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.learned import Array, denoise_cube, open_cube_model
from undrift.scientific.hyperspectral.samples import scales
from undrift.scientific.hyperspectral.signal import read_signal


class OwnSettings(Strict):
    """scene: the path of a cube. held: share of its rows, the last ones, that only measure.

    alpha: how much noise is added. patch: pixels a side, less where the scene is smaller.
    """

    kind: Literal["own-scene"]
    scene: str
    held: float = Field(0.25, gt=0, lt=0.9)
    alpha: float = Field(0.6, gt=0)
    patch: int = Field(64, ge=16)


@dataclass
class OwnScene(Dataset[dict[str, Tensor]]):
    """Patches of noisy coefficients (channels, rows, columns); items as of `Coefficients`.

    x0 is the second noisy image, never a clean one.
    """

    images: Array
    alpha: float = 0.6
    patch: int = 64
    seed: int = 0
    length: int = 2**31 - 1

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        if not 0 <= n < self.length:
            raise IndexError(f"item {n} of {self.length}")
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, n], np.uint64)))
        sides = [min(self.patch, side) for side in self.images.shape[1:]]
        first = [
            int(rng.integers(there - side + 1))
            for there, side in zip(self.images.shape[1:], sides, strict=True)
        ]
        box = (slice(None), *(slice(f, f + side) for f, side in zip(first, sides, strict=True)))
        turn = (slice(None), *(slice(None, None, int(rng.choice([-1, 1]))) for _ in range(2)))
        v = self.images[box][turn] * rng.choice([-1.0, 1.0], (len(self.images), 1, 1))
        z = rng.standard_normal(v.shape) * (abs(self.images).max((1, 2), keepdims=True) > 0)
        y, other = pair(v, z, self.alpha)
        parts: dict[str, npt.NDArray[Any]] = {
            "x0": other,
            "y": y,
            "noise": rng.standard_normal(v.shape),
        }
        parts["level"] = scales(self.images / np.sqrt(1 + self.alpha**2))
        made = {k: torch.from_numpy(np.ascontiguousarray(p, np.float32)) for k, p in parts.items()}
        return made | {"u": torch.tensor(rng.random(dtype=np.float32))}


def pair(v: Array, z: Array, alpha: float) -> tuple[Array, Array]:
    """y and w of the module's docstring."""
    c = np.sqrt(1 + alpha**2)
    return (v + alpha * z) / c, (v - z / alpha) / c


def open_samples(recipe: Recipe) -> OwnScene:
    """The scene of a recipe but for its held rows, by the model that the recipe starts from."""
    settings, images = _images(recipe)
    rows = images.shape[1] - _held(settings, images)
    return OwnScene(images[:, :rows], settings.alpha, settings.patch, recipe.schedule.seed)


def noisy_error(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
) -> Tensor:
    """|f(y) - w|^2, in one call at t = 1; the state holds nothing of w."""
    y = batch["y"]
    state = start(denoiser.process, y, batch["noise"])
    return (denoiser(state, 1.0, y, batch["level"]).x0 - batch["x0"]).float().square().mean()


def open_validation(recipe: Recipe) -> Callable[[Denoiser, Path], dict[str, float]]:
    """The error on the held rows in units of the noise, of the start and of what came of it."""
    settings, images = _images(recipe)
    held = images[:, -_held(settings, images) :]
    begun = open_cube_model(recipe.start, Wishes(device="cpu")).once.model.denoiser

    def measured(denoiser: Denoiser, folder: Path) -> dict[str, float]:
        found = {"start": held_error(begun, held, settings.alpha)}
        return found | {"now": held_error(denoiser, held, settings.alpha)}

    return measured


def held_error(denoiser: Denoiser, images: Array, alpha: float, draws: int = 8) -> float:
    """An unbiased estimate of the mean squared error on noisy images (channels, rows, columns)."""
    used = abs(images).max((1, 2)) > 0
    total = 0.0
    for draw in range(draws):
        z = np.random.default_rng([draw, 3]).standard_normal(images.shape) * used[:, None, None]
        y, other = (
            torch.from_numpy(part.astype(np.float32))[None] for part in pair(images, z, alpha)
        )
        level = torch.from_numpy(scales(y[0].numpy()))[None]
        state = start(denoiser.process, y, torch.zeros_like(y))
        with torch.no_grad():
            after = denoiser(state, 1.0, y, level).x0
        total += float((after - other)[0, torch.from_numpy(used)].square().mean())
    return total / draws - (1 + alpha**-2) / (1 + alpha**2)


def _held(settings: OwnSettings, images: Array) -> int:
    return max(1, round(settings.held * images.shape[1]))


def _images(recipe: Recipe) -> tuple[OwnSettings, Array]:
    """Coefficients of the scene, (channels, rows, columns), with empty channels where fewer."""
    settings, signal = load(OwnSettings, recipe.data, "data"), read_signal(recipe.signal)
    if not settings.scene or not recipe.start:
        raise InputError("data.scene and start: expected the path of a cube and a model's name")
    from undrift.scientific.hyperspectral.cubes.files import open_cube

    model = open_cube_model(recipe.start, Wishes(device="cpu"))
    found = denoise_cube(Cube(open_cube(settings.scene).array), model).found.noisy
    images = np.zeros((signal.channels, *found.shape[1:]))
    images[: len(found)] = found
    return settings, images
