"""The noise of hyperspectral benchmarks, with the parameters of both sets of programs.

Values are in [0, 1] and sigma is quoted times 255. Each case adds to independent noise whose sigma
differs from band to band, drawn from {10, 30, 50, 70}:

    1 non-iid    nothing else            2 stripe     constant offsets U(-.25, .25) on columns
    3 deadline   columns of zeros        4 impulse    salt and pepper on a share of {.1 .3 .5 .7}
    5 mixture    stripes, dead lines and impulses, on bands of their own

"train" is as the Python classes of QRNN3D, HSIR and SERT do it: a third of the bands, and between
5 and 15 % of the columns, the upper end left out. "test" is as the Matlab scripts that made the
published test sets: exactly ten bands, ends included (the mixture takes a third of them there,
too). Numbers are drawn from `seed` by an order of our own.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from undrift.common.errors import UsageError, nearest

Cube = npt.NDArray[np.float32]
Convention = Literal["train", "test"]
CASES = ("non-iid", "stripe", "deadline", "impulse", "mixture")
SIGMAS = (10.0, 30.0, 50.0, 70.0)  # of 255
AMOUNTS = (0.1, 0.3, 0.5, 0.7)
OFFSET = 0.25
COLUMNS = (0.05, 0.15)
_TEST_BANDS = 10


@dataclass(frozen=True, eq=False)
class Noisy:
    """cube: (bands, rows, columns) float32, not clipped. sigma: (bands,) of the independent noise.
    stripes, dead, impulses: what was done to which band, for the record of a file."""

    cube: Cube
    sigma: npt.NDArray[np.float64]
    stripes: dict[int, list[int]]
    dead: dict[int, list[int]]
    impulses: dict[int, float]


def add_case(cube: Cube, case: str | int, seed: int = 0, convention: Convention = "test") -> Noisy:
    """A copy of `cube`, in [0, 1], with the noise of a case, by name or number from 1.

    Raises UsageError for another case.
    """
    name = CASES[int(case) - 1] if str(case) in "12345" else str(case)
    if name not in CASES:
        raise UsageError(f"no noise case '{case}'{nearest(name, CASES)} (or a number from 1 to 5)")
    rng = np.random.default_rng([seed, CASES.index(name)])
    bands = len(cube)
    sigma = rng.choice(SIGMAS, bands) / 255
    noise = rng.standard_normal(cube.shape, np.float32) * sigma[:, None, None]
    made = Noisy((cube + noise).astype(np.float32), sigma, {}, {}, {})
    order = [int(band) for band in rng.permutation(bands)]
    third = max(1, bands // 3)
    count = min(bands, _TEST_BANDS) if convention == "test" and name != "mixture" else third
    groups = {"stripe": order[:count], "deadline": order[:count], "impulse": order[:count]}
    if name == "mixture":
        groups["deadline"], groups["impulse"] = order[third : 2 * third], order[2 * third :][:third]
    for kind, act in (("stripe", _stripes), ("deadline", _dead), ("impulse", _impulses)):
        if name in (kind, "mixture"):
            for band in groups[kind]:
                act(made, band, rng, convention)
    return made


def add_gaussian(cube: Cube, sigma: float | npt.ArrayLike, seed: int = 0) -> Noisy:
    """A copy with independent noise of `sigma` of 255, one number or one a band (bands,)."""
    each = np.broadcast_to(np.asarray(sigma, np.float64) / 255, (len(cube),)).copy()
    noise = np.random.default_rng([seed, 99]).standard_normal(cube.shape, np.float32)
    return Noisy((cube + noise * each[:, None, None]).astype(np.float32), each, {}, {}, {})


def _stripes(made: Noisy, band: int, rng: np.random.Generator, convention: Convention) -> None:
    columns = _columns(made.cube.shape[2], rng, convention, math.floor)
    offsets = rng.uniform(-OFFSET, OFFSET, len(columns))
    made.cube[band][:, columns] -= offsets.astype(np.float32)
    made.stripes[band] = columns


def _dead(made: Noisy, band: int, rng: np.random.Generator, convention: Convention) -> None:
    columns = _columns(made.cube.shape[2], rng, convention, math.ceil)
    made.cube[band][:, columns] = 0
    made.dead[band] = columns


def _impulses(made: Noisy, band: int, rng: np.random.Generator, convention: Convention) -> None:
    amount = float(rng.choice(AMOUNTS))
    if convention == "test":  # Matlab's imnoise clips first
        made.cube[band] = made.cube[band].clip(0, 1)
    hit = rng.random(made.cube.shape[1:]) < amount
    made.cube[band][hit] = rng.integers(0, 2, int(hit.sum())).astype(np.float32)
    made.impulses[band] = amount


def _columns(width: int, rng: np.random.Generator, convention: Convention, whole) -> list[int]:
    """Columns that are hit; `whole` rounds the limits of "train"."""
    low, high = (share * width for share in COLUMNS)
    if convention == "test":
        count = int(rng.integers(math.ceil(low), math.ceil(high) + 1))
    else:
        first = int(whole(low))
        count = int(rng.integers(first, max(first + 1, int(whole(high)))))
    return sorted(int(column) for column in rng.choice(width, min(count, width), replace=False))
