"""The chain of HIR-Diff: DDIM steps of the reduced image, each pulled by a gradient.

    x0 = clip((x - sqrt(1 - abar) eps) / sqrt(abar)),     X = E (x0 + 1) / 2
    x' = sqrt(abar') x0 + sqrt(1 - abar') eps - grad_x loss(X)                       (Algorithm 1)

The gradient goes through the network. The published program hands it abar where it was trained with
sqrt(abar), and reports the best X of the way, which it knows from the truth; here the last state
counts, and whoever has the truth may look at the others.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser
from undrift.common.grids import time_of_ratio
from undrift.common.noise import Noise
from undrift.scientific.hyperspectral.hir_diff.factors import (
    RANK,
    choose_bands,
    coefficients,
    singular_vectors,
)
from undrift.scientific.hyperspectral.hir_diff.guidance import Guidance
from undrift.scientific.hyperspectral.hir_diff.schedules import Law, schedule, walked

EpsOf = Callable[[Tensor, float], Tensor]  # (1, k, rows, columns) in [-1, 1] with noise, abar


@dataclass(frozen=True, eq=False)
class State:
    """After a step: x and the x0 before it (1, k, rows, columns), and E (bands, k)."""

    x: Tensor
    x0: Tensor
    factor: Tensor

    @property
    def on_the_way(self) -> Tensor:
        """The cube X of x0 (1, bands, rows, columns)."""
        return spread(self.factor, self.x0)

    @property
    def result(self) -> Tensor:
        """The cube (bands, rows, columns) of x itself, clipped to [0, 1]: for the last state."""
        return spread(self.factor, self.x)[0].clamp(0, 1)


def chain(
    eps_of: EpsOf, factor: Tensor, loss: Guidance, start: Tensor,
    levels: Iterable[tuple[float, float]],
) -> Iterator[State]:  # fmt: skip
    """States of the chain. factor: E (bands, k). start: white noise (1, k, rows, columns)."""
    x = start
    for abar, later in levels:
        x = x.detach().requires_grad_()
        eps = eps_of(x, abar)
        x0 = ((x - (1 - abar) ** 0.5 * eps) / abar**0.5).clamp(-1, 1)
        (pull,) = torch.autograd.grad(loss(spread(factor, x0)), x)
        x = (later**0.5 * x0 + (1 - later) ** 0.5 * eps - pull).detach()
        yield State(x, x0.detach(), factor)


def spread(factor: Tensor, x: Tensor) -> Tensor:
    """E (x + 1) / 2: (1, bands, rows, columns) of a reduced image in [-1, 1]."""
    return torch.einsum("ck,bkhw->bchw", factor, (x + 1) / 2)


def restore(
    cube: npt.NDArray[np.floating], eps_of: EpsOf, loss: Guidance, *, steps: int = 20,
    law: Law = "exponential", k: float = 8.0, seed: int = 0, item: str = "",
    bands: npt.NDArray[np.integer] | None = None, side: tuple[int, int] | None = None,
) -> Iterator[State]:  # fmt: skip
    """The chain of a cube (bands, rows, columns) with values in [0, 1] where they are known.

    loss: with y and the operator on the device and of the type that is computed in. bands: instead
    of those that RRQR chooses. side: rows and columns of the result, where it is finer than `cube`.
    Raises InputError as `singular_vectors`.
    """
    vectors = singular_vectors(np.asarray(cube, np.float64))
    chosen = choose_bands(vectors) if bands is None else bands
    factor = torch.from_numpy(coefficients(vectors, chosen)).to(loss.y)
    shape = (1, RANK, *(side or cube.shape[1:]))
    start = Noise(seed, item)(shape, dtype=loss.y.dtype, device=loss.y.device)
    yield from chain(eps_of, factor, loss, start, walked(schedule(law, k), steps))


def told_abar(network: nn.Module, root: bool = False) -> EpsOf:
    """A network of SR3's kind, eps(x, level). root: told sqrt(abar), as in its training."""
    return lambda x, abar: network(x, x.new_full((len(x), 1), abar**0.5 if root else abar))


def of_denoiser(denoiser: Denoiser) -> EpsOf:
    """A denoiser of pictures in [-1, 1] of any process without a degraded signal."""

    def eps_of(x: Tensor, abar: float) -> Tensor:
        process, spread_d = denoiser.process, denoiser.scaling.sigma_d
        t = time_of_ratio(process, ((1 - abar) / abar) ** 0.5, spread_d)
        share = float(process.a(torch.tensor(t, dtype=torch.float64)))
        x0 = denoiser(share / abar**0.5 * x, t).x0
        return (x - abar**0.5 * x0) / (1 - abar) ** 0.5

    return eps_of
