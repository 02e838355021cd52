"""Operators that bend each value alone: clipping, tone curves, low light, saturated sensors.

Their Jacobian is diagonal. A hard clip tells nothing of what it cut: its derivative there is 0.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.diagonal import fits
from undrift.common.operators.operator import Operator
from undrift.common.operators.radon import positive


class Clip(Operator):
    """clip(scale x, low, high): high dynamic range seen by a camera of less.

    The papers' HDR task is scale 2 in [-1, 1] (Chung et al. 2023; DAPS). Raises InputError.
    """

    def __init__(
        self, shape: tuple[int, ...], scale: float = 2.0, low: float = -1.0, high: float = 1.0
    ):
        if not low < high:
            raise InputError(f"Clip got low={low:g}, high={high:g}; expected low < high")
        super().__init__(shape, shape, "real", "real")
        self.scale, self.low, self.high = scale, low, high

    def _forward(self, x: Tensor) -> Tensor:
        return (self.scale * x).clamp(self.low, self.high)


class Gamma(Operator):
    """gain x^gamma + offset for x >= 0: a tone curve; with gain < 1, low light.

    Values below `floor` follow the tangent there, so that the derivative stays finite and a state
    that strays below 0 is pulled back. Raises InputError.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        gamma: float = 2.2,
        gain: float = 1.0,
        offset: float = 0.0,
        floor: float = 1e-3,
    ):
        positive("Gamma", gamma=gamma, gain=gain, floor=floor)
        super().__init__(shape, shape, "real", "real")
        self.gamma, self.gain, self.offset, self.floor = gamma, gain, offset, floor

    def _forward(self, x: Tensor) -> Tensor:
        above = x.clamp(min=self.floor) ** self.gamma
        slope = self.gamma * self.floor ** (self.gamma - 1)
        below = (x - self.floor).clamp(max=0) * slope
        return self.gain * (above + below) + self.offset


class Affine(Operator):
    """f x + m, f and m tensors that broadcast to the signal: the light and haze of GDP's blind
    enhancement (Fei et al. 2023), with both known. Raises InputError if they do not fit.
    """

    def __init__(self, shape: tuple[int, ...], factor: Tensor, offset: Tensor):
        super().__init__(shape, shape, "real", "real")
        self.factor = fits(factor, shape, "Affine", "factor")
        self.offset = fits(offset, shape, "Affine", "offset")

    def _forward(self, x: Tensor) -> Tensor:
        return self.factor * x + self.offset


class Saturation(Operator):
    """min(gain x, level) with a soft knee: z - softplus(sharpness (z - level)) / sharpness.

    The response of a full sensor (Whyte et al. 2014, "Deblurring shaken and partially saturated
    images", Eq. 9), z = gain x. Raises InputError.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        gain: float = 1.0,
        level: float = 1.0,
        sharpness: float = 50.0,
    ):
        positive("Saturation", gain=gain, sharpness=sharpness)
        super().__init__(shape, shape, "real", "real")
        self.gain, self.level, self.sharpness = gain, level, sharpness

    def _forward(self, x: Tensor) -> Tensor:
        z = self.gain * x
        over = torch.logaddexp(self.sharpness * (z - self.level), torch.zeros_like(z))
        return z - over / self.sharpness
