"""Converted checkpoints of SGMSE, SGMSE+, SB-VE, BBED and StoRM, ready for a sampler.

`undrift models convert x.ckpt x.safetensors` writes the file once, from tensors alone; this reads
it. What comes out serves two kinds of samplers:

- any solver of the package takes `denoiser`: state, time and y in, an estimate of x0 out;
- the authors' own samplers take `network`, whose `raw(x, y, t)` is what their `ScoreModel.forward`
  gives (their score, or their estimate of x0), and `sampler`, their settings.

Everything is in two real channels (b, 2, bins, frames), real and imaginary part; t is (b,). The
authors draw complex noise of total variance 1: their standard deviation S(t) is sqrt(2) times
`process.s(t)`, which is that of one real channel, and their score is -(x - mean)/S^2, half of the
gradient of the log density here. `network.deviation(t)` gives S.

For StoRM `network.first(y)` is the predictive estimate y_d; `network.raw(x, y_d, t, y)` the score;
the path runs from x0 to y_d. With a solver of the package:

    y_d = model.network.first(y)
    denoiser = model.denoiser.with_network(model.network.given(y))   # then sample with y := y_d
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from undrift.common.denoisers import Denoiser
from undrift.common.processes import Process
from undrift.common.weights.settings import Settings
from undrift.speech.spectrogram import Spectrogram

if TYPE_CHECKING:
    from undrift.common.networks.ncsnpp.score_network import ScoreNetwork
    from undrift.common.networks.ncsnpp.storm_network import StormNetwork


@dataclass(frozen=True)
class Sampler:
    """How the authors sample with a checkpoint by default.

    kind: "pc", predictor and corrector; "sb-ode" or "sb-sde", the bridge's two samplers.
    steps: theirs called N. least: t_eps, where the last step starts. start: the first time.
    snr, corrector, corrector_steps: of "pc". step: "even" for dt = 1/N at every step (StoRM, and
    SGMSE before June 2024), "spacing" for the distance of the times. padding: of the frames to a
    multiple of `multiple`.
    """

    kind: Literal["pc", "sb-ode", "sb-sde"] = "pc"
    steps: int = 30
    least: float = 0.03
    start: float = 1.0
    snr: float = 0.5
    corrector: Literal["ald", "langevin", "none"] = "ald"
    corrector_steps: int = 1
    step: Literal["spacing", "even"] = "spacing"
    padding: Literal["zero", "reflect"] = "zero"
    multiple: int = 64


@dataclass(frozen=True)
class SpeechCheckpoint:
    """A converted checkpoint; see the module for units. storm: whether there are two networks."""

    denoiser: Denoiser
    network: "ScoreNetwork | StormNetwork"
    process: Process
    spectrogram: Spectrogram
    sampler: Sampler
    settings: Settings

    @property
    def storm(self) -> bool:
        """Whether a predictive network comes first."""
        return self.settings.network.name == "ncsnpp-storm"


def load_speech_checkpoint(path: Path | str, device: str = "cpu") -> SpeechCheckpoint:
    """Reads a file written by `undrift models convert`.

    Raises InputError for a checkpoint that was not converted, and for other models.
    """
    raise NotImplementedError
