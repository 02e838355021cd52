"""Everything needed to use a weight file, kept in its header as JSON.

The process, the prediction, the scaling of the data, the network with its parameters, the meaning
of the level vector and the presets travel with the numbers: settings and weights cannot part.
"""

import itertools
from typing import Literal

from pydantic import Field, model_validator

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.networks.build import build_network
from undrift.common.processes import build_process


class Named(Strict):
    """A name and its parameters."""

    name: str
    params: dict[str, object] = Field(default_factory=dict)


class ScalingSettings(Strict):
    """See `undrift.common.denoisers.Scaling`."""

    sigma_d: float = Field(gt=0)
    mean: float = 0.5
    std: float = Field(0.25, gt=0)
    centre: float | None = None


class Preset(Strict):
    """How to sample: a name of `solvers.SOLVERS` and of `grids.GRIDS` (or "auto"), the number of
    steps, of samples that are averaged, of back-projections onto the measurement, and of symmetries
    of the square over which the denoiser is averaged (2-D only; of sound, 2 means both signs).

    options: fields of the solver to set, such as {"orders": [1, 2, 1]}. times: steps + 1 times from
    1 to 0 in place of the grid, as `placement` and `solvers.search` find them."""

    solver: str = "ddim"
    options: dict[str, object] = Field(default_factory=dict)
    steps: int = Field(1, ge=1)
    grid: str = "auto"
    times: tuple[float, ...] | None = None
    samples: int = Field(1, ge=1)
    back_projections: int = Field(0, ge=0)
    symmetries: Literal[1, 2, 4, 8] = 1

    @model_validator(mode="after")
    def _times_fit(self) -> "Preset":
        falling = self.times is None or all(u > v for u, v in itertools.pairwise(self.times))
        if self.times is not None and not (
            falling and len(self.times) == self.steps + 1 and 1 >= self.times[0] > 0
        ):
            raise ValueError(f"times: expected {self.steps + 1} falling times within 1 and 0")
        return self


class Settings(Strict):
    """The header of a weight file.

    signal: what the domain must know of its signal, such as the spectrogram and the level of
    speech; the domain reads it. levels: what each entry of the level vector means. ranges: of the
    task's own settings the model was trained for, such as {"scale": (2, 4)}. variance: the network
    has a second half of channels, see `Denoiser`. sampler: of published weights, how their authors
    sample; the domain reads it. record: how the weights came to be.
    """

    schema_version: Literal[1] = 1
    id: str
    domain: Literal["restoration", "medical", "speech", "scientific"]
    task: str
    process: Named
    prediction: str
    variance: bool = False
    scaling: ScalingSettings
    signal: dict[str, object] = Field(default_factory=dict)
    network: Named
    levels: list[str] = Field(default_factory=list)
    sampler: Named | None = None
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)
    presets: dict[Literal["fast", "balanced", "best"], Preset]
    record: dict[str, object] = Field(default_factory=dict)

    def build(self) -> Denoiser:
        """Builds the denoiser with fresh weights; raises InputError for unknown names."""
        return Denoiser(
            build_network(self.network.name, self.network.params),
            build_process(self.process.name, self.process.params),
            self.prediction,
            Scaling(**self.scaling.model_dump()),
            self.variance,
        )
