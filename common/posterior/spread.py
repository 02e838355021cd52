"""The variance v0 of signals, read off a measurement: for priors that do not know theirs.

For independent pixels of mean c and variance v0, and noise sigma,

    E |m - A c|^2 = v0 |A|_F^2 + M sigma^2      (M measured values)

so that v0 is what the noise does not explain. PiGDM and JFPS take its root as sigma_d.
"""

import math

import torch
from torch import Tensor

from undrift.common.operators.check import probe
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator

_PROBES = 16


def estimated_spread(
    operator: Operator, measurement: Tensor, sigma: float, centre: float | Tensor = 0.5
) -> float:
    """sqrt(v0) of the signals behind measurement (b, *shape_out), at least 1e-3.

    centre: their mean, a number or (b or 1, *shape_in). A non-linear operator is linearised there.
    |A|_F^2 comes from the SVD, or from 16 probes of random normals. Raises InputError if the
    measurement does not fit its operator.
    """
    operator.check_measurement(measurement)
    real = measurement.real if measurement.is_complex() else measurement
    middle = torch.zeros(1, *operator.shape_in, dtype=real.dtype, device=real.device) + centre
    found, jacobian = operator.linearise(middle)
    left = (measurement - found).abs() ** 2
    parts = 2 if measurement.is_complex() else 1
    explained = parts * left.numel() * sigma**2
    size = _frobenius(jacobian.at(middle), middle) * len(measurement)
    return math.sqrt(max(float(left.sum()) - explained, 1e-6 * size) / size) if size else 1e-3


def _frobenius(operator: LinearOperator, like: Tensor) -> float:
    """|A|_F^2 = E |A n|^2 over standard normals n."""
    if (svd := operator.svd()) is not None:
        return float((svd.s**2).sum())
    total = 0.0
    for number in range(_PROBES):
        image = operator(probe(operator.shape_in, "real", number).to(like))
        total += float((image.abs() ** 2).sum())
    return total / _PROBES
