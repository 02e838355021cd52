"""The law that training mixtures follow: what is drawn, from which ranges, how often."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Law:
    """Ranges are (from, to) and uniform, shares are probabilities.

    snr: dB, active speech over noise. reverberant: share with a room. two_noises: share with a
    second noise. no_noise: share without noise (of those, the ones without a room are clean alone).
    level: dBFS, active level of the speech. speed: factor of playing speed and pitch, which makes
    more speakers of few. speech_db, noise_db: deviation of a random equaliser. band_limited: share
    where both are low-passed at `band_hz`. clipped: share where the noisy one is clipped at a
    level that leaves `clip_db` below its peak. target: "direct", the dry speech in step with the
    direct path, or "early", with the reflections of the first `early` seconds. pause: seconds
    between utterances of one speaker.
    """

    snr: tuple[float, float] = (-6.0, 18.0)
    reverberant: float = 0.45
    two_noises: float = 0.25
    no_noise: float = 0.06
    level: tuple[float, float] = (-38.0, -18.0)
    speed: tuple[float, float] = (0.85, 1.2)
    speed_changed: float = 0.7
    speech_db: float = 1.5
    noise_db: float = 3.0
    band_limited: float = 0.04
    band_hz: tuple[float, float] = (3000.0, 7000.0)
    clipped: float = 0.04
    clip_db: tuple[float, float] = (3.0, 12.0)
    target: Literal["direct", "early"] = "direct"
    early: float = 0.05
    pause: tuple[float, float] = (0.1, 0.7)
