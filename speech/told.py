"""What is told of a passage: how to repeat it, what was found, and what to beware of."""

import math
from typing import Any

from undrift.speech.passage import Passage

POOR = -5.0  # dB: three times as much was removed as is left
CANCELLED = -15.0  # dB: eight channels that have nothing in common lie at -9
UNSURE = 0.5  # of the samples' deviation over their mean


def told_of(passage: Passage) -> dict[str, Any]:
    """What was done and found; complete once the blocks are out. For JSON."""
    source, method, asked = passage.source, passage.method, passage.asked
    heard = passage.spectra.heard
    seconds = source.frames / source.rate
    told: dict[str, Any] = {
        "task": asked.task or "enhance",
        **method.record(),
        "item": passage.item,
        **{k: v for k, v in vars(asked).items() if k not in ("method", "task")},
        "rate_in": source.rate,
        "rate_model": method.spectrogram.rate,
        "rate_out": passage.rate,
        "shape_in": [source.channels, source.frames],
        "shape_out": [passage.channels, passage.frames],
        "duration": round(seconds, 4),
        "nfe": method.calls,
        "level_in": [decibels(float(level)) for level in passage.measured.level],
        "clipped_in": passage.measured.clipped,
        "middle_in": _middle(passage),
        "loudness_in": _finite(passage.measured.loudness),
        "loudness_out": _loudness_out(passage),
        "gain_out": decibels(passage.gain_out),
        "snr": _finite(heard.snr),
        "disagreement": round(heard.disagreement, 4) if method.samples > 1 else None,
    }
    told["warnings"] = warnings_for(told)
    told["seconds"] = round(passage.seconds, 3)
    told["rtf"] = round(passage.seconds / seconds, 4)
    return told


def warnings_for(told: dict[str, Any]) -> list[str]:
    """What a reader of the result should know, in words."""
    said = []
    snr, unsure = told["snr"], told["disagreement"]
    if snr is not None and snr < POOR:
        said.append(
            f"more was removed than is left (estimated SNR {snr:.1f} dB): words may be altered or "
            "missing; listen to the recording too"
        )
    if unsure is not None and unsure > UNSURE:
        said.append(
            f"the samples disagree (their deviation is {unsure:.0%} of their mean): words may be "
            "altered; look at the standard deviation"
        )
    middle = told.get("middle_in")
    if middle is not None and middle < CANCELLED:
        said.append(
            f"the channels cancel each other (their middle is {middle:.0f} dB of the loudest): "
            "linked channels are heard by their middle; use --channels each, or turn one's sign"
        )
    if told["clipped_in"]:
        said.append(f"{told['clipped_in']} samples of the recording are at full scale (clipped?)")
    return said


def decibels(factor: float) -> float | None:
    """20 log10, rounded; None for 0."""
    return round(20 * math.log10(factor), 2) if factor > 0 else None


def _middle(passage: Passage) -> float | None:
    middle = passage.measured.middle
    return None if middle is None else decibels(max(middle, 1e-5))


def _loudness_out(passage: Passage) -> float | None:
    found = passage.loudness.integrated()
    if not math.isfinite(found) or passage.gain_out <= 0:
        return None
    return _finite(found + 20 * math.log10(passage.gain_out))


def _finite(value: float | None) -> float | None:
    return round(value, 2) if value is not None and math.isfinite(value) else None
