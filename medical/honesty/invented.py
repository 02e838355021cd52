"""What the measurement did not say: the part of an image that the prior made up.

A linear measurement splits an image,  x = A^+ A x + (x - A^+ A x): the first part is what the data
fix, the second lies in the null space of A, where every value explains the data equally well. Its
magnitude is the map of what was invented; it does not say that the invention is wrong. A^+ comes
from a closed form, or from conjugate gradients on |A z - A x| from zero, which reach the solution
of least norm (directions that the operator hardly sees count as unseen until they converge).

Translation and super-resolution by a network have no such operator: there the change of the
volume, averaged over a neighbourhood, shows where a result departs from what came in.
"""

import importlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.conjugate_gradient import least_squares
from undrift.common.operators.linear import LinearOperator
from undrift.medical.volumes.volume import Values


@dataclass(frozen=True, eq=False)
class Invented:
    """image: |x - A^+ A x| (*shape_in), real.  share: its norm over that of x.  residual: of the
    conjugate gradients, |A^H (A x - A z)| / |A^H A x|; 0 for a closed form."""

    share: float
    residual: float
    image: Tensor = field(repr=False)

    def record(self) -> dict[str, float]:
        """For JSON."""
        return {"NullSpaceShare": self.share, "SolverResidual": self.residual}


def null_space_map(
    operator: LinearOperator, x: Tensor, tol: float | None = None, iterations: int = 200
) -> Invented:
    """Splits x (*shape_in), without batch axes; tol, iterations: see `LinearOperator.pinv`.

    Raises InputError if x is no signal of the operator.
    """
    if x.shape != operator.shape_in:
        raise InputError(f"an image of {tuple(x.shape)}, expected {operator.shape_in}")
    seen = operator(x)
    if operator.at(x).svd() is not None:
        explained, residual = operator.pinv(seen), 0.0
    else:
        found = least_squares(operator, operator.adjoint, seen[None], tol, iterations)
        explained, residual = found.x[0], float(found.residual)
    image = (x - explained).abs()
    norm = float(torch.linalg.vector_norm(x))
    share = float(torch.linalg.vector_norm(image)) / norm if norm else 0.0
    return Invented(share, residual, image)


def local_change(
    before: Values, after: Values, spacing: tuple[float, float, float], millimetres: float = 3.0
) -> Values:
    """|after - before| averaged by a Gaussian with that deviation; both (x, y, z), in their unit.

    Raises InputError for arrays that differ in shape.
    """
    if before.shape != after.shape:
        raise InputError(f"before {before.shape} and after {after.shape} differ in shape")
    return smoothed(np.abs(after - before), spacing, millimetres)


def smoothed(
    array: Values, spacing: tuple[float, float, float], millimetres: float, beyond: str = "nearest"
) -> Values:
    """A Gaussian of so many mm deviation along every axis, whatever the spacing; (x, y, z).

    beyond: "nearest" repeats the outer voxels, "constant" has zeros there (noise then grows
    nowhere).
    """
    ndimage: Any = importlib.import_module("scipy.ndimage")
    return ndimage.gaussian_filter(
        array.astype(np.float32), [millimetres / step for step in spacing], mode=beyond
    )
