"""The Jacobian of a non-linear operator at a point, as a linear operator.

J u is a forward-mode and J^H v a reverse-mode product of torch.func, so the adjoint is exact. The
graph of the reverse mode is kept, so that many adjoints cost one forward pass.
"""

from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator


class Jacobian(LinearOperator):
    """J at x: (*batch, *shape_in). It applies to signals with the same batch axes as x.

    Raises InputError if x is not a signal of the operator, or is later given another batch.
    """

    def __init__(self, operator: Operator, x: Tensor):
        operator.check_signal(x)
        field_in = "complex" if x.is_complex() else "real"
        super().__init__(operator.shape_in, operator.shape_out, field_in, operator.field_out)
        if operator.field_out == "any":
            self.field_out = field_in
        self.operator = operator.at(x)
        self.point = x.detach().reshape(-1, *operator.shape_in)
        self._pull: Any = None

    def _forward(self, x: Tensor) -> Tensor:
        self._same_batch(x)
        return torch.func.jvp(self.operator._forward, (self.point,), (x,))[1]

    def _adjoint(self, v: Tensor) -> Tensor:
        self._same_batch(v)
        if self._pull is None:
            with torch.inference_mode(False), torch.enable_grad():
                self._pull = torch.func.vjp(self.operator._forward, self.point)[1]
        return self._pull(v)[0].detach()

    def at(self, x: Tensor) -> "Jacobian":
        """This Jacobian itself: its point fixes precision and device."""
        return self

    def norm(self, iterations: int = 100, tol: float = 1e-6) -> float:
        """The largest singular value, by power iteration; the point needs a batch of one."""
        return super().norm(iterations, tol)

    def _same_batch(self, x: Tensor) -> None:
        if x.shape[0] != self.point.shape[0]:
            raise InputError(
                f"a Jacobian at {self.point.shape[0]} points got {x.shape[0]} signals; expected as "
                "many; linearise at a batch of the same size"
            )
