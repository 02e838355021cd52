"""Forcing of a ring of waves, white in time, that injects energy at a known rate.

Each step adds sqrt(dt) A z to the spectrum, z complex normal of variance 1 on the ring
|k - forced| < width (waves a side). A kick of a mode of vorticity of variance |A|^2 dt adds the
kinetic energy |A|^2 dt / (2 k^2 n^4) on average, whatever the flow does, as it is uncorrelated with
it; A is such that the ring adds `rate` per time. For surface buoyancy the rate is that of half its
variance, which is twice the kinetic energy's: A does not depend on k then.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.scientific.atmosphere.flows.square import Square

_AT_ONCE = 256  # steps whose numbers are drawn together


@dataclass
class RingForcing:
    """rate: energy per time. forced, width: waves a side. of: "energy" for vorticity, "variance"
    for buoyancy. The numbers of a step are a function of (seed, member, step, wave) alone.

    Raises InputError for a ring without waves.
    """

    square: Square
    rate: float
    forced: float
    width: float = 1.0
    of: str = "energy"
    seed: int = 0

    def __post_init__(self) -> None:
        self._drawn: dict[tuple[int, int], Tensor] = {}
        if not self.rate > 0 or not bool(self._ring.any()):
            raise InputError(
                f"got rate={self.rate:g} on waves {self.forced:g} +- {self.width:g} of a square of "
                f"{self.square.n} points; expected a rate > 0 and waves below {self.square.n // 2}"
            )

    @cached_property
    def _ring(self) -> Tensor:
        inside = (self.square.number - self.forced).abs() < self.width
        half = self.square.kx.expand_as(inside) > 0  # the column kx = 0 holds both of each pair
        return inside & (half | (self.square.ky.expand_as(inside) > 0))

    @cached_property
    def amplitude(self) -> Tensor:
        """(waves,) A of the waves in the ring, of the unnormalised spectrum."""
        k = self.square.k2[self._ring].sqrt()
        shape = k if self.of == "energy" else torch.ones_like(k)
        # Each wave and its conjugate twin: 2 |A|^2 / (2 k^2 n^4), one wave's share of the rate.
        return shape * self.square.n**2 * (self.rate / len(k)) ** 0.5

    def kicks(self, step: int, members: int, dtype: torch.dtype) -> Tensor:
        """(members, 1, n, n // 2 + 1) complex: A z of one step."""
        kind = torch.complex128 if dtype == torch.float64 else torch.complex64
        out = torch.zeros(members, 1, *self._ring.shape, dtype=kind)
        block, row = divmod(step, _AT_ONCE)
        for member in range(members):
            pairs = self._numbers(member, block)[0, :, row]
            waves = torch.complex(pairs[0], pairs[1]) * (0.5**0.5 * self.amplitude)
            out[member, 0][self._ring] = waves.to(kind)
        return self._paired(out)

    def _numbers(self, member: int, block: int) -> Tensor:
        if (member, block) not in self._drawn:
            self._drawn = {key: one for key, one in self._drawn.items() if key[1] == block}
            noise, waves = Noise(self.seed, "ring forcing", member), len(self.amplitude)
            drawn = noise((1, 2, _AT_ONCE, waves), 0, (block * _AT_ONCE, 0), torch.float64)
            self._drawn[member, block] = drawn
        return self._drawn[member, block]

    def _paired(self, out: Tensor) -> Tensor:
        """With the conjugate twins in the column kx = 0, so that the field is real."""
        n = self.square.n
        out[:, :, n // 2 + 1 :, 0] = out[:, :, 1 : n // 2, 0].flip(-1).conj()
        return out
