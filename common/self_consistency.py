"""Self-consistent recursion (SelfRDB, Arslan et al. 2025): a network is shown its own estimate."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate

Recursive = Callable[[Tensor, float, Tensor | None, Tensor], Tensor]  # x, t, y, last x0 -> x0


@dataclass(frozen=True)
class SelfConsistent:
    """A network that is shown its own last estimate, as a denoiser.

    x_r <- network(x, t, y, x_r) from x_r = 0, at most `rounds` times, until the batch mean changes
    by less than `tol` at every pixel. The program then returns the estimate before the last call,
    `as_coded`; ours returns the last one.
    """

    network: Recursive
    rounds: int = 2
    tol: float = 0.01
    as_coded: bool = False

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """Estimates x0 from x: (b, c, *space) at time t."""
        now = torch.zeros_like(x)
        for _ in range(self.rounds):
            after = self.network(x, t, y, now)
            change = (after - now).mean(0).abs().max()
            if bool(change < self.tol):
                return Estimate(now if self.as_coded else after)
            now = after
        return Estimate(now)
