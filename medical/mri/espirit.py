"""Sensitivities of the coils out of the measurement itself: ESPIRiT (Uecker et al. 2014).

All k x k blocks of the fully measured centre, over all coils, are rows of a matrix whose row space
is that of every block of k-space. Its right singular vectors above `threshold` of the largest
singular value, taken as kernels and brought to image space, give at each pixel a coil covariance
G = sum_k g_k g_k^H; the sensitivities are its eigenvector of eigenvalue 1 (Eq. 20 to 22 there).
Where there is no signal that eigenvalue is small, and the maps are 0. The phase, which no
calibration can tell, is that of the first coil. 3-D measurements have their readout transformed
first, and are slices then.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from undrift.common.errors import InputError
from undrift.common.operators.fourier import centred_ifft


def espirit(
    kspace: Tensor,
    calibration: int | tuple[int, int] = 24,
    kernel: int = 6,
    threshold: float = 0.02,
    crop: float = 0.9,
) -> tuple[Tensor, Tensor]:
    """Maps (coils, h, w), complex, and their eigenvalues (h, w), from k-space (coils, h, w).

    calibration: sides of the centre that is used, smaller where the image is. crop: the least
    eigenvalue with a map. Raises InputError where the centre is smaller than a kernel or empty.
    """
    if kspace.ndim != 3 or not kspace.is_complex():
        raise InputError(
            f"maps are estimated from complex k-space (coils, h, w), got {tuple(kspace.shape)} "
            f"{kspace.dtype}"
        )
    kernels = _kernels(_centre(kspace, calibration), kernel, threshold)
    images = _images(kernels, tuple(kspace.shape[1:]))
    scale = math.prod(kspace.shape[1:]) / kernel**2
    covariance = scale * torch.einsum("kahw,kbhw->hwab", images, images.conj())
    values, vectors = torch.linalg.eigh(covariance)
    maps = vectors[..., -1].movedim(-1, 0)
    maps = maps * torch.exp(-1j * maps[:1].angle())
    return torch.where(values[..., -1] > crop, maps, 0), values[..., -1]


def measured_whole(mask: Tensor, most: int = 24) -> tuple[int, int]:
    """Sides of the largest window around the centre that is measured whole, (0, 0) for none.

    mask: (h, w), 1 where measured. Each side at most `most`.
    """
    sides = [0, 0]
    growing = {0, 1}
    while growing:
        for axis in sorted(growing):
            larger = [max(1, n + (k == axis)) for k, n in enumerate(sides)]
            fits = larger[axis] <= min(most, mask.shape[axis])
            if fits and bool(mask[_window(larger, mask.shape)].all()):
                sides = larger
            else:
                growing.discard(axis)
    return sides[0], sides[1]


def _window(sides: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """The middle of axes, `sides` long; the zero frequency at n // 2 lies in its middle, too."""
    first = [n // 2 - side // 2 for side, n in zip(sides, shape, strict=True)]
    return tuple(slice(f, f + side) for f, side in zip(first, sides, strict=True))


def _centre(kspace: Tensor, sides: int | tuple[int, int]) -> Tensor:
    wanted = (sides, sides) if isinstance(sides, int) else sides
    shape = kspace.shape[1:]
    fitting = [min(side, n) for side, n in zip(wanted, shape, strict=True)]
    return kspace[(slice(None), *_window(fitting, shape))]


def _kernels(centre: Tensor, kernel: int, threshold: float) -> Tensor:
    """(kernels, coils, k, k): singular vectors of all blocks of the calibration region."""
    if min(centre.shape[1:]) < kernel or not bool(centre.abs().any()):
        raise InputError(
            f"the centre of k-space that is measured whole is {tuple(centre.shape[1:])}"
            f"{'' if bool(centre.abs().any()) else ' and 0 everywhere'}; maps need {kernel} x "
            f"{kernel} or more; give maps, or a smaller kernel"
        )
    blocks = centre.unfold(1, kernel, 1).unfold(2, kernel, 1)  # (coils, rows, columns, k, k)
    matrix = blocks.permute(1, 2, 0, 3, 4).reshape(-1, len(centre) * kernel**2)
    # The Gram matrix is small whatever the region; its eigenvalues are the singular values squared.
    values, vectors = torch.linalg.eigh(matrix.mH @ matrix)
    kept = values > threshold**2 * values[-1]
    return vectors[:, kept].mH.reshape(-1, len(centre), kernel, kernel)


def _images(kernels: Tensor, space: tuple[int, ...]) -> Tensor:
    """The kernels, conjugated, as images (kernels, coils, *space), centred."""
    sides = []
    for n, k in reversed(list(zip(space, kernels.shape[2:], strict=True))):
        before = n // 2 - k // 2
        sides += [before, n - k - before]
    return centred_ifft(pad(kernels, sides), len(space))
