"""Your own operator, from two functions."""

from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.check import check_adjoint
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Field


class FromFunctions(LinearOperator):
    """A linear operator from A and its adjoint, each for tensors with one batch axis.

    forward: (b, *shape_in) -> (b, *shape_out); adjoint: back. With `check` (the default) the two
    are tested against each other here, in the precision `dtype`: InputError if they do not fit.
    """

    def __init__(
        self,
        forward: Callable[[Tensor], Tensor],
        adjoint: Callable[[Tensor], Tensor],
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...],
        field_in: Field = "any",
        field_out: Field = "any",
        check: bool = True,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ):
        super().__init__(shape_in, shape_out, field_in, field_out)
        self.forward_function, self.adjoint_function = forward, adjoint
        if check:
            report = check_adjoint(self, dtype, device=device)
            if not report.ok:
                raise InputError(str(report))

    def _forward(self, x: Tensor) -> Tensor:
        return self._called(self.forward_function, x, self.shape_out, "forward")

    def _adjoint(self, v: Tensor) -> Tensor:
        return self._called(self.adjoint_function, v, self.shape_in, "adjoint")

    def _called(
        self, function: Callable[[Tensor], Tensor], x: Tensor, shape: tuple[int, ...], name: str
    ) -> Tensor:
        out = function(x)
        if tuple(out.shape) != (x.shape[0], *shape):
            raise InputError(
                f"the {name} function gave {tuple(out.shape)} for an input of {tuple(x.shape)}; "
                f"expected {(x.shape[0], *shape)}; correct the function or the shapes"
            )
        return out
