"""A forward operator A: what a noiseless measurement of a signal is, y = A(x).

An operator is built for one shape of signal, (c, *space) without batch axes, and takes any batch
axes before it. Its parameters are tensors of any precision on any device: at the first call they
are brought to the precision and device of the signal, and that copy is remembered.
Values are real or complex; `field_in` and `field_out` say which. The inner product is real,
<u, v> = Re sum conj(u) v, so that an operator from real to complex has an adjoint like any other.
"""

import copy
import math
from typing import Any, Literal, Self

import torch
from torch import Tensor

from undrift.common.errors import InputError

Field = Literal["any", "real", "complex"]  # of a measurement, "any" means that of the signal
HALF = (torch.float16, torch.bfloat16)


class Operator:
    """Base class: subclasses write `_forward`, for tensors with exactly one batch axis.

    shape_in, shape_out: of a signal and of a measurement, without batch axes.
    field_in: "real" or "complex" if only such signals make sense, else "any".
    field_out: "real" or "complex" if every measurement is, "any" if it is what the signal is.
    """

    linear = False

    def __init__(
        self,
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...],
        field_in: Field = "any",
        field_out: Field = "any",
    ):
        self.shape_in = sizes(shape_in, self)
        self.shape_out = tuple(int(n) for n in shape_out)
        self.field_in: Field = field_in
        self.field_out: Field = field_in if field_out == "any" else field_out
        self.unit = torch.ones((), dtype=torch.float64)  # moves along: the precision and device

    def __call__(self, x: Tensor) -> Tensor:
        """A(x): (*batch, *shape_in) -> (*batch, *shape_out).

        Raises InputError that names the shapes or the number type if x does not fit.
        """
        self.check_signal(x)
        return self._run("_forward", x, self.shape_in, self.shape_out)

    def _forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _forward")

    def linearise(self, x: Tensor) -> "tuple[Tensor, Any]":
        """A(x), and the Jacobian at x as a linear operator (with `adjoint`, `solve`, ...)."""
        from undrift.common.operators.jacobian import Jacobian

        return self(x), Jacobian(self, x)

    def jvp(self, x: Tensor, u: Tensor) -> Tensor:
        """J u, J the Jacobian of A at x; u is shaped like x."""
        return self.linearise(x)[1](u)

    def vjp(self, x: Tensor, v: Tensor) -> Tensor:
        """J^H v, J the Jacobian of A at x; v is shaped like A(x)."""
        return self.linearise(x)[1].adjoint(v)

    def __matmul__(self, inner: "Operator") -> Any:
        """(self @ inner)(x) = self(inner(x)); linear if both are."""
        from undrift.common.operators.compose import compose

        return compose(self, inner)

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """A copy whose tensors live on `device` in the precision of `dtype` (real or complex)."""
        real = None if dtype is None else _real(dtype)
        moved = copy.copy(self)
        moved.__dict__.update({k: _move(v, device, real) for k, v in self.__dict__.items()})
        moved.__dict__.pop("_copies", None)
        moved.__dict__.pop("_svd_known", None)
        return moved

    def at(self, x: Tensor) -> Self:
        """This operator in the precision and on the device of x; copies are remembered."""
        key = (_real(x.dtype), x.device)
        copies = self.__dict__.setdefault("_copies", {})
        if key not in copies:
            with torch.inference_mode(False):  # a cached inference tensor would break training
                moved = self.to(x.device, key[0])
                moved.__dict__["_copies"] = {key: moved}
            copies[key] = moved
        return copies[key]

    def check_signal(self, x: Tensor) -> None:
        """Raises InputError unless x is a signal of this operator."""
        self._check(x, self.shape_in, self.field_in, "a signal")

    def check_measurement(self, y: Tensor, finite: bool = True) -> None:
        """Raises InputError unless y is a measurement of this operator, by default without NaN.

        The search for NaN waits for the device: call it once at the door, not in a loop.
        """
        self._check(y, self.shape_out, self.field_out, "a measurement")
        if finite:
            require_finite(y, f"a measurement of {type(self).__name__}")

    def _check(self, x: Tensor, shape: tuple[int, ...], field: Field, what: str) -> None:
        name = type(self).__name__
        if tuple(x.shape[x.ndim - len(shape) :]) != shape or x.ndim < len(shape):
            wanted = ", ".join(str(n) for n in shape)
            raise InputError(
                f"{name} got {what} of shape {tuple(x.shape)}; expected (*batch, {wanted}); "
                f"resize or transpose it, or build {name} for its shape"
            )
        if not (x.is_floating_point() or x.is_complex()):
            raise InputError(
                f"{name} got {what} of {x.dtype}; expected floats; convert, as in x.float() / 255"
            )
        if field == "real" and x.is_complex():
            raise InputError(
                f"{name} got {what} of {x.dtype}; expected real values; pass x.real or abs(x)"
            )
        if field == "complex" and not x.is_complex():
            raise InputError(
                f"{name} got {what} of {x.dtype}; expected complex values; use x.to(complex), or "
                "operator @ FromReal(shape), or operator @ FromChannels(shape) for two channels"
            )

    def _run(
        self, function: str, x: Tensor, came: tuple[int, ...], gives: tuple[int, ...]
    ) -> Tensor:
        """Calls a method of the moved copy with one batch axis; half types go through float32."""
        lead = x.shape[: x.ndim - len(came)]
        work = x.float() if x.dtype in HALF else x
        out = getattr(self.at(work), function)(work.reshape(math.prod(lead), *came))
        out = out.reshape(*lead, *gives)
        return out.to(x.dtype) if x.dtype in HALF and not out.is_complex() else out

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape_in} -> {self.shape_out})"


def sizes(shape: tuple[int, ...], owner: object) -> tuple[int, ...]:
    """The shape as positive ints; raises InputError for an empty axis or none at all."""
    found = tuple(int(n) for n in shape)
    if not found or min(found) < 1:
        raise InputError(
            f"{type(owner).__name__} got shape {found}; expected (channels, *space) without the "
            "batch axis and without empty axes"
        )
    return found


def require_finite(value: Tensor, name: str) -> Tensor:
    """`value`; raises InputError if it holds NaN or infinity."""
    bad = int((~torch.isfinite(value)).sum())
    if bad:
        raise InputError(
            f"{name} has {bad} of {value.numel()} values that are NaN or infinite; expected "
            "finite values; mark missing ones with a mask and put 0 in their place"
        )
    return value


def _real(dtype: torch.dtype) -> torch.dtype:
    return dtype.to_real() if dtype.is_complex else dtype


def _move(value: Any, device: torch.device | str | None, real: torch.dtype | None) -> Any:
    if isinstance(value, Tensor):
        if real is None or not (value.is_floating_point() or value.is_complex()):
            return value.to(device=device)
        return value.to(device=device, dtype=real.to_complex() if value.is_complex() else real)
    if isinstance(value, Operator):
        return value.to(device, real)
    if isinstance(value, list | tuple) and any(isinstance(v, Tensor | Operator) for v in value):
        return type(value)(_move(v, device, real) for v in value)
    return value
