"""Training samples of models of cubes: patches of coefficients, each a function of (seed, n).

The sign of an eigenvector has no meaning, hence channels are flipped at random, and so are rows and
columns. Axes are not exchanged: sensors sweep, and a column is not a row.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.training.drawn import Drawn
from undrift.scientific.hyperspectral.banks import Bank

Single = npt.NDArray[np.float32]


def scales(coefficients: npt.NDArray[np.floating]) -> Single:
    """(k,) ln of the root mean square of coefficients (k, rows, columns), at least 0."""
    size = np.sqrt((coefficients.astype(np.float64) ** 2).mean((1, 2)))
    return np.log(np.maximum(size, 1)).astype(np.float32)


@dataclass
class Coefficients(Drawn):
    """Map-style dataset of training items.

    `self[n]` is a dict of float32 tensors: x0, y, noise (2 k, side, side), level (k,), of which
    `scales` tells, and u () uniform in [0, 1). y: guesses, then noisy images; x0: true ones, then
    the same noisy images; noise is 0 in the second half. patch: the side.
    """

    bank: Bank
    patch: int = 64
    seed: int = 0
    length: int = 2**31 - 1

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        three = self.bank[int(rng.integers(len(self.bank)))]
        level = scales(three[0])
        top, left = (int(rng.integers(side - self.patch + 1)) for side in three.shape[2:])
        box = (..., slice(top, top + self.patch), slice(left, left + self.patch))
        signs = rng.choice(np.array([-1, 1], np.float32), (three.shape[1], 1, 1))
        rows, columns = (int(v) for v in rng.choice([-1, 1], 2))
        noisy, truth, guess = (signs * three[box])[..., ::rows, ::columns]
        noise = rng.standard_normal((2, *noisy.shape), np.float32)
        noise[1] = 0
        parts = {"x0": (truth, noisy), "y": (guess, noisy), "noise": tuple(noise)}
        made = {name: torch.from_numpy(np.concatenate(both)) for name, both in parts.items()}
        return made | {
            "level": torch.from_numpy(level),
            "u": torch.tensor(rng.random(dtype=np.float32)),
        }
