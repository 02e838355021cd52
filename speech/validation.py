"""Validation during training: one call at t = 1 on fixed mixtures of speakers not trained on.

Scores: SI-SDR and its gain over the noisy input, extended STOI, and the log-spectral distance.
The held-out card is refused, so that no checkpoint can be chosen on test speech.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from undrift.common.config import Strict
from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.processes.process import start
from undrift.speech.data import Pair, model_gain
from undrift.speech.metrics.scores import score
from undrift.speech.signal import Signal
from undrift.speech.simulate.law import Law
from undrift.speech.simulate.mixing import Mixer
from undrift.speech.sources import open_noises, open_rooms, open_speech, speech_folder
from undrift.speech.spectrogram import to_channels, to_complex

TEST_CARD = "debian-speech-heldout"
METRICS = ("si_sdr", "estoi", "lsd")


class ValidationSettings(Strict):
    """path: a folder of speakers, of whom `only` these speak. count: mixtures of `seconds`."""

    path: str
    only: list[str] = Field(default_factory=list)
    count: int = Field(40, gt=0)
    seconds: float = Field(4.0, gt=0)
    snr: tuple[float, float] = (-5.0, 15.0)


@dataclass(frozen=True)
class Validation:
    """Call it with a denoiser and a folder (unused); raises InputError for the test speech."""

    settings: ValidationSettings
    signal: Signal

    def __post_init__(self) -> None:
        if TEST_CARD in self.settings.path:
            raise InputError(f"{TEST_CARD} is kept for the test; validate on other speakers")

    def pairs(self) -> list[Pair]:
        """The mixtures, always the same."""
        given, rate = self.settings, self.signal.spectrogram.rate
        place = cache_folder() / "speech" / "banks"
        speech = open_speech([speech_folder(given.path)], rate, place, given.only, [])
        noises = open_noises(place, 4 * given.count, given.seconds, 7919, speech)
        rooms = open_rooms(place, given.count, rate, 7919)
        law = Law(snr=given.snr, no_noise=0.0, band_limited=0.0, clipped=0.0, speed_changed=0.0)
        mixer = Mixer(speech, noises, rooms, round(given.seconds * rate), 7919, law)
        drawn = [mixer.sample(n) for n in range(given.count)]
        return [(one["clean"], one["noisy"]) for one in drawn]

    def __call__(self, denoiser: Denoiser, folder: Path) -> dict[str, float]:
        """Means over the mixtures."""
        rows = []
        for clean, noisy in self.pairs():
            made = self._enhanced(denoiser, noisy)
            rate = self.signal.spectrogram.rate
            before = score(clean, noisy, rate, METRICS)
            after = score(clean, made, rate, METRICS)
            rows.append({**after, "si_sdr_gain": after["si_sdr"] - before["si_sdr"]})
        return {name: round(float(np.mean([r[name] for r in rows])), 4) for name in rows[0]}

    def _enhanced(self, denoiser: Denoiser, noisy: np.ndarray) -> np.ndarray:
        device = next(denoiser.network.parameters()).device
        gain = model_gain(noisy, self.signal)
        wave = torch.from_numpy(noisy * np.float32(gain))[None]
        spectrogram = self.signal.spectrogram
        y = to_channels(spectrogram.forward(wave)).to(device)
        x0 = denoiser(start(denoiser.process, y, torch.zeros_like(y)), 1.0, y).x0
        made = spectrogram.inverse(to_complex(x0.float()), len(noisy))
        return (made[0] / gain).cpu().numpy()
