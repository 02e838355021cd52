"""The forward model of MRI: y_c = M F (S_c x) + n_c (Pruessmann et al. 1999, Eq. 1).

x is the complex image, S_c the sensitivity of coil c, F the centred orthonormal Fourier transform
(or the non-uniform one of a trajectory), M what was measured. Images are two real channels, so
that a prior of real numbers meets the complex operator: A = M F S C with C: (2, *space) -> complex,
whose adjoint takes both parts apart. Maps with sum_c |S_c|^2 = 1 give x the magnitude of the root
of the sum of squares of the coils.
"""

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators import (
    CoilFourier,
    Fourier,
    FromChannels,
    LinearOperator,
    NonUniformFourier,
)


def cartesian(
    maps: Tensor | None, mask: Tensor, space: tuple[int, ...], axes: int | None = None
) -> LinearOperator:
    """Images (2, *space) -> k-space (coils, *space), 0 where the mask is.

    maps: complex (coils, *space), None for one coil that sees all alike. mask: 0/1, the last axes
    of space: (phase,) for lines, (readout, phase), or (phase, partition) in 3-D. axes: how many of
    the last axes are transformed, 2 for a stack of slices (slices, h, w), by default all.
    Raises InputError.
    """
    full = check_mask(mask, space)
    shape = (1, *space)
    if maps is None:
        return Fourier(shape, full[None], axes) @ FromChannels((2, *space))
    return CoilFourier(maps, shape, full[None], axes) @ FromChannels((2, *space))


def non_cartesian(
    maps: Tensor | None, frequencies: Tensor, space: tuple[int, ...]
) -> LinearOperator:
    """Images (2, *space) -> samples (coils, points). frequencies: (points, d), radians per pixel.

    Raises InputError, and MissingExtraError without finufft.
    """
    inner = FromChannels((2, *space))
    return NonUniformFourier(frequencies, (1, *space), maps) @ inner


def check_mask(mask: Tensor, space: tuple[int, ...]) -> Tensor:
    """The mask as one that broadcasts to `space`. Raises InputError for another shape."""
    tail = tuple(mask.shape)
    if not tail or len(tail) > len(space) or tail != tuple(space[len(space) - len(tail) :]):
        raise InputError(
            f"a mask of {tail} for k-space of {tuple(space)}: expected {_shapes(space)}, 1 where "
            "measured"
        )
    return mask.reshape((1,) * (len(space) - mask.ndim) + tail)


def to_channels(x: Tensor) -> Tensor:
    """Complex (b, 1, *space) -> (b, 2, *space)."""
    return torch.cat([x.real, x.imag], 1)


def to_complex(x: Tensor) -> Tensor:
    """(b, 2, *space) -> complex (b, *space)."""
    return torch.complex(x[:, 0].contiguous(), x[:, 1].contiguous())


def _shapes(space: tuple[int, ...]) -> str:
    tails = [str(tuple(space[k:])) for k in reversed(range(len(space)))]
    return " or ".join(tails)
