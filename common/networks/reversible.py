"""Chains of invertible steps whose backward pass needs no stored activations.

A step of two states keeps one and mixes a function of it into the other,

    (u, x) -> (x, v u + (1 - v) f(x)),      (u', x') -> ((x' - (1 - v) f(u')) / v, u')

for any f (Gomez et al. 2017 have v = 1; Chen et al. 2025, "Invertible diffusion models", learn v,
.5 at first). The backward pass walks from the last pair to the first, inverting one step at a time
and holding the graph of that step only: one more call of f a step, and memory that does not grow
with their number. Round-off grows by 1/v a step: a few steps in float32, about 20 in float64.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from undrift.common.errors import InputError


class Coupled(nn.Module):
    """One step. body: f, a function of x like x; its parameters have to be those of `weights`.

    share: v at first, in (0, 1); learned through its logit. Raises InputError for another share.
    """

    def __init__(self, body: Callable[[Tensor], Tensor], share: float = 0.5):
        super().__init__()
        if not 0 < share < 1:
            raise InputError(f"a reversible step got share {share:g}; expected one in (0, 1)")
        self.body = body
        self.logit = nn.Parameter(torch.logit(torch.tensor(share, dtype=torch.float64)))

    def forward(self, u: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        v = torch.sigmoid(self.logit).to(x.dtype)
        return x, v * u + (1 - v) * self.body(x)

    def inverse(self, u: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The pair that `forward` brings to (u, x)."""
        v = torch.sigmoid(self.logit).to(x.dtype)
        return (x - (1 - v) * self.body(u)) / v, u


def run_reversible(
    steps: Sequence[Coupled], u: Tensor, x: Tensor, weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """The last pair, like (u, x); gradients reach u, x, the shares and `weights`, nothing else.

    weights: the parameters that the bodies use, each once.
    """
    own = [step.logit for step in steps]
    return _Reversible.apply(steps, len(own), u, x, *own, *weights)  # type: ignore[no-any-return]


def run_plainly(steps: Sequence[Coupled], u: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The same with everything stored, for comparison."""
    for step in steps:
        u, x = step(u, x)
    return u, x


class _Reversible(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, steps: Any, count: int, u: Tensor, x: Tensor, *weights: Tensor) -> Any:
        ctx.steps, ctx.weights = steps, weights
        with torch.no_grad():
            last = run_plainly(steps, u, x)
        ctx.save_for_backward(*last)
        return last

    @staticmethod
    def backward(ctx: Any, *above: Tensor) -> Any:
        pair = ctx.saved_tensors
        sums: list[Tensor | None] = [None] * len(ctx.weights)
        learned = [k for k, weight in enumerate(ctx.weights) if weight.requires_grad]
        for step in reversed(ctx.steps):
            with torch.no_grad():
                pair = tuple(value.detach() for value in step.inverse(*pair))
            with torch.enable_grad():
                state = tuple(value.clone().requires_grad_() for value in pair)
                out = step(*state)
            wanted = (*state, *(ctx.weights[k] for k in learned))
            found = torch.autograd.grad(out, wanted, above, allow_unused=True)
            above = tuple(
                torch.zeros_like(v) if g is None else g
                for g, v in zip(found[:2], pair, strict=True)
            )
            for k, gradient in zip(learned, found[2:], strict=True):
                before = sums[k]
                if gradient is not None:
                    sums[k] = gradient if before is None else before + gradient
        return (None, None, *above, *sums)
