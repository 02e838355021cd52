"""Point-spread functions: what one bright point becomes, from a word or from a file.

A kernel is (h, w) float64, its sum 1, its centre at size // 2. Words, lengths in pixels:

    gaussian:1.6     standard deviation; gaussian:3,1.5 along rows and columns
    motion:15,30     straight motion of this length at this angle (degrees, counter-clockwise)
    disk:3           a lens out of focus, radius of the disc
    shake:31,4       a random camera shake in a kernel of this size, and its seed

A file is a picture (PNG, TIFF: grey, or equal channels), .npy, or .csv. Its numbers are brought to
sum 1; even sides get a row of zeros, so that the centre is a pixel.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest

LARGEST = 4097  # pixels a side


def read_psf(given: Any) -> Tensor:
    """The kernel (h, w) float64 of a word, a path, an array or a tensor (h, w).

    Raises InputError for unknown words, unreadable files, NaN, negative values, and sum 0.
    """
    if isinstance(given, np.ndarray | Tensor):
        return checked_psf(torch.as_tensor(given), "psf")
    text = str(given)
    word, colon, numbers = text.partition(":")
    if colon and word in SHAPES:
        return _drawn(text, word, numbers)
    path = Path(text).expanduser()
    if not path.is_file():
        hint = nearest(word, SHAPES) if colon else ""
        raise InputError(
            f"psf {text!r}: no such file, and not one of gaussian:1.6, motion:15,30, disk:3, "
            f"shake:31,0{hint}"
        )
    return checked_psf(torch.from_numpy(_numbers(path)), str(path))


def disk_kernel(radius: float) -> Tensor:
    """A uniform disc of `radius` pixels, each pixel weighted by the area it has inside.

    Areas by 16 x 16 points a pixel. Raises InputError for a radius that is not positive.
    """
    if not 0 < radius < LARGEST / 2:
        raise InputError(f"disk:{radius:g}: expected a radius above 0, in pixels")
    reach = math.ceil(radius - 0.5)
    fine = 16
    place = (torch.arange((2 * reach + 1) * fine, dtype=torch.float64) + 0.5) / fine - reach - 0.5
    inside = (place[:, None] ** 2 + place[None] ** 2 <= radius**2).double()
    kernel = inside.unflatten(0, (-1, fine)).unflatten(2, (-1, fine)).mean((1, 3))
    return kernel / kernel.sum()


def checked_psf(kernel: Tensor, name: str) -> Tensor:
    """The kernel in float64 with odd sides and sum 1; raises InputError if it is no kernel."""
    if kernel.ndim != 2 or 0 in kernel.shape or max(kernel.shape) > LARGEST:
        raise InputError(
            f"{name} has shape {tuple(kernel.shape)}; expected (h, w) of 1 to {LARGEST} pixels"
        )
    kernel = kernel.to(torch.float64)
    bad = int((~torch.isfinite(kernel)).sum())
    if bad:
        raise InputError(f"{name} has {bad} of {kernel.numel()} values that are not finite")
    total, low = float(kernel.sum()), float(kernel.min())
    if low < 0 or not total > 0:
        raise InputError(
            f"{name} has values from {low:g} and the sum {total:g}; a point-spread function is "
            "not negative anywhere and not 0 everywhere; subtract its background first"
        )
    tall, wide = (side % 2 == 0 for side in kernel.shape)
    return torch.nn.functional.pad(kernel / total, (0, int(wide), 0, int(tall)))


def trimmed(kernel: Tensor, share: float = 1e-4) -> Tensor:
    """The kernel without outer rings that hold less than `share` of its sum altogether."""
    while min(kernel.shape) > 2:
        inner = kernel[1:-1, 1:-1]
        if float(inner.sum()) < (1 - share) * float(kernel.sum()):
            break
        kernel = inner
    return kernel / kernel.sum()


def _drawn(text: str, word: str, numbers: str) -> Tensor:
    try:
        values = [float(part) for part in numbers.split(",")]
        few, many, make = SHAPES[word]
        if not few <= len(values) <= many or not all(map(math.isfinite, values)):
            raise ValueError
    except ValueError:
        raise InputError(
            f"psf {text!r}: expected {EXAMPLES[word]}, numbers separated by commas"
        ) from None
    return checked_psf(make(*values), text)


def _gaussian(rows: float, columns: float | None = None) -> Tensor:
    from undrift.common.operators.kernels import gaussian_kernel

    return gaussian_kernel((rows, rows if columns is None else columns))


def _motion(length: float, angle: float = 0.0) -> Tensor:
    from undrift.common.operators.kernels import motion_kernel

    return motion_kernel(length, angle)


def _shake(size: float, seed: float = 0.0) -> Tensor:
    from undrift.common.operators.kernels import shake_kernel

    return shake_kernel(int(size), 0.8, int(seed))


SHAPES: dict[str, tuple[int, int, Callable[..., Tensor]]] = {
    "gaussian": (1, 2, _gaussian),
    "motion": (1, 2, _motion),
    "disk": (1, 1, disk_kernel),
    "shake": (1, 2, _shake),
}
EXAMPLES = {
    "gaussian": "gaussian:1.6 or gaussian:3,1.5",
    "motion": "motion:15,30 (length, angle)",
    "disk": "disk:3",
    "shake": "shake:31,0 (size, seed)",
}


def _numbers(path: Path) -> np.ndarray:
    """(h, w) of a file; raises InputError where it holds something else."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            found = np.load(path, allow_pickle=False)
        elif suffix in (".csv", ".txt"):
            found = np.loadtxt(path, delimiter="," if suffix == ".csv" else None, ndmin=2)
        else:
            return _plane(path)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as numbers: {error}") from error
    if found.dtype.kind not in "biuf":
        raise InputError(f"{path} holds {found.dtype}; expected real numbers (h, w)")
    return np.squeeze(found).astype(np.float64) if found.ndim > 2 else found.astype(np.float64)


def _plane(path: Path) -> np.ndarray:
    from undrift.restoration.images import read_picture

    picture = read_picture(path)
    pixels = picture.pixels.astype(np.float64)
    if picture.value_range is not None:  # stored values: 0 has to stay 0
        low, high = picture.value_range
        pixels = low + pixels * (high - low)
    if len(pixels) == 3 and np.ptp(pixels, axis=0).max() > 0:
        raise InputError(f"{path} is in colour; expected one grey plane; deblur channels apart")
    return pixels[0]
