"""Draws of x0 when it is taken as N(estimate, width^2) and has been measured: DAPS, split-Gibbs.

    p(x0) ~ exp(-|x0 - estimate|^2 / (2 width^2) - |m - A(x0)|^2 / (2 sigma^2))

Linear A: exactly, by solving for a perturbed measurement (perturb and optimise; Papandreou and
Yuille 2010). Any A: by Langevin moves (Zhang et al. 2025, DAPS Eq. (7)), or with a momentum, which
the DAPS code calls HMC: no move is rejected, so that both are exact for small rates only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator
from undrift.common.solvers.loop import Draw


@dataclass(frozen=True)
class Langevin:
    """moves: steps. rate: their length squared, in units of the signal squared; falls linearly to
    rate * last over the levels of a run. momentum: in [0, 1), None for plain Langevin moves.

    The DAPS code has 100 moves of 1e-4 (super-resolution, Gaussian blur), 5e-5 (motion blur, phase
    retrieval), 2e-5 (HDR), with a tau in place of sigma: sigma = tau / sqrt(2), tau = .01.
    Raises InputError for numbers that cannot be.
    """

    moves: int = 100
    rate: float = 1e-4
    last: float = 0.01
    momentum: float | None = None

    def __post_init__(self) -> None:
        off = self.momentum is not None and not 0 <= self.momentum < 1
        if self.moves < 1 or self.rate <= 0 or self.last < 0 or off:
            raise InputError(
                f"Langevin got moves {self.moves}, rate {self.rate:g}, last {self.last:g}, "
                f"momentum {self.momentum}; expected 1 move or more, a rate above 0, "
                "and a momentum in [0, 1)"
            )

    @property
    def draws(self) -> int:
        """How many normals a run takes: one a move, and one for a momentum's start."""
        return self.moves + (self.momentum is not None)

    def run(
        self, score: Callable[[Tensor], Tensor], x: Tensor, share: float, draw: Draw, first: int
    ) -> Tensor:
        """Moves x along the score; share: how far the levels are, 0 to 1; draws from first."""
        rate = self.rate * (1 - share * (1 - self.last))
        if self.momentum is None:
            for k in range(self.moves):
                x = x + rate * score(x) + math.sqrt(2 * rate) * draw(first + k).to(x)
            return x
        stride, keep = math.sqrt(rate), self.momentum
        speed = draw(first).to(x)
        for k in range(self.moves):
            noise = draw(first + 1 + k).to(x)
            speed = keep * speed + stride * score(x) + math.sqrt(2 * (1 - keep)) * noise
            x = x + stride * speed
        return x


def score_of(
    operator: Operator, measurement: Tensor, sigma: float, estimate: Tensor, width: float
) -> Callable[[Tensor], Tensor]:
    """The gradient of ln p(x0), see the module."""

    def score(x: Tensor) -> Tensor:
        found, jacobian = operator.linearise(x)
        pulled = jacobian.adjoint(measurement - found)
        return pulled / sigma**2 + (estimate - x) / width**2

    return score


def exact_draw(
    operator: Operator,
    measurement: Tensor,
    sigma: float,
    estimate: Tensor,
    width: float,
    noises: tuple[Tensor, Tensor],
) -> Tensor:
    """One draw for a linear operator. noises: normals like x0, and like the measurement.

    Raises InputError for a non-linear operator.
    """
    if not isinstance(operator, LinearOperator):
        raise InputError(
            f"exact draws need a linear operator, got {operator!r}; pass a Langevin in `inner`"
        )
    drawn = estimate + width * noises[0].to(estimate)
    left = measurement + sigma * noises[1].to(estimate) - operator(drawn)
    if not torch.is_complex(left):
        return drawn + operator.gain(left, width**2, sigma**2)
    raise InputError("exact draws of complex measurements are not offered; use a Langevin")
