"""Weighted sums of large tensors with as few passes over memory as there are terms.

Beside a network these sums are all that a sampling step costs, and each is bound by memory.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError

Value = float | Tensor  # one number, or one an item shaped (b, 1, ...)


def plus(start: Value, weight: Value, value: Tensor) -> Tensor:
    """start + weight value, in one pass where the weight is a number."""
    if not isinstance(start, Tensor) and start == 0:
        return weight * value
    if isinstance(weight, Tensor) or not isinstance(start, Tensor):
        return start + weight * value
    return torch.add(start, value, alpha=weight)


def is_one(value: Value) -> bool:
    return not isinstance(value, Tensor) and abs(value - 1) < 1e-12  # but for rounding


def blend(
    x: Tensor, of_x: float, out: Tensor, of_out: float, y: Tensor | None, of_y: float
) -> Tensor:
    """of_x x + of_out out + of_y y in the precision of x, writing into none of them.

    Raises InputError if y is needed and missing.
    """
    if is_one(of_x):
        mixed = torch.add(x, out, alpha=of_out)
    else:
        mixed = torch.mul(x, of_x).add_(out, alpha=of_out)
    if of_y == 0:
        return mixed
    if y is None:
        raise InputError("this process joins x0 to y; pass y")
    return mixed.add_(y, alpha=of_y)
