"""Training samples of models of cubes: patches of coefficients, each a function of (seed, n).

Half of them are pairs of the bank as they are. The others take its true coefficients, larger or
smaller by a common factor, and get noise made on the spot: white, stronger where the scene is
bright, with offsets and gains of columns, so that no two are alike. The sign of an eigenvector has
no meaning, hence channels are flipped at random, and so are rows and columns. Axes are not
exchanged: sensors sweep, and a column is not a row.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from undrift.scientific.hyperspectral.banks import Bank

Single = npt.NDArray[np.float32]


def scales(coefficients: npt.NDArray[np.floating]) -> Single:
    """(k,) ln of the root mean square of coefficients (k, rows, columns), at least 0."""
    size = np.sqrt((coefficients.astype(np.float64) ** 2).mean((1, 2)))
    return np.log(np.maximum(size, 1)).astype(np.float32)


@dataclass
class Coefficients(Dataset[dict[str, Tensor]]):
    """Map-style dataset of training items.

    `self[n]` is a dict of float32 tensors: x0, y, noise (k, side, side), level (k,), see `scales`,
    and u () uniform in [0, 1). fresh: share of samples with noise of their own. patch: the side.
    """

    bank: Bank
    patch: int = 64
    fresh: float = 0.5
    seed: int = 0
    length: int = 2**31 - 1

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        if not 0 <= n < self.length:
            raise IndexError(f"item {n} of {self.length}")
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, n], np.uint64)))
        whole = self.bank[int(rng.integers(len(self.bank)))]
        y, x0 = whole[int(rng.integers(len(whole)))]
        if rng.random() < self.fresh:
            x0 = x0 * np.float32(np.exp(rng.uniform(-0.7, 0.7)))
            y = x0 + fresh_noise(x0, rng)
        level = scales(y)
        top, left = (int(rng.integers(side - self.patch + 1)) for side in x0.shape[1:])
        box = (slice(None), slice(top, top + self.patch), slice(left, left + self.patch))
        signs = rng.choice(np.array([-1, 1], np.float32), (len(x0), 1, 1))
        turn = (slice(None), *(slice(None, None, int(rng.choice([-1, 1]))) for _ in range(2)))
        item = {name: (signs * v[box])[turn] for name, v in (("x0", x0), ("y", y))}
        item["noise"] = rng.standard_normal(item["x0"].shape, np.float32)
        made = {k: torch.from_numpy(np.ascontiguousarray(v, np.float32)) for k, v in item.items()}
        return made | {
            "level": torch.from_numpy(level),
            "u": torch.tensor(rng.random(dtype=np.float32)),
        }


def fresh_noise(x0: Single, rng: np.random.Generator) -> Single:
    """Noise of deviation near 1 for coefficients (k, rows, columns); 0 in empty channels."""
    noise = rng.standard_normal(x0.shape, np.float32) * np.float32(rng.uniform(0.75, 1.1))
    if rng.random() < 0.4:  # photons: stronger where the first image is bright
        bright = x0[0] / max(float(abs(x0[0]).max()), 1e-6) * rng.choice([-1.0, 1.0])
        noise *= np.sqrt(1 + 0.6 * bright).astype(np.float32)
    if rng.random() < 0.5:
        shape = (len(x0), 1, x0.shape[2])
        hit = rng.random(shape) < (1.0 if rng.random() < 0.6 else rng.uniform(0.05, 0.3))
        noise += (hit * rng.uniform(0, 1.0) * rng.standard_normal(shape)).astype(np.float32)
        alike = rng.standard_normal((1, 1, x0.shape[2]))
        noise += (rng.uniform(0, 0.008) * alike * x0).astype(np.float32)
    return noise * (abs(x0).max((1, 2), keepdims=True) > 0)
