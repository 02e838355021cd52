"""A cube as a product of few spectra and few bands of its own, X = E A.

V (bands, k) holds the first right singular vectors of the cube as pixels times bands. With k bands
B, E = V V_B^-1 (Eq. (14) of HIR-Diff) makes all bands of these, E_B = 1: the reduced image A is a
picture of k real bands, which a prior of pictures knows. Signs and rotations of V do not matter.

B is chosen so that E is small, for errors of A come out times E: strong rank-revealing QR (Gu &
Eisenstat 1996, Algorithm 4). For a matrix of k rows its bound is on the values of V_B^-1 V itself.
To exchange band i of B for j multiplies |det V_B| by |(V_B^-1 V)_ij|, so that the search ends.
"""

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError

Array = npt.NDArray[np.float64]
RANK, BOUND = 3, 1.2


def singular_vectors(cube: Array, rank: int = RANK) -> Array:
    """(bands, rank) of a cube (bands, rows, columns): the mean is not taken off.

    Raises InputError for fewer bands or pixels than the rank, and values that are not finite.
    """
    pixels = cube.reshape(len(cube), -1).T
    if min(pixels.shape) < rank or not np.isfinite(pixels).all():
        raise InputError(
            f"a cube of {cube.shape}, {'' if np.isfinite(pixels).all() else 'not '}finite; "
            f"expected {rank} bands and pixels or more, all with values"
        )
    return np.linalg.svd(pixels, full_matrices=False)[2][:rank].T


def choose_bands(vectors: Array, bound: float = BOUND) -> npt.NDArray[np.int64]:
    """(k,) bands in rising order, of vectors (bands, k), with |E| <= bound everywhere.

    Raises InputError for a bound below 1, which nothing may meet.
    """
    if bound < 1:
        raise InputError(f"bound {bound}; expected 1 or more")
    from scipy.linalg import qr

    rank = vectors.shape[1]
    order = [int(band) for band in qr(vectors.T, mode="r", pivoting=True)[-1]]
    while True:
        mixed = np.linalg.solve(vectors[order[:rank]].T, vectors[order[rank:]].T)
        large = np.argwhere(abs(mixed.T) > bound)  # column after column, as MATLAB's find
        if not len(large):
            return np.array(sorted(order[:rank]))
        other, own = (int(v) for v in large[0])
        order[rank], order[rank + other] = order[rank + other], order[rank]
        order.insert(rank - 1, order.pop(own))
        order[rank - 1], order[rank] = order[rank], order[rank - 1]


def equal_steps(bands: int, rank: int = RANK) -> npt.NDArray[np.int64]:
    """(rank,) bands at equal steps, what is taken without RRQR."""
    return np.array([bands * i // (rank + 1) for i in range(1, rank + 1)])


def coefficients(vectors: Array, bands: npt.NDArray[np.integer]) -> Array:
    """E (bands, k): all bands from the chosen ones."""
    return np.linalg.solve(vectors[bands].T, vectors.T).T.astype(np.float64)
