"""Scores of enhanced speech against the clean one, by name.

All are larger for better speech, except `lsd`. What each means is told where it is defined:
`ratios` (si_sdr, si_sdr_centred, sdr, snr, seg_snr), `intelligibility` (stoi, estoi), `spectra`
(lsd, pesq). No one number tells quality: a method can win one of them and sound worse.
"""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from undrift.common.metrics.names import checked_names
from undrift.speech.metrics import intelligibility, ratios, spectra

Score = Callable[[Any, Any, float], float]

METRICS: dict[str, Score] = {
    "si_sdr": lambda ref, est, rate: ratios.si_sdr(ref, est),
    "si_sdr_centred": lambda ref, est, rate: ratios.si_sdr_centred(ref, est),
    "sdr": lambda ref, est, rate: ratios.sdr(ref, est),
    "snr": lambda ref, est, rate: ratios.snr(ref, est),
    "seg_snr": ratios.segmental_snr,
    "lsd": spectra.lsd,
    "stoi": intelligibility.stoi,
    "estoi": intelligibility.estoi,
    "pesq": spectra.pesq,
}
USUAL = ("si_sdr", "estoi", "lsd")


def usual_metrics() -> tuple[str, ...]:
    """Scores taken where none are named: `USUAL`, and PESQ where its package is installed."""
    return USUAL + (("pesq",) if importlib.util.find_spec("pesq") else ())


def known_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """The names without repetition; raises UsageError for one that is not in `METRICS`."""
    return checked_names(names, METRICS, "sound")


def score(reference: Any, estimate: Any, rate: float, metrics: Sequence[str]) -> dict[str, float]:
    """Scores `estimate` against `reference`, (n,) or (channels, n) at `rate` Hz.

    Raises:
        UsageError: an unknown metric. InputError: shapes differ, values are not finite, or the
            sound does not do for a metric. MissingExtraError: `pesq` is not installed.
    """
    return {name: METRICS[name](reference, estimate, rate) for name in known_metrics(metrics)}
