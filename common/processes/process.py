"""The one equation: a conditional Gaussian path between a clean signal x0 and a degraded one y.

    x_t | x0, y  ~  N( a(t) x0 + b(t) y ,  s(t)^2 I ),     t in [0, 1]

t = 0 is clean (a = 1, b = 0, s = 0 exactly) and t = 1 is degraded or noise. A fourth function phi
carries the correlation of two times, Cov(x_n, x_t | x0, y) = (phi_t / phi_n) s_n^2 for n cleaner
than t. A process is those four functions and nothing else: it knows no step count, no network and
no random numbers. Published integer schedules are grids of times, kept beside the process.
Everything below the class is derived from the four functions and is true for every process.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Process(ABC):
    """Four functions of time; each maps a float tensor of any shape to one of the same shape."""

    @abstractmethod
    def a(self, t: Tensor) -> Tensor:
        """Weight of the clean signal; 1 at t = 0, falling."""

    @abstractmethod
    def b(self, t: Tensor) -> Tensor:
        """Weight of the degraded signal; 0 at t = 0."""

    @abstractmethod
    def s(self, t: Tensor) -> Tensor:
        """Standard deviation of the noise; 0 at t = 0."""

    @abstractmethod
    def phi(self, t: Tensor) -> Tensor:
        """Forward Markov multiplier; 1 at t = 0."""

    def forward_std(self, t: Tensor) -> Tensor:
        """Standard deviation of the chain from x0 alone, before it is tied to y: s / sqrt(a).

        For a bridge s^2 = a v, v the variance so far; override it where a and s vanish together.
        """
        return self.s(t) / torch.sqrt(self.a(t))

    def last_multiplier(self, t: Tensor) -> Tensor:
        """phi_t / phi_{t-1} over one step of a discrete chain; 1 where time is continuous."""
        return torch.ones_like(t)

    @property
    def needs_degraded(self) -> bool:
        """True if b is not zero everywhere, so that the path cannot be drawn without y."""
        return bool((self.b(_PROBES) != 0).any())

    @property
    def is_cold(self) -> bool:
        """True if there is no noise at any time, as in cold diffusion."""
        return bool((self.s(_PROBES) == 0).all())


_PROBES = torch.tensor([0.25, 0.5, 1.0], dtype=torch.float64)


def log_snr(process: Process, t: Tensor) -> Tensor:
    """Returns ln(a/s): +inf at a clean end, -inf where a = 0 (also where a = s = 0)."""
    a, s = process.a(t), process.s(t)
    value = torch.log(a) - torch.log(s)
    return torch.where(a <= 0, torch.full_like(value, -math.inf), value)


def angle(process: Process, t: Tensor, sigma_d: float) -> Tensor:
    """Returns psi = atan2(s, a sigma_d) in [0, pi/2]: 0 is clean, pi/2 is pure noise.

    It stays finite at both singular ends; where a = s = 0 (the start of a Brownian bridge) the
    limit pi/2 is taken. A process without noise is measured by how much of y it holds, atan2(b, a).
    """
    a, s = process.a(t), process.s(t)
    if process.is_cold:
        return torch.atan2(process.b(t), a)
    return torch.where(a <= 0, torch.full_like(a, math.pi / 2), torch.atan2(s, a * sigma_d))


def time_of_angle(process: Process, psi: Tensor, sigma_d: float) -> Tensor:
    """Inverts `angle` by bisection in float64; psi must be reached by the process on [0, 1]."""
    psi = psi.double()
    low, high = torch.zeros_like(psi), torch.ones_like(psi)
    for _ in range(64):
        middle = (low + high) / 2
        below = angle(process, middle, sigma_d) < psi
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return torch.where(psi <= 0, torch.zeros_like(psi), high)


def marginal(process: Process, x0: Tensor, y: Tensor | None, t: Tensor, noise: Tensor) -> Tensor:
    """Draws x_t given both ends; x0, y, noise: (b, c, *space); t: () or (b,)."""
    t = over(t, x0)
    mean = process.a(t) * x0 if y is None else process.a(t) * x0 + process.b(t) * y
    return mean + process.s(t) * noise


def start(process: Process, y: Tensor | None, noise: Tensor, t: float = 1.0) -> Tensor:
    """Returns the state a sampler starts from: (a + b) y + s noise at time t.

    The small a(t) x0 of the true marginal is replaced by a(t) y, as every published sampler does.
    """
    a, b, s = (float(f(torch.tensor(t, dtype=torch.float64))) for f in _abs(process))
    return s * noise if y is None else (a + b) * y + s * noise


def rates(process: Process, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns f, k, g^2 of the forward equation dx = (f x + k y) dt + g dW at interior times.

    f = a'/a,  k = b' - f b,  g^2 = -2 s^2 d(ln a/s)/dt; derivatives by automatic differentiation.
    """
    t = t.detach().double()

    def slope(function: object) -> Tensor:
        return torch.func.jvp(function, (t,), (torch.ones_like(t),))[1]  # type: ignore[arg-type]

    a, b, s = process.a(t), process.b(t), process.s(t)
    f = slope(process.a) / a
    k = slope(process.b) - f * b
    g2 = 2 * s * (slope(process.s) - f * s)
    return f, k, g2


def chain_noise(process: Process, t: Tensor) -> Tensor:
    """g^2 = s^2 d/dt ln(s^2/phi^2) of the process's own chain; that of `rates` where phi = a."""

    def slope(function: Callable[[Tensor], Tensor]) -> Tensor:
        return torch.func.jvp(function, (t,), (torch.ones_like(t),))[1]

    t = t.detach().double()
    s = process.s(t)
    return 2 * s * (slope(process.s) - slope(process.phi) / process.phi(t) * s)


def over(t: Tensor, like: Tensor) -> Tensor:
    """Gives a () or (b,) time trailing axes, so that it broadcasts over `like`: (b, c, *space)."""
    return t.reshape(t.shape + (1,) * (like.ndim - t.ndim)) if t.ndim else t


def _abs(process: Process) -> tuple:
    return process.a, process.b, process.s
