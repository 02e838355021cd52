"""Families of blurs for `Blind`: any small kernel, or a Gaussian of unknown width.

Fits are least squares over every item of the batch, |m - k * x|^2. A kernel has taps of at least 0
and sum 1, which makes the fit convex; `smooth` adds smooth |k - k_before|^2, in units of the mean
square of x, which keeps directions that x does not show.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.errors import InputError
from undrift.common.operators.blur import Blur
from undrift.common.operators.borders import Border, border_index, pad
from undrift.common.operators.kernels import gaussian_kernel
from undrift.common.operators.operator import Operator
from undrift.common.posterior.blind import Parameters


@dataclass(frozen=True)
class KernelFamily:
    """Blur of (c, h, w) by an unknown kernel (size, size), size odd; {"kernel": ...}.

    begin: the width of the Gaussian it starts from, in pixels. iterations: of the fit. faint: taps
    below this share of the largest are taken for errors and become 0.
    """

    shape: tuple[int, ...]
    size: int
    border: Border = "circular"
    smooth: float = 1e-4
    begin: float = 1.0
    iterations: int = 300
    faint: float = 0.0

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or self.size % 2 == 0 or self.smooth < 0:
            raise InputError(
                f"KernelFamily got shape {self.shape}, size {self.size} and smooth {self.smooth:g};"
                " expected (c, h, w), an odd size, and 0 or more"
            )

    def start(self) -> Parameters:
        return {"kernel": gaussian_kernel(self.begin, self.size)}

    def pose(self, parameters: Parameters, measurement: Tensor) -> tuple[Operator, Tensor]:
        return Blur(parameters["kernel"].to(measurement), self.shape, self.border), measurement

    def fit(self, x0: Tensor, measurement: Tensor, parameters: Parameters) -> Parameters:
        before = parameters["kernel"].to(torch.float64)
        gram, right = self._normal(x0.double(), measurement.double())
        damping = self.smooth * gram.diagonal().mean()
        gram = gram + damping * torch.eye(len(gram)).to(gram)
        right = right + damping * before.flatten().to(gram)
        kernel = simplex_least_squares(gram, right, before.flatten().to(gram), self.iterations)
        kernel = torch.where(kernel < self.faint * kernel.max(), 0.0, kernel)
        return {"kernel": (kernel / kernel.sum()).reshape(before.shape)}

    def _normal(self, x0: Tensor, measurement: Tensor) -> tuple[Tensor, Tensor]:
        """P^T P and P^T m of the patches P whose product with the kernel is the blur."""
        half, space = self.size // 2, x0.shape[2:]
        if self.border != "valid":
            x0 = pad(x0, [border_index(n, half, half, self.border).to(x0.device) for n in space])
        planes = x0.reshape(-1, 1, 1, *x0.shape[2:])
        told = measurement.expand(len(x0), *measurement.shape[1:]).reshape(len(planes), -1)
        gram, right = x0.new_zeros(self.size**2, self.size**2), x0.new_zeros(self.size**2)
        for plane, values in zip(planes, told, strict=True):  # one at a time: patches are large
            patches = functional.unfold(plane, self.size)[0].flip(0)  # (taps, values)
            gram, right = gram + patches @ patches.mT, right + patches @ values
        return gram, right


@dataclass(frozen=True)
class GaussianWidth:
    """Blur of (c, *space) by a Gaussian of unknown width within low ... high; {"std": ...}.

    begin: a narrow width; from one that is much too wide the estimates do not come back.
    """

    shape: tuple[int, ...]
    low: float = 0.3
    high: float = 4.0
    begin: float = 1.0
    border: Border = "circular"

    def start(self) -> Parameters:
        return {"std": torch.tensor(self.begin, dtype=torch.float64)}

    def pose(self, parameters: Parameters, measurement: Tensor) -> tuple[Operator, Tensor]:
        return self._blur(float(parameters["std"])), measurement

    def fit(self, x0: Tensor, measurement: Tensor, parameters: Parameters) -> Parameters:
        from scipy.optimize import minimize_scalar

        def misfit(std: float) -> float:
            return float((measurement - self._blur(std)(x0)).square().sum())

        found = minimize_scalar(misfit, bounds=(self.low, self.high), method="bounded")
        return {"std": torch.tensor(float(found.x), dtype=torch.float64)}  # pyright: ignore

    def _blur(self, std: float) -> Blur:
        axes = len(self.shape) - 1
        reach = int(4 * self.high) + 1  # one size for all, so that the misfit is smooth
        size = min(2 * reach + 1, *(n - 1 + n % 2 for n in self.shape[1:]))
        return Blur(gaussian_kernel(std, size, axes), self.shape, self.border)


def simplex_least_squares(gram: Tensor, right: Tensor, start: Tensor, iterations: int) -> Tensor:
    """argmin of k^T gram k / 2 - right^T k over k >= 0 of sum 1, by accelerated projections."""
    rate = 1 / torch.linalg.eigvalsh(gram)[-1].clamp(min=torch.finfo(gram.dtype).tiny)
    k = ahead = on_simplex(start)
    speed = 1.0
    for _ in range(iterations):
        new = on_simplex(ahead - rate * (gram @ ahead - right))
        if bool(((ahead - new) * (new - k)).sum() > 0):  # overshot: begin anew
            speed = 1.0
        faster = (1 + (1 + 4 * speed**2) ** 0.5) / 2
        ahead = new + (speed - 1) / faster * (new - k)
        k, speed = new, faster
    return k


def on_simplex(v: Tensor) -> Tensor:
    """The nearest point to v (n,) with values from 0 and sum 1 (Duchi et al. 2008, Fig. 1)."""
    ordered = v.sort(descending=True).values
    excess = ordered.cumsum(0) - 1
    counts = torch.arange(1, len(v) + 1, dtype=v.dtype, device=v.device)
    last = int((ordered * counts > excess).sum()) - 1
    return (v - excess[last] / counts[last]).clamp(min=0)
