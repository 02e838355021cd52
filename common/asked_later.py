"""A network that is asked at the next time with the state of the current one.

The published samplers of Schroedinger-bridge speech models call the network so. It is sound only
for networks whose output is x0 itself, since every other conversion needs the state's own time.
"""

from collections.abc import Sequence

from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.solvers.loop import Denoise


class AskedLater:
    """Wraps a denoiser; times: the grid of the run, descending, of which each call takes the next.

    The last time is asked of itself.
    """

    def __init__(self, denoise: Denoise, times: Sequence[float]):
        self.denoise = denoise
        self.next = dict(zip(times, [*times[1:], times[-1]], strict=True))

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """The estimate at the time after t. Raises KeyError for a time that is not of the grid."""
        return self.denoise(x, self.next[t], y, level)
