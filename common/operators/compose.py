"""Products of operators: (A B)(x) = A(B(x)), linear where both factors are."""

from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.diagonal import Diagonal
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Field, Operator
from undrift.common.operators.svd import SVD


class Composition(Operator):
    """outer(inner(x)); write `outer @ inner`. At least one of the two is non-linear."""

    def __init__(self, outer: Operator, inner: Operator):
        super().__init__(inner.shape_in, outer.shape_out, *_fields(outer, inner))
        self.outer, self.inner = outer, inner

    def _forward(self, x: Tensor) -> Tensor:
        return self.outer._forward(self.inner._forward(x))

    def __repr__(self) -> str:
        return f"{self.outer!r} @ {self.inner!r}"


class LinearComposition(LinearOperator):
    """outer(inner(x)) of two linear operators; write `outer @ inner`.

    Weights on the measurement of an operator with an SVD keep the SVD where U allows it.
    """

    def __init__(self, outer: LinearOperator, inner: LinearOperator):
        super().__init__(inner.shape_in, outer.shape_out, *_fields(outer, inner))
        self.outer, self.inner = outer, inner

    def _forward(self, x: Tensor) -> Tensor:
        return self.outer._forward(self.inner._forward(x))

    def _adjoint(self, v: Tensor) -> Tensor:
        return self.inner._adjoint(self.outer._adjoint(v))

    def _normal(self, x: Tensor) -> Tensor:
        return self.inner._adjoint(self.outer._normal(self.inner._forward(x)))

    def _svd(self) -> SVD | None:
        if isinstance(self.outer, Diagonal) and (svd := self.inner.svd()) is not None:
            return svd.scaled(self.outer.weight)
        return None

    def __repr__(self) -> str:
        return f"{self.outer!r} @ {self.inner!r}"


def compose(outer: Operator, inner: Operator) -> Operator:
    """outer @ inner.  Raises InputError if the shapes or the number types do not meet."""
    if outer.shape_in != inner.shape_out:
        raise InputError(
            f"{outer!r} @ {inner!r}: the inner operator gives {inner.shape_out} but the outer one "
            f"takes {outer.shape_in}; build the outer one for {inner.shape_out}"
        )
    if isinstance(outer, LinearOperator) and isinstance(inner, LinearOperator):
        return LinearComposition(outer, inner)
    return Composition(outer, inner)


def _fields(outer: Operator, inner: Operator) -> tuple[Field, Field]:
    given = inner.field_out
    if given == "any":
        field_in = outer.field_in
        return field_in, outer.field_out if outer.field_out != "any" else field_in
    if outer.field_in not in ("any", given):
        raise InputError(
            f"{outer!r} @ {inner!r}: the inner operator gives {given} values but the outer one "
            f"takes {outer.field_in} ones; put FromReal or Magnitude between them"
        )
    return inner.field_in, outer.field_out if outer.field_out != "any" else given
