"""What a model of fields must know of them; the section `signal` of recipes and weight files.

    signal:
      channels: [t850, u850, v850]   # see `channels.CHANNELS`
      mean: [0.0, 0.0, 0.0]       # in K and m/s: what 0 stands for
      std: [3.0, 7.0, 7.0]      # what 1 stands for
      periodic: true              # rows and columns go round

The numbers of a network are (value - mean) / std, channel by channel.
"""

from typing import TYPE_CHECKING

import torch
from pydantic import Field, model_validator

from undrift.common.config import Strict, load
from undrift.scientific.atmosphere.channels import CHANNELS

if TYPE_CHECKING:
    from undrift.scientific.atmosphere.transforms import Scale


class Signal(Strict):
    """See the module."""

    channels: tuple[str, ...] = Field(min_length=1)
    mean: tuple[float, ...]
    std: tuple[float, ...]
    periodic: bool = True

    @model_validator(mode="after")
    def _fits(self) -> "Signal":
        if not len(self.channels) == len(self.mean) == len(self.std):
            raise ValueError(
                f"{len(self.channels)} channels, {len(self.mean)} means and {len(self.std)} "
                "deviations; expected as many of each"
            )
        strangers = [name for name in self.channels if name not in CHANNELS]
        if strangers or min(self.std) <= 0:
            raise ValueError(
                f"channels {', '.join(strangers) or 'are known'}, std {self.std}; expected names "
                f"among {', '.join(CHANNELS)}, and deviations above 0"
            )
        return self

    @property
    def scale(self) -> "Scale":
        """Between fields in physical units and the numbers of the network."""
        from undrift.scientific.atmosphere.transforms import Scale

        mean, std = (torch.tensor(v, dtype=torch.float64) for v in (self.mean, self.std))
        return Scale(self.channels, mean, std)


def read_signal(settings: dict[str, object]) -> Signal:
    """Raises InputError with all problems of the section."""
    return load(Signal, settings, "signal")
