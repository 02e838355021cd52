"""From a field in physical units to the numbers a prior knows, variable by variable, and back.

    z = (T(x) - mean) / std,      x = T^-1(mean + std z)

identity   temperature, wind: T x = x
log1p      amounts of rain, x >= 0: T x = ln(1 + x / unit)
logit      shares, such as relative humidity, 0 < x < 1: T x = ln(x / (1 - x))

`Physical` is T^-1 as an operator: observations are told in physical units, and whatever method
explains them meets its exact slope. A negative amount of rain or a humidity above 1 cannot be.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.operators.diagonal import Diagonal
from undrift.common.operators.operator import Operator

Function = Callable[[Tensor], Tensor]
_EDGE = 1e-4  # shares are taken no nearer than this to 0 and 1, where the logit is infinite
_MOST = 30.0  # of what exp is taken of


@dataclass(frozen=True)
class Transform:
    """forward: T. back: T^-1. slope: the derivative of T^-1, all of tensors."""

    forward: Function
    back: Function
    slope: Function


TRANSFORMS = {
    "identity": Transform(lambda x: x, lambda u: u, torch.ones_like),
    "log1p": Transform(
        lambda x: torch.log1p(x.clamp(min=0)),
        lambda u: torch.expm1(u.clamp(0, _MOST)),
        lambda u: torch.exp(u.clamp(0, _MOST)) * (u >= 0),
    ),
    "logit": Transform(
        lambda x: torch.logit(x, _EDGE),
        torch.sigmoid,
        lambda u: torch.sigmoid(u) * torch.sigmoid(-u),
    ),
}


class Scale:
    """names: of the channels. mean, std: (c,) of T(x). transforms: one name a channel, or none.

    Raises InputError for unknown transforms, numbers that do not fit, and std that is not above 0.
    """

    def __init__(
        self, names: tuple[str, ...], mean: Tensor, std: Tensor, transforms: tuple[str, ...] = ()
    ):
        self.names = tuple(names)
        self.transforms = tuple(transforms) or ("identity",) * len(self.names)
        for name in self.transforms:
            if name not in TRANSFORMS:
                raise InputError(
                    f"transform {name!r} is not one of {', '.join(TRANSFORMS)}"
                    f"{nearest(name, TRANSFORMS)}"
                )
        counts = {len(self.names), len(self.transforms), *mean.shape, *std.shape}
        if len(counts) != 1 or mean.ndim != 1 or not bool((std > 0).all()):
            raise InputError(
                f"{len(self.names)} channels, {len(self.transforms)} transforms, means of "
                f"{tuple(mean.shape)} and deviations of {tuple(std.shape)}; expected one each, and "
                "deviations above 0"
            )
        self.mean, self.std = mean.double(), std.double()

    @property
    def linear(self) -> bool:
        """Whether z and x are tied by a line."""
        return set(self.transforms) == {"identity"}

    def forward(self, x: Tensor) -> Tensor:
        """z of fields (..., c, rows, columns) in physical units."""
        return (self._each(x, "forward") - self._at(self.mean, x)) / self._at(self.std, x)

    def back(self, z: Tensor) -> Tensor:
        """Fields in physical units of z."""
        return self._each(self._raw(z), "back")

    def slope(self, z: Tensor) -> Tensor:
        """dx / dz, value by value."""
        return self._each(self._raw(z), "slope") * self._at(self.std, z)

    def _raw(self, z: Tensor) -> Tensor:
        return self._at(self.mean, z) + self._at(self.std, z) * z

    def _at(self, values: Tensor, like: Tensor) -> Tensor:
        return values.to(like)[:, None, None]

    def _each(self, x: Tensor, what: str) -> Tensor:
        if self.linear:
            return torch.ones_like(x) if what == "slope" else x
        parts = [
            getattr(TRANSFORMS[name], what)(x[..., k : k + 1, :, :])
            for k, name in enumerate(self.transforms)
        ]
        return torch.cat(parts, -3)


class Physical(Operator):
    """z -> x of fields (c, rows, columns); its Jacobian is known in closed form."""

    def __init__(self, scale: Scale, shape: tuple[int, int, int]):
        super().__init__(shape, shape, "real", "real")
        self.scale = scale

    def _forward(self, x: Tensor) -> Tensor:
        return self.scale.back(x)

    def linearise(self, x: Tensor) -> tuple[Tensor, Diagonal]:
        """x of z, and the slope there, (b, c, rows, columns) or one for all where it is linear."""
        slope = self.scale.slope(x[:1] if self.scale.linear else x)
        return self(x), Diagonal(slope, self.shape_in)
