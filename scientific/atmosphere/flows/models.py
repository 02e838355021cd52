"""Three flows, each as an inversion (vorticity to stream function), a linear and an advective part.

With the Jacobian in flux form, J = d(u q)/dx + d(v q)/dy, u = -d psi/dy, v = d psi/dx:

    Barotropic   q_t + J(psi, q) + beta psi_x = F - r q        psi^ = -q^ / (k^2 + Ld^-2)
    SurfaceQG    theta_t + J(psi, theta) + beta psi_x = F - r theta     psi^ = theta^ / |k|
    TwoLayer     q1 = lap psi1 + F1 (psi2 - psi1),  q2 = lap psi2 + F2 (psi1 - psi2),
                 q_i,t + J(psi_i, q_i) + U_i q_i,x + Qy_i psi_i,x = -r lap psi2 in the lower layer,
                 Qy1 = beta + F1 (U1 - U2),  Qy2 = beta - F2 (U1 - U2)      (Phillips 1954)

F1 = Ld^-2 / (1 + delta), F2 = delta F1; Vallis, "Atmospheric and Oceanic Fluid Dynamics", Ch. 5.
For the surface flow N/f = 1. The diagonal linear part (drag, beta
wave) is integrated exactly by the stepping. Spectra are (members, levels, n, n // 2 + 1).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.flows.square import Square


@dataclass(frozen=True)
class _OneLevel(ABC):
    """drag: r, per time; with `drag_reach` only for waves up to that number a side, which leaves
    the smaller scales inertial. beta: gradient of planetary vorticity."""

    square: Square
    beta: float = 0.0
    drag: float = 0.0
    drag_reach: float | None = None
    levels: int = field(default=1, init=False)

    @property
    def mean_wind(self) -> Tensor:
        return torch.zeros(1, 1, 1, dtype=torch.float64)

    @cached_property
    def linear(self) -> Tensor:
        drag = torch.full_like(self.square.k2, self.drag)
        if self.drag_reach is not None:
            drag = drag * (self.square.number < self.drag_reach + 0.5)
        return -drag - 1j * self.beta * self.square.kx * self.inversion

    @cached_property
    def inversion(self) -> Tensor:
        """(n, n // 2 + 1): the stream function is this times the vorticity, mode by mode."""
        return self.square.without_mean(self._inverse())

    @abstractmethod
    def _inverse(self) -> Tensor:
        """The inversion; what stands at the mean does not count."""

    def stream(self, q: Tensor) -> Tensor:
        """The stream function of a vorticity, both as spectra."""
        return self.inversion.to(q.real.dtype) * q

    def sources(self, stream: Tensor) -> Tensor:
        """Nothing besides the linear part."""
        return torch.zeros_like(stream)


@dataclass(frozen=True)
class Barotropic(_OneLevel):
    """Vorticity of one layer. deformation: Ld, a length; None for a rigid lid."""

    deformation: float | None = None

    def _inverse(self) -> Tensor:
        stretching = 0.0 if self.deformation is None else self.deformation**-2
        return -1 / self.square.safe(self.square.k2 + stretching)


@dataclass(frozen=True)
class SurfaceQG(_OneLevel):
    """Surface buoyancy; its stream function is that at the surface."""

    def _inverse(self) -> Tensor:
        return 1 / self.square.safe(self.square.k2).sqrt()


@dataclass(frozen=True)
class TwoLayer:
    """Two layers of a sheared flow, unstable by itself: it needs no forcing.

    deformation: Ld. wind: mean winds of the upper and lower layer. delta: thickness of the upper
    over that of the lower layer. drag: on the lower layer. Raises InputError for lengths and ratios
    that are not positive.
    """

    square: Square
    deformation: float
    wind: tuple[float, float]
    beta: float = 0.0
    delta: float = 1.0
    drag: float = 0.0
    levels: int = field(default=2, init=False)

    def __post_init__(self) -> None:
        if not (self.deformation > 0 and self.delta > 0):
            raise InputError(
                f"got deformation={self.deformation:g}, delta={self.delta:g}; expected both > 0"
            )

    @property
    def mean_wind(self) -> Tensor:
        return torch.tensor(self.wind, dtype=torch.float64)[:, None, None]

    @property
    def linear(self) -> Tensor:
        return torch.zeros_like(self.square.k2, dtype=torch.complex128)

    @property
    def stretching(self) -> tuple[float, float]:
        """F1 and F2."""
        upper = self.deformation**-2 / (1 + self.delta)
        return upper, self.delta * upper

    @cached_property
    def inversion(self) -> Tensor:
        """(2, 2, n, n // 2 + 1): psi_i = sum over j of inversion[i, j] q_j."""
        k2, (f1, f2) = self.square.k2, self.stretching
        ones = torch.ones_like(k2)
        rows = [torch.stack([k2 + f2, f1 * ones]), torch.stack([f2 * ones, k2 + f1])]
        determinant = self.square.safe(k2) * (self.square.safe(k2) + f1 + f2)
        return self.square.without_mean(-torch.stack(rows) / determinant)

    @property
    def gradient(self) -> Tensor:
        """(2, 1, 1) Qy of both layers."""
        shear, (f1, f2) = self.wind[0] - self.wind[1], self.stretching
        values = [self.beta + f1 * shear, self.beta - f2 * shear]
        return torch.tensor(values, dtype=torch.float64)[:, None, None]

    def stream(self, q: Tensor) -> Tensor:
        """The stream functions of both layers."""
        return torch.einsum("ijyx,bjyx->biyx", self.inversion.to(q.dtype), q)

    def sources(self, stream: Tensor) -> Tensor:
        """The advection of the mean vorticity, and the drag of the ground."""
        kind = stream.real.dtype
        out = -self.gradient.to(kind) * (1j * self.square.kx.to(kind)) * stream
        lower = out[:, 1] + self.drag * self.square.k2.to(kind) * stream[:, 1]
        return torch.stack([out[:, 0], lower], 1)


Flow = Barotropic | SurfaceQG | TwoLayer
