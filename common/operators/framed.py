"""Solves for what a frame shows of a periodic blur, A = M C: C diagonal in Fourier, M the crop.

The scene goes on beyond the frame and is blurred into it, so A is not circulant; but M C C^H M^T
differs from a circulant only near the frame. Conjugate gradients preconditioned by

    M (variance |K|^2 + noise)^-1 M^T

need a handful of steps, each a pair of Fourier transforms (Chan & Ng 1996, "Conjugate gradient
methods for Toeplitz systems", Sect. 4), and the picture does not ring at the frame.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import pad

from undrift.common.operators.conjugate_gradient import conjugate_gradient

Filter = Callable[[Tensor, Tensor], Tensor]  # signal on the whole grid, gain -> the same filtered


def framed_solve(
    filtered: Filter, power: Tensor, noise: float, v: Tensor, space: tuple[int, ...],
    start: Tensor | None = None, tol: float | None = None, iterations: int = 500,
) -> Tensor:  # fmt: skip
    """(M F^-1 power F M^T + noise)^-1 v; v: (b, c, *frame), the frame at the start of `space`.

    power: (c or 1, *space), 0 or more; noise: above 0.
    """
    frame = tuple(v.shape[2:])
    inside = (..., *(slice(0, n) for n in frame))
    sizes = zip(reversed(space), reversed(frame), strict=True)
    gaps = [gap for n, m in sizes for gap in (0, n - m)]
    inverse = 1 / (power + noise)

    def seen(gain: Tensor, u: Tensor) -> Tensor:
        return filtered(pad(u, gaps), gain)[inside]

    return conjugate_gradient(
        lambda u: seen(power, u) + noise * u,
        v,
        start,
        tol,
        iterations,
        lambda r: seen(inverse, r),
    ).x
