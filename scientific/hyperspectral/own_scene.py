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
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.processes.process import start
from undrift.common.training.drawn import Drawn
from undrift.common.training.recipe import Recipe
from undrift.common.wishes import Wishes
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube
from undrift.scientific.hyperspectral.learned import (
    Array,
    CubeModel,
    denoise_cube,
    open_cube_model,
)
from undrift.scientific.hyperspectral.samples import scales


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
class OwnScene(Drawn):
    """Patches of noisy coefficients (k, rows, columns); items as of `Coefficients`.

    The first half of x0 is the second noisy image, never a clean one. stacked: of a noisy image,
    the guesses and itself, see `CubeModel`.
    """

    images: Array
    stacked: Callable[[Array], Array]
    alpha: float = 0.6
    patch: int = 64
    seed: int = 0
    length: int = 2**31 - 1

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        sides = [min(self.patch, side) for side in self.images.shape[1:]]
        first = [
            int(rng.integers(there - side + 1))
            for there, side in zip(self.images.shape[1:], sides, strict=True)
        ]
        box = (slice(None), *(slice(f, f + side) for f, side in zip(first, sides, strict=True)))
        turn = (slice(None), *(slice(None, None, int(rng.choice([-1, 1]))) for _ in range(2)))
        v = self.images[box][turn] * rng.choice([-1.0, 1.0], (len(self.images), 1, 1))
        y, other = pair(v, rng.standard_normal(v.shape), self.alpha)
        both = self.stacked(y)
        x0, noise, half = both.copy(), np.zeros(both.shape), len(both) // 2
        x0[: len(v)] = other
        noise[:half] = rng.standard_normal(noise[:half].shape)
        level = np.zeros(half)
        level[: len(v)] = scales(self.images / np.sqrt(1 + self.alpha**2))
        parts = {"x0": x0, "y": both, "noise": noise, "level": level}
        made = {k: torch.from_numpy(np.ascontiguousarray(p, np.float32)) for k, p in parts.items()}
        return made | {"u": torch.tensor(rng.random(dtype=np.float32))}


def pair(v: Array, z: Array, alpha: float) -> tuple[Array, Array]:
    """y and w of the module's docstring."""
    c = np.sqrt(1 + alpha**2)
    return (v + alpha * z) / c, (v - z / alpha) / c


def open_samples(recipe: Recipe) -> OwnScene:
    """The scene of a recipe but for its held rows, by the model that the recipe starts from."""
    settings, images, model = _images(recipe)
    kept = images[:, : images.shape[1] - _held(settings, images)]
    return OwnScene(kept, model.stacked, settings.alpha, settings.patch, recipe.schedule.seed)


def noisy_error(
    denoiser: Denoiser, batch: dict[str, Tensor], recipe: Recipe, iteration: int
) -> Tensor:
    """|f(y) - w|^2, in one call at t = 1; the state holds nothing of w."""
    y = batch["y"]
    state = start(denoiser.process, y, batch["noise"])
    return (denoiser(state, 1.0, y, batch["level"]).x0 - batch["x0"]).float().square().mean()


def open_validation(recipe: Recipe) -> Callable[[Denoiser, Path], dict[str, float]]:
    """The error on the held rows in units of the noise, of the start and of what came of it."""
    settings, images, model = _images(recipe)
    held = images[:, -_held(settings, images) :]
    begun = held_error(model.once.model.denoiser, held, model.stacked, settings.alpha)

    def measured(denoiser: Denoiser, folder: Path) -> dict[str, float]:
        return {"start": begun, "now": held_error(denoiser, held, model.stacked, settings.alpha)}

    return measured


def held_error(
    denoiser: Denoiser,
    images: Array,
    stacked: Callable[[Array], Array],
    alpha: float,
    draws: int = 4,
) -> float:
    """An unbiased estimate of the mean squared error on noisy images (k, rows, columns)."""
    total = 0.0
    for draw in range(draws):
        z = np.random.default_rng([draw, 3]).standard_normal(images.shape)
        first, other = pair(images, z, alpha)
        both = stacked(first)
        y = torch.from_numpy(both.astype(np.float32))[None]
        level = torch.from_numpy(scales(both[len(both) // 2 :]))[None]
        with torch.no_grad():
            after = denoiser(start(denoiser.process, y, torch.zeros_like(y)), 1.0, y, level).x0
        total += float(((after[0, : len(images)].double().numpy() - other) ** 2).mean())
    return total / draws - (1 + alpha**-2) / (1 + alpha**2)


def _held(settings: OwnSettings, images: Array) -> int:
    return max(1, round(settings.held * images.shape[1]))


def _images(recipe: Recipe) -> tuple[OwnSettings, Array, CubeModel]:
    """Coefficients of the scene (k, rows, columns), and the model that the recipe starts from."""
    settings = load(OwnSettings, recipe.data, "data")
    if not settings.scene or not recipe.start:
        raise InputError("data.scene and start: expected the path of a cube and a model's name")
    model = open_cube_model(recipe.start, Wishes(device="cpu"), 1)
    cube = open_cube(settings.scene)
    noisy = denoise_cube(Cube(cube.array), model).found.noisy
    return settings, noisy[: model.signal.channels], model
