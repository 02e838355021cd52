"""Linear maps computed outside of torch, made differentiable by each other's adjoint."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


def foreign(x: Tensor, there: Map, back: Map) -> Tensor:
    """there(x) with `back`, its adjoint, as the derivative; both are linear."""
    return _Foreign.apply(x, there, back)  # pyright: ignore[reportReturnType]


class _Foreign(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, there: Map, back: Map) -> Tensor:
        return there(x.detach())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.maps = inputs[1:]

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Any, None, None]:
        there, back = ctx.maps
        return _Foreign.apply(grad_outputs[0], back, there), None, None

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        return _Foreign.apply(grad_inputs[0], *ctx.maps)
