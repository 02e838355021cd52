"""StoRM (Lemercier et al. 2023): a predictive estimate first, then diffusion that repairs it.

    y_d = D(y)                       one call, without noise
    x   = y_d + s z at t = 1, ...    the path joins x0 to y_d; the score is told y as well

What prediction loses (over-smoothed, with artefacts) is close to y_d, so the second stage needs few
steps and no corrector: 20 by the authors' advice, 21 calls in all. Their program always steps by
1/N, see `ScoreSampler.compat`.
"""

from typing import Protocol, cast

from torch import Tensor, nn

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.solvers.loop import Draw
from undrift.speech.bridge import BridgeSampler
from undrift.speech.sgmse import ScoreSampler

Sampler = ScoreSampler | BridgeSampler


class TwoStages(Protocol):
    """A network with a first stage of its own; `common.networks.ncsnpp.storm_network` is one."""

    def first(self, y: Tensor) -> Tensor:
        """The predictive estimate of y: (b, 2, bins, frames)."""
        ...

    def given(self, y: Tensor) -> nn.Module:
        """The second stage, bound to the noisy y."""
        ...


def has_two_stages(denoiser: Denoiser) -> bool:
    """Whether the network of a denoiser has a first stage."""
    return hasattr(denoiser.network, "first") and hasattr(denoiser.network, "given")


def two_stages(denoiser: Denoiser) -> TwoStages:
    """The network as one of two stages; raises InputError where it is not."""
    if not has_two_stages(denoiser):
        raise InputError(
            f"{type(denoiser.network).__name__} has no predictive first stage; StoRM takes the "
            "network ncsnpp-storm"
        )
    return cast(TwoStages, denoiser.network)


def repaired(denoiser: Denoiser, sampler: Sampler, y: Tensor, draw: Draw) -> Tensor:
    """Both stages; y: (b, 2, bins, frames), draw as `ScoreSampler.__call__` takes it."""
    network = two_stages(denoiser)
    rough = network.first(y)
    second = denoiser.with_network(network.given(y))
    return sampler(second, denoiser.process, rough, draw)
