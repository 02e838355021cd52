"""Training samples cut from clean pictures or pairs, each a pure function of (seed, n).

Item n draws everything from its own Philox stream of key (seed, n): whichever rank or worker asks
for it, in whatever order, before or after a resume, it is the same item.  A super-resolution item
cuts a larger window, shrinks, quantises and enlarges that, and cuts the crop from its inside, so
that no border of the window reaches the crop.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.resize import bicubic
from undrift.common.training.drawn import Drawn
from undrift.restoration.chains.recipes import History, inline_recipe
from undrift.restoration.degrade import quantise
from undrift.restoration.sources import Bank, Folder, Pairs, Together, is_paired

CHAINS = {
    "blind": "unknown", "jpeg": "jpeg", "deblur": "blur", "derain": "rain", "dehaze": "haze",
    "shadow": "shadow", "lowlight": "lowlight",
}  # fmt: skip
TASKS = ("denoise", "sr", "paired", *CHAINS)
_BORDER = 24  # pixels of a window that chains of degradations spoil
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


@dataclass(frozen=True)
class Scales:
    """How super-resolution items draw their scale: whole or real-valued, each uniformly."""

    whole: Sequence[int] = (2, 3, 4)
    real: tuple[float, float] = (2.0, 4.0)
    real_probability: float = 0.5

    def draw(self, rng: np.random.Generator) -> float:
        """One scale."""
        if rng.random() < self.real_probability:
            return float(rng.uniform(*self.real))
        return float(self.whole[int(rng.integers(len(self.whole)))])

    def window(self, crop: int) -> tuple[int, int]:
        """Side of the window to degrade and offset of the crop in it, pixels.

        Bicubic down and up together reach four times the scale.  Both results are multiples of
        every whole scale, so that the small pixels of the crop lie as in a whole picture.
        """
        phase = math.lcm(*self.whole)
        reach = math.ceil(4 * max(*self.whole, self.real[1])) + 1
        before = -(-reach // phase) * phase
        return -(-(before + crop + reach) // phase) * phase, before


def _toned(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the time a mild change of contrast and exposure that stays within [0, 1]."""
    if rng.random() < 0.5:
        return x
    low, high = rng.uniform(0, 0.1), rng.uniform(0.8, 1.0)
    return x * np.float32(high - low) + np.float32(low)


def _grey(rng: np.random.Generator) -> np.ndarray:
    """Float32 (3,) positive weights near luma that sum to 1."""
    weights = _LUMA * np.exp(rng.normal(0, 0.3, 3))
    return (weights / weights.sum()).astype(np.float32)


def _turned(x: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight symmetries of the square, (3, n, n) -> (3, n, n)."""
    x = np.rot90(x, turn % 4, (1, 2))
    return np.ascontiguousarray(x[:, :, ::-1] if turn >= 4 else x)


@dataclass
class Crops(Drawn):
    """Map-style dataset of training items.

    source: a bank (.npy, uint8 (count, h, w, 3)) or several, a folder of clean pictures, or, for
        the task "paired", a folder with clean/ and degraded/; or either opened already (of pairs
        the other tasks take the clean side).
    task: "denoise" (no y), "sr" (y = clean picture shrunk, rounded to 8 bit and enlarged again),
        "paired" (y from the pairs, enlarged to the clean size where it is smaller), or one of
        `CHAINS` (y by the degradation that stands there, of the same size).
    degradation: a recipe of `chains.recipes` in its place: a name, a file, or steps.
    crop: side of the items in pixels.  grey: share of grey items, three equal channels of picture
        and of noise.  length: what `len` says; any n < 2**63 works.

    `self[n]` is a dict of float32 tensors: x0, noise (3, crop, crop); y (3, crop, crop) unless the
    task is "denoise"; u () uniform in [0, 1); level (1,) = log2(scale) / 2, or (0,) for "denoise"
    and those of `CHAINS`.
    Raises UsageError for an unknown task and InputError for a source that does not fit.
    """

    source: str | Path | Sequence[Path] | Folder | Pairs
    task: str = "denoise"
    crop: int = 64
    seed: int = 0
    grey: float = 0.25
    scales: Scales = field(default_factory=Scales)
    length: int = 2**31 - 1
    degradation: str | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise UsageError(
                f"unknown task {self.task!r}; expected one of {', '.join(TASKS)}"
                + nearest(self.task, TASKS)
            )
        if self.crop < 8 or not 0 <= self.seed < 2**64:
            raise UsageError(
                f"got crop={self.crop}, seed={self.seed}; expected crop >= 8, 0 <= seed < 2**64"
            )
        self.history = history_of(self.task, self.degradation)
        if isinstance(self.source, Folder | Pairs):
            self.pictures = self._fits(self.source)
        elif isinstance(self.source, str | Path):
            self.pictures = self._open(Path(self.source))
        else:
            self.pictures = Together([Bank(path) for path in self.source])

    def _fits(self, source: Folder | Pairs) -> Folder | Pairs:
        if isinstance(source, Pairs) == (self.task == "paired"):
            return source
        if isinstance(source, Pairs):
            return source.clean
        raise InputError(f"task='paired' needs pairs; {source.folder} holds one side only")

    def _open(self, path: Path) -> Bank | Folder | Together | Pairs:
        if not path.exists():
            raise InputError(f"{path} does not exist; expected a bank (.npy) or a folder")
        if self.task == "paired":
            if not is_paired(path):
                raise InputError(f"{path} has no clean/ and degraded/; task='paired' needs both")
            return Pairs(path)
        if path.is_dir() and is_paired(path):
            raise InputError(f"{path} holds pairs; use task='paired', or give {path / 'clean'}")
        return Folder(path) if path.is_dir() else Bank(path)

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        k = int(rng.integers(len(self.pictures)))
        grey = _grey(rng) if rng.random() < self.grey else None
        if isinstance(self.pictures, Pairs):
            x0, y, scale = self._pair(self.pictures, k, grey, rng)
        elif self.task == "sr":
            x0, y, scale = self._shrunk(self.pictures, k, grey, rng)
        elif self.history is not None:
            x0, y, scale = *self._spoilt(self.history, self.pictures, k, grey, rng), None
        else:
            x0, y, scale = self._clean(self.pictures, k, self.crop, grey, rng), None, None
        turn = int(rng.integers(8))
        noise = rng.standard_normal((3, self.crop, self.crop), dtype=np.float32)
        if grey is not None:
            noise[1:] = noise[0]
        item = {"x0": torch.from_numpy(_turned(x0, turn)), "noise": torch.from_numpy(noise)}
        if y is not None:
            item["y"] = torch.from_numpy(_turned(y, turn))
        item["u"] = torch.tensor(rng.random(dtype=np.float32))
        item["level"] = torch.tensor([] if scale is None else [math.log2(scale) / 2])
        return item

    def _clean(
        self,
        pictures: Bank | Folder | Together,
        k: int,
        side: int,
        grey: np.ndarray | None,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Float32 (3, side, side) window of picture k, its colours and tones augmented."""
        top, left = _place(pictures.size(k), side, pictures.name(k), rng)
        x = pictures.crop(k, top, left, side, side)
        if grey is not None:
            x = _mixed(x, grey)
        elif pictures.synthetic(k):
            x = x[rng.permutation(3)]
        return _toned(x, rng)

    def _shrunk(
        self,
        pictures: Bank | Folder | Together,
        k: int,
        grey: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray, float]:
        side, before = self.scales.window(self.crop)
        window = self._clean(pictures, k, side, grey, rng)
        small = max(1, round(side / self.scales.draw(rng)))
        low = quantise(bicubic(torch.from_numpy(window), (small, small)))
        y = bicubic(low, (side, side)).numpy()
        inside = slice(before, before + self.crop)
        return window[:, inside, inside], y[:, inside, inside], side / small

    def _spoilt(
        self,
        history: History,
        pictures: Bank | Folder | Together,
        k: int,
        grey: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        side = self.crop + 2 * _BORDER
        window = self._clean(pictures, k, side, grey, rng)
        seen = window[:1] if grey is not None else window
        y = kept_size(history.draw((side, side), rng)(seen), seen)
        y = np.broadcast_to(y, window.shape)
        top, left = (int(n) for n in rng.integers(_BORDER - 8, _BORDER + 8, 2))  # any JPEG grid
        inside = (slice(None), slice(top, top + self.crop), slice(left, left + self.crop))
        return window[inside], y[inside]

    def _pair(
        self, pairs: Pairs, k: int, grey: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, float]:
        s = pairs.scale(k)
        margin = 0 if s == 1 else 4  # of the small picture: bicubic reaches two pixels
        small = -(-self.crop // s) + 2 * margin
        top, left = _place(pairs.degraded.size(k), small, pairs.degraded.name(k), rng)
        x0 = pairs.clean.crop(k, s * top, s * left, s * small, s * small)
        y = pairs.degraded.crop(k, top, left, small, small)
        if s > 1:
            y = bicubic(torch.from_numpy(y), (s * small, s * small)).numpy()
        if grey is not None:
            x0, y = _mixed(x0, grey), _mixed(y, grey)
        inside = slice(s * margin, s * margin + self.crop)
        return x0[:, inside, inside], y[:, inside, inside], float(s)


def history_of(task: str, degradation: str | Mapping[str, Any] | None) -> History | None:
    """The degradation of a task, or the one given; None for tasks that have none.

    Raises UsageError where one is given to such a task, InputError for one that cannot be.
    """
    if task in CHAINS:
        return inline_recipe(degradation or CHAINS[task])
    if degradation is not None:
        raise UsageError(
            f"the task {task} takes no degradation; tasks that do: {', '.join(CHAINS)}"
        )
    return None


def kept_size(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """y; raises InputError if it has not the size of x."""
    if y.shape[-2:] != x.shape[-2:]:
        raise InputError(
            f"the degradation makes {y.shape[-1]} x {y.shape[-2]} of {x.shape[-1]} x "
            f"{x.shape[-2]} pixels; end its steps with resize: {{to: original}}"
        )
    return y


def _mixed(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Three equal channels: the weighted mean of those of x (3, h, w)."""
    return np.repeat(np.tensordot(weights, x, 1)[None], 3, axis=0)


def _place(
    size: tuple[int, int], side: int, name: str, rng: np.random.Generator
) -> tuple[int, int]:
    """A random corner of a window; InputError, naming the picture, where it does not fit."""
    if min(size) < side:
        raise InputError(
            f"{name} is {size[0]} x {size[1]} pixels but a window of {side} is needed; "
            "use a smaller crop or remove the picture"
        )
    top, left = (int(rng.integers(n - side + 1)) for n in size)
    return top, left
