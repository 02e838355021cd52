"""The Jacobian of a non-linear operator at a point, as a linear operator.

J u is a forward-mode and J^H v a reverse-mode product of torch.func, so the adjoint is exact. The
graph of the reverse mode is kept, so that many adjoints cost one forward pass.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator


class Jacobian(LinearOperator):
    """J at x: (*batch, *shape_in). It applies to as many signals, or at one point to any number.

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
        self._pulls: dict[int, Any] = {}

    def _forward(self, x: Tensor) -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):  # fused attention has no forward mode
            return torch.func.jvp(self.operator._forward, (self._points(len(x)),), (x,))[1]

    def _adjoint(self, v: Tensor) -> Tensor:
        count = len(v)
        if count not in self._pulls:
            with torch.inference_mode(False), torch.enable_grad():
                pull = torch.func.vjp(self.operator._forward, self._points(count))[1]
            self._pulls = {count: pull}
        return self._pulls[count](v)[0].detach()

    def at(self, x: Tensor) -> "Jacobian":
        """This Jacobian itself: its point fixes precision and device."""
        return self

    def _points(self, count: int) -> Tensor:
        if len(self.point) not in (1, count):
            raise InputError(
                f"a Jacobian at {len(self.point)} points got {count} signals; expected as many; "
                "linearise at a batch of the same size"
            )
        return self.point.expand(count, *self.shape_in).contiguous()
