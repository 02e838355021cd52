"""What is known of the noise of a picture: one level, a map of levels, or that of a camera.

A camera counts photons: y = gain n + read eps, n ~ Poisson(x / gain), so that the noise grows with
the light, var(y | x) = gain x + read^2 (Foi et al. 2008, Eq. 3). A map says the standard deviation
of each pixel. All numbers here are in the unit of the pixels, [0, 1]; what users say and read is
on the 0..255 scale whatever the depth of the picture.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

FAINT = 0.2 / 255  # noise below this is left alone


@dataclass(frozen=True, eq=False)
class KnownNoise:
    """What a method that removes noise is told, in the unit of the pixels.

    sigma: root mean square of the noise's standard deviation over the picture; always there.
    map: (1, 1 or c, h, w), the standard deviation of each pixel where it differs, or None.
    gain, read: of noise that grows with the light; gain 0 for noise that does not.
    share: times the noise that is to be removed, 1 or more; `sigma` and `map` contain it.
    """

    sigma: float
    map: Tensor | None = None
    gain: float = 0.0
    read: float = 0.0
    share: float = 1.0

    def deviation(self, signal: Tensor) -> Tensor:
        """Standard deviation of each pixel of a clean picture (k, c, h, w), broadcastable to it."""
        if self.gain > 0:
            return torch.sqrt(self.gain * signal.clamp(min=0) + self.read**2)
        if self.map is not None:
            return self.map.to(signal)
        return torch.full_like(signal[:1, :1, :1, :1], self.sigma)

    def trusted(self, fidelity: float) -> "KnownNoise":
        """The same as if every standard deviation were divided by `fidelity`."""
        return replace(
            self,
            sigma=self.sigma / fidelity,
            map=None if self.map is None else self.map / fidelity,
            share=self.share / fidelity,
        )

    @property
    def is_faint(self) -> bool:
        """Whether there is nothing to remove."""
        return self.sigma < FAINT or not math.isfinite(self.sigma)
