"""Noise of many particles at once: particle k gets the same normals however many there are.

The particles lie along an axis of their own in the counter of `Noise`, so that one call draws them
all. Particles, or particles times slices of a volume, have to be fewer than 2^20.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise

_MOST = 2**20


def ensemble_noise(
    noise: Noise,
    count: int,
    shape: tuple[int, ...] | torch.Size,
    draw: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Standard normals (count, *shape); shape: (d,), or (c, *space) with one to three axes.

    Raises InputError for other shapes, and for more particles than the counter holds.
    """
    shape = tuple(shape)
    channels, space = (1, shape) if len(shape) == 1 else (shape[0], shape[1:])
    slices = count * space[0] if len(space) == 3 else count
    if not 1 <= len(space) <= 3 or count < 1 or slices >= _MOST:
        raise InputError(
            f"got {count} particles of shape {shape}; expected (d,) or (channels, *space) with 1 "
            f"to 3 axes, and fewer than {_MOST} particles or slices"
        )
    lines = (slices, *space[-2:]) if len(space) > 1 else (count, *space)
    drawn = noise((1, channels, *lines), draw, dtype=dtype, device=device)[0]
    return drawn.reshape(channels, count, *space).transpose(0, 1).reshape(count, *shape)
