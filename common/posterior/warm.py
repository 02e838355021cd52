"""What a solve of one step leaves for the next: systems change little from one time to the next.

The Gauss-Markov weights w of (A V A^T + sigma^2) w = m - A D follow the state smoothly, so that the
last w is a good start. A memory belongs to one run; at a time that is not cleaner than the last
one, or for another batch, it has nothing to give, so that a new run begins as the first one did.
"""

import math

from torch import Tensor


class Warm:
    """Hand one to a conditional denoiser, `warm=Warm()`; it is changed by every call."""

    def __init__(self) -> None:
        self._time = -math.inf
        self._kept: Tensor | None = None

    def start(self, t: float, like: Tensor) -> Tensor | None:
        """The weights of the step before, if t follows it and they fit; else None."""
        kept = self._kept
        if kept is None or t >= self._time or kept.shape != like.shape or kept.dtype != like.dtype:
            return None
        return kept.to(like.device)

    def keep(self, t: float, weights: Tensor) -> None:
        """Remembers the weights found at t, shaped like a measurement."""
        self._time, self._kept = t, weights.detach()
