"""The tables and time grids of the published MRS code, for comparison with it.

It sums the cosine rates of IR-SDE from theta_0 on, so that its process ends with a little noise
(s = .0022 for the paper's setting) and lambda stays finite, and reads alpha, sigma and lambda
between integer steps by three separate linear interpolations, which disagree by up to .018 in
lambda. All of it is in single precision, which its noise form with noise enlarges a hundredfold;
hence also here. Our own `MeanReverting` interpolates the one clock that all three follow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.common.processes.process import Process

TIMESTEPS = ("linspace", "linear-lambda", "leading", "trailing", "karras-n", "karras-t")


@dataclass(frozen=True)
class MRSTables(Process):
    """level: stationary noise; alphas, sigmas, lambdas at t = 0, 1/T, ..., 1, read separately."""

    level: float
    alphas: tuple[float, ...]
    sigmas: tuple[float, ...]
    lambdas: tuple[float, ...]

    def a(self, t: Tensor) -> Tensor:
        return self._read(self.alphas, t)

    def b(self, t: Tensor) -> Tensor:
        return 1 - self.a(t)

    def s(self, t: Tensor) -> Tensor:
        return self._read(self.sigmas, t)

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)

    def lam(self, t: float) -> float:
        """lambda as their code has it, not ln(a/s)."""
        return float(self._read(self.lambdas, torch.tensor(t, dtype=torch.float64)))

    def _read(self, table: Sequence[float], t: Tensor) -> Tensor:
        steps = len(table) - 1
        places = torch.arange(steps + 1, dtype=torch.float32)
        return _between((t * steps).float(), places, torch.tensor(table)).to(t.dtype)


def _between(x: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """Linear interpolation in single precision; places ascend."""
    left = (torch.searchsorted(places, x) - 1).clamp(0, len(places) - 2)
    low, step = places[left], places[left + 1] - places[left]
    return values[left] + (x - low) * (values[left + 1] - values[left]) / step


def mrs_tables(level: float = 50 / 255, residue: float = 0.005, steps: int = 100) -> MRSTables:
    """Their cosine tables; theta_0 is part of the running sum."""
    place = torch.arange(steps + 3, dtype=torch.float32) / (steps + 2)
    bend = torch.cos((place + 0.008) / 1.008 * (math.pi / 2)) ** 2
    total = torch.cumsum(1 - (bend / bend[0])[1:-1], 0)
    rate = -1 / total[-1] * math.log(residue)
    alphas = torch.exp(-total * rate)
    sigmas = torch.sqrt(level**2 * (1 - torch.exp(-2 * total * rate)))
    lambdas = torch.log(alphas) - torch.log(sigmas)
    return MRSTables(level, *(tuple(v.tolist()) for v in (alphas, sigmas, lambdas)))


def mrs_timesteps(
    kind: str, tables: MRSTables, count: int, rho: float = 7.0, offset: float = 0.0
) -> list[float]:
    """Their count + 1 time steps on the scale 0..T, descending; divide by T for our time.

    kind: one of `TIMESTEPS`; offset: added by "leading". As published, "leading" starts below T
    and "trailing" does not reach 0. Raises UsageError for another kind.
    """
    last = len(tables.alphas) - 1
    index = torch.arange(count + 1, dtype=torch.float64)
    places = torch.arange(last + 1, dtype=torch.float32)
    if kind == "linspace":
        found = last * (1 - index / count)
    elif kind == "linear-lambda":
        lam = torch.tensor(tables.lambdas)
        wanted = torch.linspace(float(lam[-1]), float(lam[0]), count + 1)
        found = _between(wanted, lam.flip(0), places.flip(0))
    elif kind == "leading":
        found = index.flip(0) * (last // (count + 1)) + offset
    elif kind == "trailing":
        found = last - index * (last / (count + 1))
    elif kind == "karras-n":
        ratios = torch.tensor(tables.sigmas) / torch.tensor(tables.alphas)
        wanted = _karras(float(ratios[-1]), float(ratios[0]), index / count, rho)
        found = _between(wanted.float(), ratios, places)
    elif kind == "karras-t":
        found = _karras(last, 1.0, index / count, rho)
    else:
        known = ", ".join(TIMESTEPS)
        raise UsageError(f"grid {kind!r} is not one of {known}{nearest(kind, TIMESTEPS)}")
    return found.tolist()


def _karras(first: float, final: float, share: Tensor, rho: float) -> Tensor:
    return (first ** (1 / rho) + share * (final ** (1 / rho) - first ** (1 / rho))) ** rho
