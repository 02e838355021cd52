"""Where a window lies in its picture, as a sampler is told."""

from dataclasses import dataclass, field, replace

from undrift.common.networks.trimmed import trimmed
from undrift.common.sampling import Sampler


@dataclass(frozen=True)
class Place:
    """origin: the first pixel of the result in the whole. cut: sides where the picture goes on.

    The margin at such a side holds the reach of the network for each of its calls. shown: rows of
    the window, in pixels of the result, that the network is to see: of strips only what they keep.
    """

    origin: tuple[int, int]
    cut: tuple[bool, bool, bool, bool]
    shown: slice = field(default_factory=lambda: slice(None))

    def tell(self, sampler: Sampler) -> None:
        """Noise is that of the whole then, and margins are restored only as far as they matter."""
        sampler.origin = self.origin
        turned = sampler.choice.symmetries > 1  # each side becomes every other one
        cut = (all(self.cut),) * 4 if turned else self.cut
        denoiser = sampler.model.denoiser
        network = trimmed(denoiser.network, cut)
        if network is not denoiser.network:
            sampler.model = replace(sampler.model, denoiser=denoiser.with_network(network))
