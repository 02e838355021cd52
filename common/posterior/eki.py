"""Ensemble Kalman inversion (Iglesias et al. 2013): draws of the prior are moved onto the data.

The likelihood is spent in parts h_k that sum to one; with g_j = A(x_j) each particle goes to

    x_j + C_xg (C_gg + sigma^2 / h I)^-1 (m + sigma / sqrt(h) xi_j - g_j)

where the covariances are those of the particles. No derivative of A, and no call of the network
after the draws. Exact for Gaussian x0, linear A and many particles, whatever the parts; the result
stays within the span of the particles, so their number limits what can be reached.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.operator import Operator
from undrift.common.posterior.enkg import centred
from undrift.common.solvers.loop import Draw


def kalman_inversion(
    x: Tensor,
    operator: Operator,
    measurement: Tensor,
    sigma: float,
    parts: Sequence[float],
    draw: Draw,
) -> Tensor:
    """Particles (n, *shape_in), draws of the prior -> draws of the posterior.

    measurement: (1, *shape_out), real; sigma: of its noise, above 0. parts: positive, of sum 1.
    draw: normals (n, *shape_out) by the number of the part. Raises InputError otherwise.
    """
    operator.check_measurement(measurement)
    if len(x) < 2 or len(measurement) != 1 or sigma <= 0:
        raise InputError(
            f"ensemble Kalman inversion got {len(x)} particles, {len(measurement)} measurements "
            f"and sigma {sigma:g}; expected 2 particles or more, 1 measurement, a sigma above 0"
        )
    if not parts or min(parts) <= 0 or not math.isclose(sum(parts), 1, abs_tol=1e-9):
        raise InputError(f"got parts {list(parts)} of the likelihood; expected a sum of 1")
    for number, part in enumerate(parts):
        seen = operator(x)
        width = sigma / math.sqrt(part)
        left = measurement + width * draw(number).to(x).reshape(seen.shape) - seen
        rows = math.sqrt(len(x) - 1)
        spread, image = centred(x) / rows, centred(seen) / rows
        solved = damped_solve(image, left.flatten(1), width**2)
        x = x + (solved @ image.T @ spread).reshape(x.shape)
    return x


def damped_solve(image: Tensor, left: Tensor, damping: float) -> Tensor:
    """(image^T image + damping I)^-1 for each row of left (n, m), image (k, m); damping > 0."""
    k, m = image.shape
    if m <= k:
        inner = image.T @ image + damping * torch.eye(m).to(image)
        return torch.linalg.solve(inner, left.T).T
    inner = image @ image.T + damping * torch.eye(k).to(image)
    return (left - torch.linalg.solve(inner, image @ left.T).T @ image) / damping
