"""Scores enhanced sound files against clean ones; how they are matched, see `common.metrics.pairs`.

Both files must have the same rate, channels and number of samples: nothing is resampled, cut or
aligned on the quiet.
"""

from collections.abc import Sequence
from pathlib import Path

from undrift.common.errors import InputError
from undrift.common.metrics.pairs import Kind, Pairs, score_files
from undrift.common.metrics.score_table import Table
from undrift.common.metrics.summary import RESAMPLES
from undrift.speech.audio import SUFFIXES, read_audio
from undrift.speech.metrics.scores import known_metrics, score, usual_metrics

KIND = Kind("sound", SUFFIXES)
OPTIONS = ()


def evaluate(
    estimate: str | Path,
    reference: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
) -> tuple[Table, Pairs]:
    """Scores every matched pair; files that cannot be scored are the table's `failed`.

    Args:
        estimate, reference: two files, or two folders.
        metrics: names in `undrift.speech.metrics.scores.METRICS`; None takes the usual ones.
        resamples: of the bootstrap intervals.

    Raises:
        UsageError: an unknown metric. InputError: a path is missing, or nothing matches.
    """
    chosen = usual_metrics() if metrics is None else known_metrics(metrics)

    def scored(first: Path, second: Path) -> dict[str, float]:
        return score_pair(second, first, chosen)

    return score_files(Path(estimate), Path(reference), KIND, scored, chosen, {}, resamples)


def score_pair(reference: Path, estimate: Path, metrics: Sequence[str]) -> dict[str, float]:
    """Scores of one file against another. Raises InputError for rates or sizes that differ."""
    ref, est = read_audio(reference), read_audio(estimate)
    if ref.rate != est.rate:
        raise InputError(
            f"the reference has {ref.rate} Hz, the estimate {est.rate}; resample one of them first"
        )
    return score(ref.samples, est.samples, ref.rate, metrics)
