"""Operators on the channel axis: colour to grey, spectral response, coils, mixtures.

y(j, r) = sum_i R(j, i) x(i, r) at every place r; the SVD is that of the small matrix R.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import require_finite, sizes
from undrift.common.operators.svd import SVD

GREY = {
    "mean": (1 / 3, 1 / 3, 1 / 3),
    "rec601": (0.299, 0.587, 0.114),
    "rec709": (0.2126, 0.7152, 0.0722),
}


class SpectralResponse(LinearOperator):
    """(c, *space) -> (bands, *space) by a response (bands, c), real or complex.

    Raises InputError if the response does not fit the channels, is 0 everywhere or not finite.
    """

    def __init__(self, response: Tensor, shape: tuple[int, ...]):
        shape = sizes(shape, self)
        name = type(self).__name__
        if response.ndim != 2 or response.shape[1] != shape[0]:
            raise InputError(
                f"{name} got a response of {tuple(response.shape)} for signals of {shape}; "
                f"expected (bands, {shape[0]}), one column a channel"
            )
        if not bool(require_finite(response, f"response of {name}").any()):
            raise InputError(f"{name} got a response that is 0 everywhere; expected some weight")
        field = "complex" if response.is_complex() else "any"
        super().__init__(shape, (len(response), *shape[1:]), field)
        self.response = response

    def _forward(self, x: Tensor) -> Tensor:
        return _mixed(self.response, x)

    def _adjoint(self, v: Tensor) -> Tensor:
        return _mixed(self.response.mH, v)

    def _svd(self) -> SVD:
        bands, channels = self.response.shape
        rank = min(bands, channels)
        u, values, vh = torch.linalg.svd(self.response, full_matrices=True)
        values = torch.nn.functional.pad(values, (0, channels - rank))
        axes = len(self.shape_in) - 1
        s = values.reshape(-1, *[1] * axes).expand(self.shape_in)
        u = u[:, :rank]

        def uh(y: Tensor) -> Tensor:
            padded = [g for _ in range(axes) for g in (0, 0)] + [0, channels - rank]
            return torch.nn.functional.pad(_mixed(u.mH, y), padded)

        def weigh(w: Tensor) -> Tensor | None:
            one = w.ndim <= axes or w.shape[w.ndim - 1 - axes] == 1
            return w if one or bands == 1 else None

        return SVD(
            s,
            lambda x: _mixed(vh, x),
            lambda z: _mixed(vh.mH, z),
            uh,
            lambda z: _mixed(u, z[:, :rank]),
            weigh,
        )


class Grey(SpectralResponse):
    """(3, *space) -> (1, *space); weights "mean" (as the colourisation papers), "rec601", "rec709"
    or three numbers. Raises InputError.
    """

    def __init__(
        self, shape: tuple[int, ...], weights: str | tuple[float, float, float] = "rec601"
    ):
        if isinstance(weights, str) and weights not in GREY:
            raise InputError(f"Grey got weights {weights!r}; expected one of {', '.join(GREY)}")
        numbers = GREY[weights] if isinstance(weights, str) else tuple(weights)
        super().__init__(torch.tensor([numbers], dtype=torch.float64), shape)


def _mixed(matrix: Tensor, x: Tensor) -> Tensor:
    """matrix over axis 1 of x: (b, c, *space)."""
    if x.is_complex() and not matrix.is_complex():
        matrix = matrix.to(x.dtype)
    return (matrix @ x.flatten(2)).reshape(x.shape[0], -1, *x.shape[2:])
