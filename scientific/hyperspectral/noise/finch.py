"""The made-up faults of the FINCH mission (HSI-Diffusion's augmentation), band by band.

    stripes    a share of the columns, up to half of them in one to three clusters, gets
               |N(0, (s R)^2)|, one number each; R the band's range, s ~ U(s0 - .05, s0 + .05)
    noise      N(.05, .1^2) times the largest value of the band: its mean is not 0
    impulses   1 % salt, 1 % pepper

What the public program does otherwise, by defect, is left out: it rounds stripes to whole numbers,
so that values in [0, 1] get steps of exactly 1 in a fraction of a column; the salt of all bands is
the last one's; and it clips at 65536. `biased` may be switched off. Chance is by an order of ours.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Cube = npt.NDArray[np.float32]
SPREAD, CLUSTERS, WIDTH = 0.05, 3, 5  # of s; clusters at most, and columns of one at most
MEAN, DEVIATION, IMPULSES = 0.05, 0.1, 0.01


@dataclass(frozen=True, eq=False)
class Faulty:
    """cube: (bands, rows, columns) float32. stripes: (bands, columns), what was added to each
    column. salt, pepper: bool, like the cube."""

    cube: Cube
    stripes: npt.NDArray[np.float64]
    salt: npt.NDArray[np.bool_]
    pepper: npt.NDArray[np.bool_]


def add_finch(
    cube: Cube, strength: float = 0.3, share: float = 0.3, seed: int = 0, biased: bool = True
) -> Faulty:
    """A copy of a cube (bands, rows, columns) with all three. strength: s0; share: of the columns.

    Raises InputError for shares outside of [0, 1] and a strength below 0.
    """
    if not 0 <= share <= 1 or strength < 0:
        raise InputError(f"share {share:g}, strength {strength:g}; expected in [0, 1], and >= 0")
    rng = np.random.default_rng([seed, 106])
    bands, _, columns = cube.shape
    top = cube.max((1, 2)).astype(np.float64)
    reach = top - cube.min((1, 2))
    low = max(0.0, strength - SPREAD)
    level = rng.uniform(low, strength + SPREAD, bands) * reach
    stripes = np.zeros((bands, columns))
    for band in range(bands):
        hit = striped(columns, round(share * columns), rng)
        stripes[band, hit] = abs(level[band] * rng.standard_normal(len(hit)))
    mean = MEAN if biased else 0.0
    noise = mean + DEVIATION * rng.standard_normal(cube.shape)
    made = cube + stripes[:, None] + noise * top[:, None, None]
    drawn = rng.random(cube.shape)
    salt, pepper = drawn < IMPULSES, drawn > 1 - IMPULSES
    made = np.where(salt, top[:, None, None], np.where(pepper, 0.0, made))
    return Faulty(made.astype(np.float32), stripes, salt, pepper)


def striped(columns: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """`count` columns of so many: half in clusters, as far as these go; the others anywhere."""
    chosen: set[int] = set()
    for _ in range(int(rng.integers(1, CLUSTERS + 1)) if count else 0):
        first, width = int(rng.integers(columns)), int(rng.integers(2, WIDTH + 1))
        room = count // 2 - len(chosen)
        chosen |= {*range(first, min(first + min(width, max(room, 0)), columns))}
    rest = [column for column in range(columns) if column not in chosen]
    chosen |= {int(c) for c in rng.choice(rest, count - len(chosen), replace=False)}
    return np.array(sorted(chosen), np.int64)
