"""What the general training loop asks of this domain: samples, and validation on photographs.

`data` in a recipe names a source: the synthetic `leaves` bank, made once and cached, or the user's
own folder (clean pictures, or clean/ and degraded/). `validation` names a data card; the test card
is refused, so that no checkpoint can be chosen on test pictures.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict, load
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.files import cache_folder, write_atomically
from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.common.processes.process import time_of_angle
from undrift.common.training.recipe import Recipe
from undrift.restoration.data import Crops, Scales
from undrift.restoration.degrade import bicubic, quantise

TEST_CARD = "skimage-photos"


class LeavesSource(Strict):
    """A bank of `count` synthetic pictures of `size` pixels; see `undrift.restoration.leaves`."""

    kind: Literal["leaves"] = "leaves"
    count: int = Field(1536, gt=0)
    size: int = Field(256, ge=64)
    seed: int = Field(1, ge=0)


class FolderSource(Strict):
    """The user's own pictures."""

    kind: Literal["folder"]
    path: str


class ScaleSettings(Strict):
    """See `undrift.restoration.data.Scales`."""

    whole: list[int] = [2, 3, 4]
    real: tuple[float, float] = (2.0, 4.0)
    real_probability: float = Field(0.5, ge=0, le=1)


class DataSettings(Strict):
    """The section `data` of a recipe of this domain."""

    source: LeavesSource | FolderSource = Field(discriminator="kind")
    crop: int = Field(64, ge=16)
    grey: float = Field(0.25, ge=0, le=1)
    scales: ScaleSettings = ScaleSettings()


class ValidationSettings(Strict):
    """The section `validation`: a card, the central crop scored, and the degradations."""

    card: str = "wheel-photos"
    crop: int = 192
    sigmas: list[float] = [15, 25, 50]
    scale: float = 4.0


def open_data(settings: dict[str, object], task: str, seed: int) -> Crops:
    """Opens the samples of a recipe, making the synthetic bank if it is not cached yet."""
    data = load(DataSettings, settings, "data")
    source = data.source
    if isinstance(source, LeavesSource):
        from undrift.restoration.leaves import make_bank

        folder = cache_folder() / "leaves"
        path = make_bank(source.count, source.size, source.seed, folder, workers=2)
    else:
        path = Path(source.path)
    scales = Scales(data.scales.whole, data.scales.real, data.scales.real_probability)
    return Crops(path, task, data.crop, seed, data.grey, scales)


def open_validation(
    settings: dict[str, object], recipe: Recipe
) -> Callable[[Denoiser, Path], dict[str, float]]:
    """Returns a function that scores a denoiser and writes before/after strips into a folder.

    Raises InputError if the card is the one that results are reported on.
    """
    chosen = load(ValidationSettings, settings, "validation")
    if chosen.card == TEST_CARD:
        raise InputError(f"validation.card: {TEST_CARD} is for reporting; choose another card")

    def validate(denoiser: Denoiser, folder: Path) -> dict[str, float]:
        cases = _denoising(chosen, denoiser) if recipe.task == "denoise" else _enlarging(chosen)
        scores: dict[str, list[float]] = {}
        strips: dict[str, list[np.ndarray]] = {}
        for label, x0, state, time, y, level in cases:
            estimate = denoiser(state, time, y, level).x0
            scores.setdefault(label, []).append(float(psnr(estimate[0], x0[0], data_range=1.0)))
            shown = state if y is None else y
            strips.setdefault(label, []).append(_strip(shown, estimate, x0))
        for label, rows in strips.items():
            _save(folder / f"{label}.png", np.concatenate(rows[:6], axis=0))
        return {label: round(sum(values) / len(values), 3) for label, values in scores.items()}

    return validate


def _crops(settings: ValidationSettings) -> list[tuple[str, Tensor]]:
    from undrift.restoration.photos import load_photos

    crops = []
    for name, picture in load_photos(settings.card):
        side = settings.crop
        top, left = (max(0, (n - side) // 2) for n in picture.shape[-2:])
        x = torch.from_numpy(picture[:, top : top + side, left : left + side].copy())
        crops.append((name, x[None].expand(1, 3, -1, -1).contiguous()))
    return crops


def _denoising(settings: ValidationSettings, denoiser: Denoiser) -> list[tuple]:
    cases = []
    for name, x0 in _crops(settings):
        grey = bool((x0[:, :1] == x0).all())
        for sigma in settings.sigmas:
            rho, sigma_d = sigma / 255, denoiser.scaling.sigma_d
            psi = torch.tensor(math.atan(rho / sigma_d), dtype=torch.float64)
            time = time_of_angle(denoiser.process, psi, sigma_d)
            noise = Noise(0, name)(x0[:, :1].shape if grey else x0.shape)
            state = denoiser.process.a(time).float() * (x0 + rho * noise)
            cases.append((f"sigma{sigma:g}", x0, state, time, None, None))
    return cases


def _enlarging(settings: ValidationSettings) -> list[tuple]:
    cases = []
    level = torch.tensor([[math.log2(settings.scale) / 2]])
    for _, x0 in _crops(settings):
        height, width = (int(n // settings.scale * settings.scale) for n in x0.shape[-2:])
        x0 = x0[..., :height, :width]
        small = (round(height / settings.scale), round(width / settings.scale))
        y = bicubic(quantise(bicubic(x0, small)), (height, width))
        cases.append((f"x{settings.scale:g}", x0, y, 1.0, y, level))
    return cases


def _strip(*pictures: Tensor) -> np.ndarray:
    row = torch.cat([p[0].clamp(0, 1) for p in pictures], dim=-1)
    return (row.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


def _save(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    write_atomically(path, lambda part: Image.fromarray(pixels).save(part))
