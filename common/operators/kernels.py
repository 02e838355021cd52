"""Blur kernels: Gaussian, straight motion, random camera shake. All sum to one.

A kernel is a tensor with one to three axes whose centre is at size // 2. `shake` draws a random
path like those of Levin et al. ("Understanding and evaluating blind deconvolution", 2009): a
smooth velocity that changes slowly, from counter-based noise, so that a seed names a kernel.
"""

import math

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.noise import Noise


def gaussian_kernel(
    std: float | tuple[float, ...], size: int | tuple[int, ...] | None = None, axes: int = 2
) -> Tensor:
    """exp(-r^2 / (2 std^2)) at the pixel centres, normalised; (size,) * axes in float64.

    std: in pixels, one for all axes or one each. size: odd, by default out to 4 std.
    Raises InputError for a std or size that is not positive.
    """
    stds = (float(std),) * axes if isinstance(std, int | float) else tuple(std)
    if min(stds) <= 0:
        raise InputError(f"gaussian_kernel got std={std}; expected more than 0, in pixels")
    if size is None:
        wide = tuple(2 * max(1, math.ceil(4 * s)) + 1 for s in stds)
    else:
        wide = (size,) * len(stds) if isinstance(size, int) else tuple(size)
    if len(wide) != len(stds) or min(wide) < 1:
        raise InputError(
            f"gaussian_kernel got size={size} for {len(stds)} axes; expected 1 or more"
        )
    kernel = torch.ones((), dtype=torch.float64)
    for s, n in zip(stds, wide, strict=True):
        place = torch.arange(n, dtype=torch.float64) - n // 2
        kernel = kernel[..., None] * torch.exp(-0.5 * (place / s) ** 2)
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float = 0.0, size: int | None = None) -> Tensor:
    """Uniform straight motion over `length` pixels: (size, size) float64.

    angle: degrees against the x-axis, counter-clockwise as seen on the screen. The path is drawn
    with bilinear weights. Raises InputError if it does not fit into `size`.
    """
    if not length > 0:
        raise InputError(f"motion_kernel got length={length}; expected more than 0, in pixels")
    turn = math.radians(angle)
    along = torch.linspace(-0.5, 0.5, max(2, math.ceil(16 * length)) + 1, dtype=torch.float64)
    path = torch.stack([-math.sin(turn) * length * along, math.cos(turn) * length * along], 1)
    return _drawn(path, size)


def shake_kernel(size: int = 31, strength: float = 0.5, seed: int = 0) -> Tensor:
    """A random camera shake that fits into (size, size), float64.

    strength in (0, 1]: the extent of the path relative to the kernel, its width about
    strength * size pixels. Equal arguments give equal kernels. Raises InputError.
    """
    if not 0 < strength <= 1 or size < 3:
        raise InputError(
            f"shake_kernel got size={size}, strength={strength}; expected a size from 3 and "
            "0 < strength <= 1"
        )
    steps = 512
    push = Noise(seed, "shake kernel")((1, 2, steps), dtype=torch.float64)[0]
    fade = 0.97 ** torch.arange(steps, dtype=torch.float64)
    speed = torch.stack([_filtered(row, fade) for row in push])  # velocity forgets in 33 steps
    path = speed.cumsum(1).T
    path = path - (path.amax(0) + path.amin(0)) / 2
    reach = strength * (size - 2) / 2
    return _drawn(path * (reach / path.abs().max()), size)


def _filtered(row: Tensor, fade: Tensor) -> Tensor:
    n = len(row)
    return torch.fft.irfft(torch.fft.rfft(row, 2 * n) * torch.fft.rfft(fade, 2 * n), 2 * n)[:n]


def _drawn(path: Tensor, size: int | None) -> Tensor:
    """A kernel from points (n, 2) of (y, x) about the centre, equal time at each point."""
    needed = 2 * math.ceil(float(path.abs().max()) - 1e-9) + 1
    size = needed if size is None else size
    if size < needed:
        raise InputError(f"the path needs a kernel of {needed}, got size={size}; enlarge the size")
    kernel = torch.zeros(size * size, dtype=torch.float64)
    place = path + size // 2
    low = place.floor().clamp(0, size - 1)
    part = place - low
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (part[:, 0] if dy else 1 - part[:, 0]) * (part[:, 1] if dx else 1 - part[:, 1])
            y, x = (low[:, 0] + dy).clamp(max=size - 1), (low[:, 1] + dx).clamp(max=size - 1)
            kernel.index_add_(0, (y * size + x).long(), weight)
    return (kernel / kernel.sum()).reshape(size, size)
