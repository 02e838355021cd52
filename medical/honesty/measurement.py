"""Does a reconstruction explain its measurement?  chi, and where in the image it does not.

    chi = |A x - y| / (sigma sqrt(m)),      m real numbers measured

is near 1 for the truth, with deviation 1 / sqrt(2 m). Well above, the data contradict the image;
well below, the image fits the noise (n free numbers lower it to sqrt(1 - n / m) at least). The map
|A^H (y - A x)|, divided by the root mean square of |A^H n| for noise n of the same sigma, tells
where: about 1 everywhere for the truth, an image of what is missing otherwise.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.check import probe
from undrift.common.operators.linear import LinearOperator

CONTRADICTED, OVERFITTED = 1.2, 0.5  # chi
_PROBES = 4


@dataclass(frozen=True, eq=False)
class MeasurementCheck:
    """chi, the count m of real numbers, and the map (*shape_in), real and non-negative."""

    chi: float
    count: int
    sigma: float
    image: Tensor = field(repr=False)

    def warnings(self) -> tuple[str, ...]:
        """What is wrong, in words: chi above 1.2 or below 0.5."""
        if self.chi > CONTRADICTED:
            return (
                f"chi is {self.chi:.3g}: the result does not explain the measurement (1 is right); "
                "check sigma and the geometry of the measurement, or trust the data more",
            )
        if self.chi < OVERFITTED:
            return (
                f"chi is {self.chi:.3g}: the result follows the noise of the measurement, or "
                f"sigma = {self.sigma:g} is too large",
            )
        return ()

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {"Chi": self.chi, "Numbers": self.count, "Sigma": self.sigma}


def measurement_check(
    operator: LinearOperator, x: Tensor, y: Tensor, sigma: float, measured: Tensor | None = None
) -> MeasurementCheck:
    """Compares x (*shape_in) with y (*shape_out), both without batch axes.

    sigma: deviation of the noise of each real number (of real and of imaginary part, where y is
    complex). measured: bool, broadcasts to y; False where nothing was measured (lines of k-space
    that were left out), which then counts neither in chi nor in the map.

    Raises InputError for shapes that do not fit, NaN or no measured number; UsageError for sigma.
    """
    if not sigma > 0 or not math.isfinite(sigma):
        raise UsageError(f"sigma is {sigma}, expected the positive deviation of the noise")
    operator.check_measurement(y)
    if y.shape != operator.shape_out or x.shape != operator.shape_in:
        raise InputError(
            f"x {tuple(x.shape)} and y {tuple(y.shape)} have batch axes; expected "
            f"{operator.shape_in} and {operator.shape_out}: check each of a batch by itself"
        )
    seen = torch.ones_like(y.real, dtype=torch.bool) if measured is None else measured.expand_as(y)
    if not seen.any():
        raise InputError("no number of y is marked as measured")
    left = torch.where(seen, y - operator(x), 0)
    count = int(seen.sum()) * (2 if y.is_complex() else 1)
    chi = float(torch.linalg.vector_norm(left)) / (sigma * math.sqrt(count))
    usual = sigma * _noise_in_image(operator, y, seen)
    return MeasurementCheck(chi, count, sigma, operator.adjoint(left).abs() / (usual or 1.0))


def _noise_in_image(operator: LinearOperator, y: Tensor, seen: Tensor) -> float:
    """Root mean square over voxels of |A^H n|, n of unit deviation where `seen`: from probes."""
    total = 0.0
    for number in range(_PROBES):
        noise = probe(operator.shape_out, "complex" if y.is_complex() else "real", number)[0].to(y)
        total += float(operator.adjoint(torch.where(seen, noise, 0)).abs().square().mean())
    return math.sqrt(total / _PROBES)
