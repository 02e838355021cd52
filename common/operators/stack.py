"""Several measurements of one signal as one operator: A x = (A_1 x, A_2 x, ...), laid end to end.

The measurement is one vector (*batch, m), so that residuals, solves and noise are those of any
operator; `join` and `split` go between it and the parts in their own shapes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Field, Operator


class _Parts(Operator):
    """What linear and non-linear stacks share."""

    operators: list[Operator]
    counts: list[int]

    def _lay(self, operators: Sequence[Operator]) -> tuple[tuple[int, ...], int, Field, Field]:
        """Shapes and fields of the stack; raises InputError if the signals differ."""
        if not operators or any(a.shape_in != operators[0].shape_in for a in operators):
            shapes = ", ".join(str(a.shape_in) for a in operators)
            raise InputError(
                f"a stack got operators for signals of {shapes or 'nothing'}; expected one or "
                "more operators for the same signal"
            )
        fields_in: set[Field] = {a.field_in for a in operators if a.field_in != "any"}
        if len(fields_in) > 1:
            raise InputError(
                "a stack got operators for real and for complex signals; expected one kind; use "
                "FromReal or FromChannels on the complex ones"
            )
        self.operators = list(operators)
        self.counts = [int(torch.Size(a.shape_out).numel()) for a in operators]
        field_in: Field = fields_in.pop() if fields_in else "any"
        out = {a.field_out for a in operators}
        field_out: Field = "complex" if "complex" in out else "real" if out == {"real"} else "any"
        return operators[0].shape_in, sum(self.counts), field_in, field_out

    def _forward(self, x: Tensor) -> Tensor:
        return self._laid([a._forward(x) for a in self.operators])

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Measurements, (*batch, *shape_out) each, as one (*batch, m). Raises InputError."""
        if len(parts) != len(self.operators):
            raise InputError(
                f"a stack of {len(self.operators)} operators got {len(parts)} measurements; "
                "expected one each, in the same order"
            )
        for part, operator in zip(parts, self.operators, strict=True):
            operator.check_measurement(part)
        lead = parts[0].ndim - len(self.operators[0].shape_out)
        return self._laid(list(parts), lead)

    def split(self, y: Tensor) -> list[Tensor]:
        """The inverse of `join`; parts that are real come back real."""
        self.check_measurement(y, finite=False)
        found = []
        for part, operator in zip(y.split(self.counts, -1), self.operators, strict=True):
            found.append(self._own(part, operator).reshape(*y.shape[:-1], *operator.shape_out))
        return found

    def _own(self, part: Tensor, operator: Operator) -> Tensor:
        """A part of the joint vector, real where the operator gives real values."""
        field = operator.field_out if operator.field_out != "any" else self.field_in
        return part.real if field == "real" and part.is_complex() else part

    def _laid(self, parts: list[Tensor], lead: int = 1) -> Tensor:
        dtype = parts[0].dtype
        for part in parts:
            dtype = torch.promote_types(dtype, part.dtype)
        return torch.cat([part.to(dtype).flatten(lead) for part in parts], -1)


class Stack(_Parts, LinearOperator):
    """Linear operators on the same signal; `stack(...)` picks this or the general one."""

    def __init__(self, operators: Sequence[LinearOperator]):
        shape, m, field_in, field_out = self._lay(operators)
        super().__init__(shape, (m,), field_in, field_out)

    def _adjoint(self, v: Tensor) -> Tensor:
        parts = zip(v.split(self.counts, -1), self.operators, strict=True)
        backs = [
            getattr(a, "_adjoint")(self._own(part, a).reshape(-1, *a.shape_out))  # noqa: B009
            for part, a in parts
        ]
        return torch.stack(backs).sum(0)


class StackAny(_Parts):
    """Operators of which some are non-linear; its Jacobian is that of all parts."""

    def __init__(self, operators: Sequence[Operator]):
        shape, m, field_in, field_out = self._lay(operators)
        super().__init__(shape, (m,), field_in, field_out)


def stack(*operators: Operator) -> Stack | StackAny:
    """One operator out of several on the same signal. Raises InputError if the signals differ."""
    linear = [a for a in operators if isinstance(a, LinearOperator)]
    return Stack(linear) if len(linear) == len(operators) else StackAny(operators)
