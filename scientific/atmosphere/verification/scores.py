"""The scores of fields against their truth, as numbers of one variable over times and levels.

rmse, mae, bias    in the unit of the variable, of the mean of the members
crps               fair (Ferro 2014), in the unit of the variable
ssr                spread over skill, 1 is right
rank               half the sum of |share of a rank - 1 / (M + 1)|: 0 flat, towards 1 useless
spectrum           distance of the logarithms of spectra in dB, 0 is equal; of the first member
fss                fractions skill of what lies above the truth's 95 % quantile, in 9 x 9 points
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.metrics import ensembles
from undrift.scientific.atmosphere.verification.fractions import fractions_skill_score
from undrift.scientific.atmosphere.verification.spectra import log_spectral_distance

Array = npt.NDArray[np.float64]
QUANTILE, WINDOW = 0.95, 9


@dataclass(frozen=True, eq=False)
class Both:
    """members: (m, times and levels, rows, columns), of one member where there is no ensemble.
    truth: without the first. weights: (rows, 1) with mean 1, or ones."""

    members: Array
    truth: Array
    weights: Array

    @property
    def mean(self) -> Array:
        """Of the members."""
        return self.members.mean(0)


def _average(both: Both, values: Array) -> float:
    known = np.isfinite(values)
    weights = np.broadcast_to(both.weights, values.shape)[known]
    return float(np.average(values[known], weights=weights)) if known.any() else float("nan")


def _rmse(both: Both) -> float:
    return float(np.sqrt(_average(both, (both.mean - both.truth) ** 2)))


def _rank(both: Both) -> float:
    counts = ensembles.rank_histogram(both.truth, both.members)
    shares = counts / counts.sum()
    return float(np.abs(shares - 1 / len(shares)).sum() / 2)


def _spectrum(both: Both) -> float:
    fields = zip(both.members[0], both.truth, strict=True)
    known = [(x, y) for x, y in fields if np.isfinite(x).all() and np.isfinite(y).all()]
    if not known:
        return float("nan")
    return float(np.mean([log_spectral_distance(x, y) for x, y in known]))


def _fss(both: Both) -> float:
    threshold = float(np.nanquantile(both.truth, QUANTILE))
    window = min(WINDOW, (min(both.truth.shape[-2:]) - 1) // 2 * 2 + 1)
    scores = [
        fractions_skill_score(both.members[:, k], both.truth[k], threshold, window)
        for k in range(len(both.truth))
    ]
    known = [score for score in scores if np.isfinite(score)]
    return float(np.mean(known)) if known else float("nan")


METRICS: dict[str, Callable[[Both], float]] = {
    "rmse": _rmse,
    "mae": lambda both: _average(both, np.abs(both.mean - both.truth)),
    "bias": lambda both: _average(both, both.mean - both.truth),
    "crps": lambda both: _average(both, ensembles.crps(both.truth, both.members)),
    "ssr": lambda both: ensembles.spread_skill(both.truth, both.members, weights=both.weights),
    "rank": _rank,
    "spectrum": _spectrum,
    "fss": _fss,
}
OF_ENSEMBLES = ("crps", "ssr", "rank")
