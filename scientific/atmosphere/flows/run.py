"""A flow in time: the third-order Adams-Bashforth scheme with an integrating factor.

    q+ = E [q + dt 23/12 N] - dt 16/12 E^2 N- + dt 5/12 E^3 N--,     E = exp(linear dt),

after one step of Euler and one of second order (Durran, "Numerical Methods for Fluid Dynamics",
Ch. 2.4). Then the filter of `square`. The scheme is stable up to k |u| dt of about .72, and the
filter leaves k up to .65 pi / dx: hence the wind may cross .35 of a cell a step, which is checked.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.flows.forcing import RingForcing
from undrift.scientific.atmosphere.flows.models import Flow

COURANT = 0.35
_CHECK = 50  # steps between checks


@dataclass
class Run:
    """Members of one flow from a start `q` (members, levels, n, n) of vorticity or buoyancy.

    dt: time a step. forcing: white in time, or None. The work is done in the type of `q`, float32
    or float64. Raises InputError for another shape, and, while it runs, for a wind too fast for dt.
    """

    flow: Flow
    q: Tensor
    dt: float
    forcing: RingForcing | None = None
    steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        n = self.flow.square.n
        if self.q.ndim != 4 or self.q.shape[1:] != (self.flow.levels, n, n) or not self.dt > 0:
            raise InputError(
                f"got a start of {tuple(self.q.shape)} and dt={self.dt:g}; expected (members, "
                f"{self.flow.levels}, {n}, {n}) and dt > 0"
            )
        self.spectrum = torch.fft.rfft2(self.q)
        self._before: list[Tensor] = []

    def advance(self, steps: int) -> "Run":
        """Goes `steps` steps on, in place."""
        factor = self._factor
        for _ in range(steps):
            if self.steps % _CHECK == 0:
                self._check()
            now = self._advection()
            self.spectrum = factor * (self.spectrum + self.dt * self._combined(now, factor))
            if self.forcing is not None:
                kicks = self.forcing.kicks(self.steps, len(self.q), self.q.dtype)
                self.spectrum = self.spectrum + kicks * math.sqrt(self.dt)
            self.spectrum = self.spectrum * self._filter
            self._before = [now, *self._before[:1]]
            self.steps += 1
        self.q = self.flow.square.field(self.spectrum)
        return self

    @property
    def time(self) -> float:
        """Since the start."""
        return self.steps * self.dt

    @cached_property
    def _factor(self) -> Tensor:
        return torch.exp(self.flow.linear * self.dt).to(self.spectrum.dtype)

    @cached_property
    def _filter(self) -> Tensor:
        return self.flow.square.filter.to(self.q.dtype)

    @cached_property
    def _waves(self) -> tuple[Tensor, Tensor]:
        square, kind = self.flow.square, self.spectrum.dtype
        return 1j * square.kx.to(kind), 1j * square.ky.to(kind)

    def _combined(self, now: Tensor, factor: Tensor) -> Tensor:
        if not self._before:
            return now
        last = factor * self._before[0]
        if len(self._before) == 1:
            return 1.5 * now - 0.5 * last
        return (23 * now - 16 * last + 5 * factor * (factor * self._before[1])) / 12

    def wind(self, spectrum: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(u, v), eastward and northward, each (members, levels, n, n), with the mean wind."""
        stream = self.flow.stream(self.spectrum if spectrum is None else spectrum)
        (along, across), square = self._waves, self.flow.square
        mean = self.flow.mean_wind.to(self.q.dtype)
        return mean - square.field(across * stream), square.field(along * stream)

    def _advection(self) -> Tensor:
        (along, across), square = self._waves, self.flow.square
        stream = self.flow.stream(self.spectrum)
        u, v = square.field(-across * stream), square.field(along * stream)
        u, q = u + self.flow.mean_wind.to(u.dtype), square.field(self.spectrum)
        carried = along * torch.fft.rfft2(u * q) + across * torch.fft.rfft2(v * q)
        return self.flow.sources(stream) - carried

    def _check(self) -> None:
        u, v = self.wind()
        fastest = float(torch.maximum(u.abs(), v.abs()).max())
        crossed = fastest * self.dt / self.flow.square.step
        if not crossed <= COURANT:
            raise InputError(
                f"step {self.steps}: a wind of {fastest:.3g} crosses {crossed:.2f} cells a step, "
                f"more than {COURANT}; take dt below {COURANT / max(crossed, 1e-9) * self.dt:.3g}"
            )
