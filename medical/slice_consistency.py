"""Estimates of a fine volume that explain the slices, at every call of a sampler.

For Gaussian data x0 has the deviation r = sigma_d s / sqrt(a^2 sigma_d^2 + s^2) about its estimate
at a time. The gain of `slice_profile` for that r, applied to what the slices say against it, makes
it the mean given the slices too. For others the derivative of the network, which it does without,
would make r differ from place to place.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from undrift.medical.method import Method
from undrift.medical.slice_profile import Matrix, applied, gain_matrix
from undrift.medical.stores import slabs
from undrift.medical.tiles import Kept


@dataclass(eq=False)
class Consistent:
    """Adds to each estimate what the slices say against it; imaginary parts are known to be 0.

    measured: (x, y, z) of the slices. noise: of theirs, in the same numbers.
    """

    method: Method
    measured: Tensor
    matrices: list[Matrix | None]
    noise: float

    def __call__(self, estimate: Kept, t: float) -> None:
        """Changes an estimate of x0 at time t in its place."""
        gains = self._gains(self._spread(t))
        size = estimate.array.shape[1:]
        along = next((axis for axis, m in enumerate(self.matrices) if m is None), None)
        parts = [()] if along is None else _along(size, along)
        for part in parts:
            x = estimate.read(part)
            real = x[:, :1]
            left = self.measured[part][None, None] - applied(real, self.matrices)
            x[:, :1] = real + applied(left, gains)
            x[:, 1:] = 0
            estimate.write(part, x)

    def _spread(self, t: float) -> float:
        """Deviation of x0 given the state, for Gaussian data of the model's sigma_d."""
        process = self.method.sampler.process
        sigma_d = self.method.sampler.model.denoiser.scaling.sigma_d
        time = torch.tensor(t, dtype=torch.float64)
        a, s = float(process.a(time)), float(process.s(time))
        return sigma_d * s / float(np.hypot(a * sigma_d, s))

    def _gains(self, spread: float) -> list[Matrix | None]:
        """Of each axis; along several axes at once the noise is shared among them."""
        count = sum(m is not None for m in self.matrices)
        noise = self.noise if count == 1 else 0.0
        return [None if m is None else gain_matrix(m, spread, noise) for m in self.matrices]


def _along(size: tuple[int, ...], axis: int) -> list[tuple[slice, ...]]:
    """Slabs across an axis, all of the others."""
    turned = (size[axis], *(n for k, n in enumerate(size) if k != axis))
    return [(*(slice(None) for _ in range(axis)), part[0]) for part in slabs(turned)]
