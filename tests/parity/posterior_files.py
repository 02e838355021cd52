"""Which files of the posterior samplers there are, their settings by name, and their unread arrays.

The cases take every file whose name fits their program, so that a further run of the same kind is
compared as soon as its file lies in the folder.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np
import torch
from parity.case import REFERENCE, Arrays, load, tensor, worst
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise

SETTINGS = "settings of the run, repeated here, or arrays that no step uses"


def names(*patterns: str) -> list[str]:
    """The files that fit, without their endings."""
    return sorted(path.stem for p in patterns for path in REFERENCE.glob(f"{p}.npz"))


def excused(name: str, *patterns: str, reason: str = SETTINGS) -> dict[str, str]:
    """An entry of `UNREAD`: the patterns that the file has arrays for."""
    keys = load(name).keys()
    return {p: reason for p in patterns if any(fnmatchcase(key, p) for key in keys)}


def last_noise(name: str) -> str:
    """Key of the last draw of a file."""
    return max(key for key in load(name) if key.startswith("noise_"))


def numbered(data: Arrays, number: Callable[[int], int] = lambda k: k) -> Callable[[int], Tensor]:
    """Our draw k is their draw number(k)."""
    return lambda k: tensor(data[f"noise_{number(k):03d}"])


def times(indices: Iterable[int]) -> list[float]:
    """Our times of their indices 0..999."""
    return [(int(index) + 1) / 1000 for index in indices]


@dataclass
class Seen:
    """A denoiser that keeps its estimates, scaled by a: a D, all that a state holds of them.

    The published runs are float32, so that D itself is lost to a factor 1/a where a is small.
    """

    inner: Denoise
    process: Process
    estimates: list[Tensor] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)

    def __call__(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        found = self.inner(x, t, y, level)
        self.levels.append(float(self.process.a(torch.tensor(t, dtype=torch.float64))))
        self.estimates.append(found.x0.detach())
        return found

    def error(self, theirs: np.ndarray) -> float:
        scales = torch.tensor(self.levels, dtype=torch.float64).reshape(-1, *[1] * 4)
        return worst(torch.stack(self.estimates) * scales, theirs * scales.numpy())
