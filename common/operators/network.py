"""A network as an operator: learned degradations, decoders, simulators written in torch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.operator import Field, Operator


class Network(Operator):
    """x -> module(x), for tensors with one batch axis; non-linear unless you know better.

    module: (b, *shape_in) -> (b, *shape_out), put into evaluation mode and frozen by you; it is
    not moved or converted. shape_out: by default found by one call with zeros. Compose it with
    others by `@`: `Blur(...) @ Network(decoder, ...)`. Raises InputError if the shape is another.
    """

    def __init__(
        self,
        module: Callable[[Tensor], Tensor],
        shape_in: tuple[int, ...],
        shape_out: tuple[int, ...] | None = None,
        field_in: Field = "real",
        field_out: Field = "real",
    ):
        if shape_out is None:
            shape_out = _tried(module, shape_in, field_in)
        super().__init__(shape_in, shape_out, field_in, field_out)
        self.module = module

    def _forward(self, x: Tensor) -> Tensor:
        out = self.module(x)
        if tuple(out.shape) != (x.shape[0], *self.shape_out):
            raise InputError(
                f"the network gave {tuple(out.shape)} for {tuple(x.shape)}; expected "
                f"{(x.shape[0], *self.shape_out)}; state its shape_out"
            )
        return out


def _tried(module: Any, shape: tuple[int, ...], field: Field) -> tuple[int, ...]:
    values = [*module.parameters()] if isinstance(module, torch.nn.Module) else []
    like = values[0] if values else torch.zeros(())
    dtype = like.dtype.to_complex() if field == "complex" else like.dtype
    with torch.no_grad():
        return tuple(module(torch.zeros((1, *shape), dtype=dtype, device=like.device)).shape[1:])
