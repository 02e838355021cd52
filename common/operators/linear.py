"""Linear operators: adjoint, pseudo-inverse, and the two solves that posterior samplers need.

`solve` is the posterior mean of a Gaussian in x-space, (weight A^H A + precision)^-1 rhs; `gain`
is the same from the measurement's side, variance A^H (variance A A^H + noise)^-1 v, the Kalman
gain. Both are closed forms where A has a cheap SVD and conjugate gradients elsewhere.
z + gain(y - A z) is the proximal step written so that nothing cancels when the noise is small.
"""

import math
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.conjugate_gradient import conjugate_gradient, least_squares
from undrift.common.operators.lanczos import largest_eigenvalue
from undrift.common.operators.operator import HALF, Operator
from undrift.common.operators.svd import SVD

Number = float | Tensor  # one number, or one an item shaped (b, 1, ...)


class LinearOperator(Operator):
    """Base class: subclasses write `_forward` and `_adjoint`, and `_svd` where that is cheap."""

    linear = True

    def adjoint(self, v: Tensor) -> Tensor:
        """A^H v: (*batch, *shape_out) -> (*batch, *shape_in). Raises InputError."""
        self.check_measurement(v, finite=False)
        return self._run("_adjoint", v, self.shape_out, self.shape_in)

    def _adjoint(self, v: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _adjoint")

    def normal(self, x: Tensor) -> Tensor:
        """A^H A x, shaped like x."""
        self.check_signal(x)
        return self._run("_normal", x, self.shape_in, self.shape_in)

    def _normal(self, x: Tensor) -> Tensor:
        return self._adjoint(self._forward(x))

    def svd(self) -> SVD | None:
        """The singular value decomposition, or None where it is not cheap; computed once.

        It works in this operator's own precision: `operator.at(x).svd()` gives that of x.
        """
        if "_svd_known" not in self.__dict__:
            with torch.inference_mode(False):
                self.__dict__["_svd_known"] = self._svd()
        return self.__dict__["_svd_known"]

    def _svd(self) -> SVD | None:
        return None

    def pinv(
        self, y: Tensor, rcond: float | None = None, tol: float | None = None, iterations: int = 500
    ) -> Tensor:
        """A^+ y: the least-squares solution of least norm, (*batch, *shape_in).

        With an SVD, singular values up to rcond max(s) count as zero. Without, conjugate gradients
        until |A^H (y - A x)| <= tol |A^H y|, or for so many iterations.
        """
        self.check_measurement(y, finite=False)
        return self._shaped(y, self.shape_out, "_pinv", rcond, tol, iterations)

    def _pinv(self, y: Tensor, rcond: float | None, tol: float | None, iterations: int) -> Tensor:
        if (svd := self.svd()) is not None:
            return svd.pinv(y, rcond)
        return least_squares(self._forward, self._adjoint, y, tol, iterations).x

    def solve(
        self,
        rhs: Tensor,
        weight: Number = 1.0,
        precision: Number = 0.0,
        start: Tensor | None = None,
        tol: float | None = None,
        iterations: int = 500,
    ) -> Tensor:
        """(weight A^H A + precision)^-1 rhs, rhs: (*batch, *shape_in).

        weight is 1 / sigma^2 of the noise, precision that of the prior: numbers, or one an item
        shaped (b, 1, ...), or for precision anything that broadcasts to rhs. start, tol and
        iterations are for conjugate gradients, where there is no closed form; start from the
        solution of the step before. Raises InputError if rhs is no signal of this operator.
        """
        self.check_signal(rhs)
        return self._shaped(rhs, self.shape_in, "_solve", weight, precision, start, tol, iterations)

    def _solve(
        self, rhs: Tensor, weight: Number, precision: Number, start: Tensor | None,
        tol: float | None, iterations: int,
    ) -> Tensor:  # fmt: skip
        if (svd := self.svd()) is not None and _one_an_item(precision):
            return svd.solve(rhs, weight, precision)
        return conjugate_gradient(
            lambda x: weight * self._normal(x) + precision * x, rhs, start, tol, iterations
        ).x

    def gain(
        self,
        v: Tensor,
        variance: Number = 1.0,
        noise: Number = 0.0,
        start: Tensor | None = None,
        tol: float | None = None,
        iterations: int = 500,
    ) -> Tensor:
        """variance A^H (variance A A^H + noise)^-1 v, v: (*batch, *shape_out).

        variance is that of the prior, noise that of the measurement: numbers or one an item shaped
        (b, 1, ...); noise may also broadcast to v. z + gain(y - A z) is the posterior mean under
        the prior N(z, variance); noise = 0 projects. start is a measurement, A A^H's side.
        """
        self.check_measurement(v, finite=False)
        return self._shaped(v, self.shape_out, "_gain", variance, noise, start, tol, iterations)

    def _gain(
        self, v: Tensor, variance: Number, noise: Number, start: Tensor | None,
        tol: float | None, iterations: int,
    ) -> Tensor:  # fmt: skip
        if (svd := self.svd()) is not None and _one_an_item(noise):
            return svd.gain(v, variance, noise)
        found = conjugate_gradient(
            lambda u: variance * self._forward(self._adjoint(u)) + noise * u, v, start, tol,
            iterations,
        )  # fmt: skip
        return variance * self._adjoint(found.x)

    def norm(self, iterations: int = 100, tol: float = 1e-6) -> float:
        """The largest singular value: from the SVD, else by Lanczos' method, from below.

        tol: relative gain of the square at which it stops.
        """
        if (svd := self.svd()) is not None:
            return float(svd.s.max())
        from undrift.common.operators.check import probe

        start = probe(self.shape_in, self.field_in, 0).to(self.unit.device)
        return math.sqrt(largest_eigenvalue(self.normal, start, iterations, tol))

    def linearise(self, x: Tensor) -> "tuple[Tensor, LinearOperator]":
        """A x, and the Jacobian at x, which is A."""
        return self(x), self

    def __rmul__(self, factor: float) -> Any:
        """factor * A."""
        from undrift.common.operators.diagonal import Diagonal

        weight = torch.full([1] * len(self.shape_out), float(factor), dtype=torch.float64)
        return Diagonal(weight, self.shape_out) @ self

    def _shaped(self, value: Tensor, came: tuple[int, ...], function: str, *args: Any) -> Tensor:
        """Calls a method of the moved copy that returns signals, with one batch axis."""
        lead = value.shape[: value.ndim - len(came)]
        if len(lead) != 1 and any(isinstance(a, Tensor) and a.numel() > 1 for a in args):
            raise InputError(
                f"{type(self).__name__} got tensor arguments with {len(lead)} batch axes; "
                "expected one batch axis; flatten the others"
            )
        work = value.float() if value.dtype in HALF else value
        flat = work.reshape(math.prod(lead), *came)
        out = getattr(self.at(work), function)(flat, *args).reshape(*lead, *self.shape_in)
        return out.to(value.dtype) if value.dtype in HALF else out


def _one_an_item(value: Number) -> bool:
    return not isinstance(value, Tensor) or value.numel() == 1 or max(value.shape[1:]) == 1
