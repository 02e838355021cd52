"""Scores of an ensemble against what was observed: CRPS, spread against skill, ranks.

    CRPS   mean_i |x_i - y| - sum_ij |x_i - x_j| / (2 M^2)        biased, the empirical distribution
           ... / (2 M (M - 1))                                    fair (Ferro 2014), the default
    SSR    sqrt( mean variance / mean squared error of the mean ) * sqrt((M + 1) / M)
           with the variance over M - 1 (Fortin et al. 2014, Eq. 15); 1 where spread tells the error
    rank   how many members lie below the observation, ties by lot; flat where they are alike

Members that are NaN do not count, and M is the number of those that do; where fewer than two are
left, or the observation is NaN, the result is NaN. Weights, of areas say, are broadcast.
"""

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Array = npt.NDArray[np.float64]


def crps(
    observed: npt.ArrayLike, members: npt.ArrayLike, *, axis: int = 0, fair: bool = True
) -> Array:
    """The score of each place, of the shape of `observed`; smaller is better.

    axis: of `members` along which they lie; all others as `observed`. Raises InputError for shapes
    that do not fit and fewer than two members.
    """
    y, x = _checked(observed, members, axis)
    ordered = np.sort(x, 0)  # NaN last
    count = np.isfinite(x).sum(0)
    distance = np.nanmean(np.where(count > 0, np.abs(x - y), 0), 0)
    # sum_ij |x_i - x_j| = 2 sum_k (2 k - M + 1) x_(k), members in order, k from 0
    place = np.arange(len(x)).reshape(-1, *[1] * y.ndim)
    pairs = 2 * np.nansum((2 * place - count + 1) * ordered, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = distance - pairs / (2 * count * (count - 1 if fair else count))
    return np.where((count > 1) & np.isfinite(y), score, np.nan)


def spread_skill(
    observed: npt.ArrayLike,
    members: npt.ArrayLike,
    *,
    axis: int = 0,
    weights: npt.ArrayLike | None = None,
) -> float:
    """The ratio of spread to error over all places; 1 is right, below 1 too sure.

    Raises InputError as `crps`.
    """
    y, x = _checked(observed, members, axis)
    count = np.isfinite(x).sum(0)
    known = (count > 1) & np.isfinite(y)
    x, y, count = x[:, known], y[known], count[known]
    w = np.ones_like(y)
    if weights is not None:
        w = np.broadcast_to(np.asarray(weights, float), known.shape)[known]
    if not known.any():
        return float("nan")
    spread = np.nanvar(x, 0, ddof=1) * (count + 1) / count
    error = (np.nanmean(x, 0) - y) ** 2
    return float(np.sqrt(np.average(spread, weights=w) / np.average(error, weights=w)))


def rank_histogram(
    observed: npt.ArrayLike, members: npt.ArrayLike, *, axis: int = 0, seed: int | None = 0
) -> npt.NDArray[np.int64]:
    """Counts (members + 1,) of the ranks of the observations among their members.

    seed: of the lot among equal values; None counts the members strictly below. Places with a NaN
    are left out. Raises InputError as `crps`.
    """
    y, x = _checked(observed, members, axis)
    known = np.isfinite(x).all(0) & np.isfinite(y)
    x, y = x[:, known], y[known]
    below, equal = (x < y).sum(0), (x == y).sum(0)
    if seed is not None:
        below = below + np.random.default_rng(seed).integers(0, equal + 1)
    return np.bincount(below, minlength=len(x) + 1)


def _checked(observed: npt.ArrayLike, members: npt.ArrayLike, axis: int) -> tuple[Array, Array]:
    """As float64, the members along the first axis."""
    y, x = np.asarray(observed, np.float64), np.asarray(members, np.float64)
    if x.ndim != y.ndim + 1 or np.moveaxis(x, axis, 0).shape[1:] != y.shape or x.shape[axis] < 2:
        raise InputError(
            f"members of shape {x.shape} for observations of {y.shape}; expected the same shape "
            f"with two or more members along axis {axis}"
        )
    return y, np.moveaxis(x, axis, 0)
