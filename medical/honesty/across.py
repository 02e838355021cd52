"""What one contrast holds that another does not explain, for T1 beside T2 or MR beside CT.

Values of two contrasts cannot be subtracted. But most of one is a function of the other, since both
follow the tissue: its best guess is the mean of one given the other's value (the correlation ratio
of registration, Roche et al. 1998). What is left of the input is what the output lost, what is left
of the output is what the input gave no reason for. Where two tissues are alike in one contrast
there is always something left, so a finding must also stand out twice as much in one as in the
other.
"""

import numpy as np
import numpy.typing as npt

from undrift.medical.volumes.volume import Values

BINS = 64


def unexplained(target: Values, given: Values, body: npt.NDArray[np.bool_]) -> Values:
    """target - E[target | given], both (x, y, z), zero outside the body; in units of `target`."""
    inside = given[body].astype(np.float64)
    edges = np.unique(np.quantile(inside, np.linspace(0, 1, BINS + 1)))
    bins = np.searchsorted(edges, inside, side="right")  # the largest value has its own
    count = np.bincount(bins)
    some = count > 0
    means = np.bincount(bins, target[body])[some] / count[some]
    middles = np.bincount(bins, inside)[some] / count[some]
    left = np.zeros(target.shape, np.float32)
    left[body] = target[body] - np.interp(inside, middles, means)
    return left


def span(values: Values, body: npt.NDArray[np.bool_]) -> float:
    """From the .5 to the 99.5 percentile in the body; 1 for a constant."""
    return float(np.ptp(np.percentile(values[body], (0.5, 99.5)))) or 1.0
