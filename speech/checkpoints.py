"""Converted checkpoints of SGMSE, SGMSE+, SB-VE, BBED and StoRM, ready for a sampler.

`undrift models convert x.ckpt x.safetensors` writes the file once, from tensors alone; this reads
it. Everything is in two real channels (b, 2, bins, frames), real and imaginary part, and so is the
process: s is the deviation of one channel. Samplers of the package ask `denoiser`:

    model = load_speech_checkpoint("x.safetensors")
    x0 = model.sampler(denoise, model.process, y, draw)        # denoise(x, y, t) by model.denoiser

For StoRM the path runs from x0 to the predictive estimate y_d, and the score is told y as well:

    y_d = model.first(y)
    denoiser = model.given(y)                                  # ask it with y_d in the place of y

Who wants the authors' own numbers takes `network`: `raw(x, y, t)` is what their `ScoreModel` gives
(`raw(x, y_d, t, y)` for StoRM), with t (b,). They draw complex noise of total variance 1, whose
deviation is sqrt(2) s, and their score is half of the gradient of the log density here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError, UsageError
from undrift.common.processes import Process
from undrift.common.weights.files import load_denoiser, read_settings
from undrift.common.weights.settings import Named, Settings
from undrift.speech.bridge import BridgeSampler
from undrift.speech.sgmse import ScoreSampler
from undrift.speech.signal import read_signal
from undrift.speech.spectrogram import Spectrogram

if TYPE_CHECKING:
    from undrift.common.networks.ncsnpp.score_network import ScoreNetwork
    from undrift.common.networks.ncsnpp.storm_network import StormNetwork

Sampler = ScoreSampler | BridgeSampler
SAMPLERS: dict[str, Callable[..., Sampler]] = {"score": ScoreSampler, "bridge": BridgeSampler}
NETWORKS = ("ncsnpp", "ncsnpp-storm")


@dataclass(frozen=True)
class SpeechCheckpoint:
    """A converted checkpoint; see the module. sampler: how its authors sample by default.

    padding: "zero" or "reflect", how they add frames at the end, up to a multiple of 64, before
    sampling. The network itself adds what it needs.
    """

    denoiser: Denoiser
    spectrogram: Spectrogram
    sampler: Sampler
    settings: Settings

    @property
    def network(self) -> "ScoreNetwork | StormNetwork":
        """The published network with the scalings around it."""
        return cast("ScoreNetwork | StormNetwork", self.denoiser.network)

    @property
    def process(self) -> Process:
        """Of one real channel."""
        return self.denoiser.process

    @property
    def padding(self) -> str:
        """See the class."""
        return self.network.padding

    @property
    def storm(self) -> bool:
        """Whether a predictive network comes first."""
        return self.settings.network.name == "ncsnpp-storm"

    def first(self, y: Tensor) -> Tensor:
        """Where the path ends: StoRM's predictive estimate of y (b, 2, bins, frames); else y."""
        return cast("StormNetwork", self.network).first(y) if self.storm else y

    def given(self, y: Tensor) -> Denoiser:
        """The denoiser to sample with, of StoRM bound to the noisy y."""
        if not self.storm:
            return self.denoiser
        return self.denoiser.with_network(cast("StormNetwork", self.network).given(y))


def load_speech_checkpoint(path: Path | str, device: str = "cpu") -> SpeechCheckpoint:
    """Reads a file written by `undrift models convert`.

    Raises InputError for a checkpoint that was not converted, and for other models.
    """
    path = Path(path)
    if path.suffix in (".ckpt", ".pt", ".pth"):
        raise InputError(
            f"{path} is a checkpoint as it was published; convert it once: undrift models convert "
            f"{path.name} {path.stem}.safetensors"
        )
    settings = read_settings(path)
    if settings.network.name not in NETWORKS or settings.sampler is None:
        raise InputError(
            f"{path} holds {settings.id}, a model with the network {settings.network.name}; "
            "expected a converted checkpoint of SGMSE, SB-VE, BBED or StoRM"
        )
    sampler = read_sampler(settings.sampler, path)
    denoiser, settings = load_denoiser(path, device)
    return SpeechCheckpoint(denoiser, read_signal(settings.signal).spectrogram, sampler, settings)


def read_sampler(named: Named, path: Path) -> Sampler:
    """The sampler of a header; raises InputError for an unknown one or wrong settings."""
    if named.name not in SAMPLERS:
        raise InputError(f"{path}: sampler {named.name!r} is not one of {', '.join(SAMPLERS)}")
    try:
        return SAMPLERS[named.name](**named.params)
    except (TypeError, UsageError) as error:
        raise InputError(f"{path}: sampler {named.name}: {error}") from error
