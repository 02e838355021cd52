"""Validation during training: one network call on pictures that are not trained on, scored by PSNR.

The pictures are those of a data card or of the user's own folder. The test card is refused, so that
no checkpoint can be chosen on test pictures.
"""

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.files import write_atomically
from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.common.processes.process import time_of_angle
from undrift.common.resize import bicubic
from undrift.restoration.chains.chain import Chain
from undrift.restoration.chains.draw import draw_chain
from undrift.restoration.chains.settings import UNKNOWN, Mixture
from undrift.restoration.chains.steps import Compressed
from undrift.restoration.data import CHAINS, history_of, kept_size
from undrift.restoration.degrade import quantise
from undrift.restoration.photos import load_photos
from undrift.restoration.sources import Folder, Pairs

TEST_CARD = "skimage-photos"
_ROWS = 6  # pictures shown of each degradation


class ValidationSettings(Strict):
    """A card, or a folder of the user's own; the central crop scored; and the degradations.

    path: pictures, or clean/ and degraded/ for the task "paired"; it wins over the card.
    sigmas: for "denoise", on the 0..255 scale. scale: for "sr". "blind" and "jpeg" have JPEG of
    three qualities, "blind" also one chain of each other part of `chains.settings.UNKNOWN`; the
    other tasks one chain of their degradation a picture, always the same.
    """

    card: str = "wheel-photos"
    path: str | None = None
    crop: int = Field(192, ge=16)
    sigmas: list[float] = Field([15, 25, 50], min_length=1)
    scale: float = Field(4.0, ge=1)


@dataclass(frozen=True)
class Case:
    """One call of the denoiser and the clean picture x0 it is compared with; (1, 3, h, w)."""

    label: str
    x0: Tensor
    state: Tensor
    time: Tensor | float
    y: Tensor | None = None
    level: Tensor | None = None

    def estimate(self, denoiser: Denoiser, device: torch.device) -> Tensor:
        """The denoiser's x0."""
        y = None if self.y is None else self.y.to(device)
        level = None if self.level is None else self.level.to(device)
        return denoiser(self.state.to(device), self.time, y, level).x0


@dataclass(frozen=True)
class Validation:
    """Call it with a denoiser and a folder; raises InputError if it cannot serve the task."""

    settings: ValidationSettings
    task: str
    degradation: str | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        path = self.settings.path
        history_of(self.task, self.degradation)  # now, not in an hour: can it be?
        if path is None and self.task == "paired":
            raise InputError("validation.path: missing; a paired task needs held-out pairs")
        if path is None and self.settings.card == TEST_CARD:
            raise InputError(f"validation.card: {TEST_CARD} is for reporting; choose another card")
        if path is not None and not Path(path).expanduser().is_dir():
            raise InputError(f"validation.path: {path} is not a folder")
        if path is None:
            load_photos(self.settings.card)  # now, not in an hour: are they here?

    def __call__(self, denoiser: Denoiser, folder: Path) -> dict[str, float]:
        """Mean PSNR in dB of each degradation; writes one strip of pictures a degradation."""
        device = next(denoiser.parameters()).device
        scores: dict[str, list[float]] = {}
        strips: dict[str, list[np.ndarray]] = {}
        for case in self._cases(denoiser):
            x0 = case.estimate(denoiser, device).cpu()
            scores.setdefault(case.label, []).append(float(psnr(x0[0], case.x0[0], data_range=1.0)))
            shown = case.state if case.y is None else case.y
            strips.setdefault(case.label, []).append(_strip(shown, x0, case.x0))
        for label, rows in strips.items():
            _save(folder / f"{label}.png", np.concatenate(rows[:_ROWS], axis=0))
        return {label: round(sum(values) / len(values), 3) for label, values in scores.items()}

    def _cases(self, denoiser: Denoiser) -> Iterator[Case]:
        if self.task == "paired":
            yield from _pairs(self.settings)
            return
        for name, x0 in _crops(self.settings):
            if self.task == "sr":
                yield _enlarging(x0, self.settings.scale)
            elif self.task in CHAINS:
                yield from _spoilt(x0, self._chains(name, x0))
            else:
                yield from _denoising(name, x0, self.settings.sigmas, denoiser)

    def _chains(self, name: str, x0: Tensor) -> dict[str, Chain]:
        """The degradations of a picture by label, drawn from its name."""
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        size = (x0.shape[-2], x0.shape[-1])
        history = history_of(self.task, self.degradation)
        if history is not None and (self.degradation or self.task not in ("blind", "jpeg")):
            return {self.task: history.draw(size, rng)}
        chains = {f"jpeg{quality}": Chain((Compressed(quality),)) for quality in (10, 20, 40)}
        parts = [part for part in UNKNOWN.parts if part.name != "jpeg" and self.task == "blind"]
        return chains | {part.name: draw_chain(Mixture((part,)), size, 1.0, rng) for part in parts}


def _crops(settings: ValidationSettings) -> Iterator[tuple[str, Tensor]]:
    """Name and central crop of each picture, (1, 3, h, w)."""
    if settings.path is None:
        pictures = load_photos(settings.card)
    else:
        own = Folder(Path(settings.path).expanduser())
        pictures = ((own.name(k), own.pixels(k)) for k in range(len(own)))
    for name, picture in pictures:
        top, left, side = _centre(picture.shape[-2:], settings.crop)
        x = torch.from_numpy(picture[:, top : top + side, left : left + side].copy())
        yield name, x[None].expand(1, 3, -1, -1).contiguous()


def _centre(size: tuple[int, ...], side: int) -> tuple[int, int, int]:
    top, left = (max(0, (n - side) // 2) for n in size)
    return top, left, side


def _denoising(name: str, x0: Tensor, sigmas: list[float], denoiser: Denoiser) -> Iterator[Case]:
    grey = bool((x0[:, :1] == x0).all())
    for sigma in sigmas:
        rho, sigma_d = sigma / 255, denoiser.scaling.sigma_d
        psi = torch.tensor(math.atan(rho / sigma_d), dtype=torch.float64)
        time = time_of_angle(denoiser.process, psi, sigma_d)
        noise = Noise(0, name)(x0[:, :1].shape if grey else x0.shape)
        state = denoiser.process.a(time).float() * (x0 + rho * noise)
        yield Case(f"sigma{sigma:g}", x0, state, time)


def _spoilt(x0: Tensor, chains: Mapping[str, Chain]) -> Iterator[Case]:
    grey = bool((x0[:, :1] == x0).all())
    seen = x0[0, :1].numpy() if grey else x0[0].numpy()
    for label, chain in chains.items():
        y = torch.from_numpy(kept_size(chain(seen), seen))[None].expand_as(x0).contiguous()
        yield Case(label, x0, y, 1.0, y)


def _enlarging(x0: Tensor, scale: float) -> Case:
    height, width = (int(n // scale * scale) for n in x0.shape[-2:])
    x0 = x0[..., :height, :width]
    small = (round(height / scale), round(width / scale))
    y = bicubic(quantise(bicubic(x0, small)), (height, width))
    return Case(f"x{scale:g}", x0, y, 1.0, y, _level(scale))


def _pairs(settings: ValidationSettings) -> Iterator[Case]:
    pairs = Pairs(Path(settings.path or "").expanduser())
    for k in range(len(pairs)):
        s = pairs.scale(k)
        top, left, side = _centre(pairs.degraded.size(k), -(-settings.crop // s))
        y = torch.from_numpy(pairs.degraded.crop(k, top, left, side, side))[None]
        x0 = torch.from_numpy(pairs.clean.crop(k, s * top, s * left, s * side, s * side))[None]
        y = y if s == 1 else bicubic(y, (x0.shape[-2], x0.shape[-1]))
        yield Case("pairs", x0, y, 1.0, y, _level(s))


def _level(scale: float) -> Tensor:
    """The level vector of `restoration.data`, (1, 1)."""
    return torch.tensor([[math.log2(scale) / 2]])


def _strip(*pictures: Tensor) -> np.ndarray:
    row = torch.cat([p[0].clamp(0, 1) for p in pictures], dim=-1)
    return (row.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


def _save(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    write_atomically(path, lambda part: Image.fromarray(pixels).save(part))
