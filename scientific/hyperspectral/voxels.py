"""Training samples of the bridge in pixels: boxes of bands, rows and columns of simulated scenes.

The bank keeps, of each scene, the truth in units of the noise and the four channels of
`first_guess`. A sample is a box of it: x0 and y share the channels that are known, so that only the
first has something to learn; its noise is 0 in the others. Boxes are mirrored along rows and
columns and change sign at random, but keep the order of their bands.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from undrift.scientific.hyperspectral.banks import (
    Bank,
    Half,
    PairSettings,
    drawn_noise,
    drawn_scene,
)
from undrift.scientific.hyperspectral.first_guess import first_guess

TURNS = 3


def boxes(seed: int, settings: PairSettings) -> Half:
    """(5, bands, rows, columns) float16 of one scene: truth and the four channels."""
    rng = np.random.default_rng([seed, 31])
    clean = drawn_scene(seed, settings.side, rng)
    guess = first_guess(drawn_noise(clean, seed, rng), TURNS, settings.channels, settings.least)
    truth = guess.white(clean.array)[None]
    return np.concatenate([truth, guess.voxels]).clip(-6e4, 6e4).astype(np.float16)


@dataclass
class Boxes(Dataset[dict[str, Tensor]]):
    """Map-style dataset: `self[n]` has x0, y, noise (4, *box) float32 and u ()."""

    bank: Bank
    box: tuple[int, int, int] = (24, 32, 32)
    seed: int = 0
    length: int = 2**31 - 1

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        if not 0 <= n < self.length:
            raise IndexError(f"item {n} of {self.length}")
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, n], np.uint64)))
        whole = self.bank[int(rng.integers(len(self.bank)))]
        first = [
            int(rng.integers(m - s + 1)) for m, s in zip(whole.shape[1:], self.box, strict=True)
        ]
        cut = whole[(slice(None), *(slice(f, f + s) for f, s in zip(first, self.box, strict=True)))]
        sign = np.float32(rng.choice([-1, 1]))
        rows, columns = (int(v) for v in rng.choice([-1, 1], 2))
        voxels = np.asarray(cut, np.float32)[..., ::rows, ::columns].copy()
        voxels[:3] *= sign
        y = voxels[1:]
        x0, noise = y.copy(), np.zeros_like(y)
        x0[0] = voxels[0]
        noise[0] = rng.standard_normal(y.shape[1:], np.float32)
        made = {name: torch.from_numpy(v) for name, v in (("x0", x0), ("y", y), ("noise", noise))}
        return made | {"u": torch.tensor(rng.random(dtype=np.float32))}
