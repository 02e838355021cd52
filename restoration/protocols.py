"""How a benchmark degrades clean photographs, and how it scores what comes back.

"sr": the picture is cropped to a multiple of a whole scale, shrunk by the bicubic kernel with
antialiasing (MATLAB's imresize) and rounded to 8 bits, as every public low-resolution set is;
scores leave out `scale` pixels, rounded up, on each side and are taken in RGB and on luma. A scale
that is not whole takes the whole picture: h shrinks to ceil(h / scale), and of the ceil(scale
ceil(h / scale)) rows that come back the first h are scored.
"denoise": white Gaussian noise is added to the floating-point picture, neither clipped nor
rounded; a grey picture gets one noise plane. The noise is a function of (seed, item) only; its
size, not its shape, changes with sigma.
"deblur", "inpaint" and the other tasks with an operator: see `protocols_operators`.
Restored pictures are clipped to [0, 1] before they are scored, as saving them would.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest

TASKS = ("denoise", "sr", "deblur", "inpaint")


class Case(Protocol):
    """One way to degrade and score pictures."""

    @property
    def task(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...

    @property
    def crop_border(self) -> int: ...

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """The reference and the degraded picture, (c, h, w)."""
        ...

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> Any:
        """What a method is told besides."""
        ...


@dataclass(frozen=True)
class Condition:
    """One way to degrade and score: `task` with `sigma` (0..255 scale) or `scale`."""

    task: str
    sigma: float | None = None
    scale: float | None = None

    @property
    def name(self) -> str:
        """ "sigma 25" or "x4"."""
        return f"sigma {self.sigma:g}" if self.task == "denoise" else f"x{self.scale:g}"

    @property
    def crop_border(self) -> int:
        """Pixels on each side that are not scored."""
        return 0 if self.scale is None else math.ceil(self.scale)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores, the ranking one first."""
        return ("psnr", "ssim") if self.task == "denoise" else ("psnr", "ssim", "psnr_y")

    def clean(self, picture: np.ndarray) -> np.ndarray:
        """The reference for (c, h, w): the picture, for "sr" cut to multiples of a whole scale."""
        if picture.ndim != 3 or picture.shape[0] not in (1, 3):
            raise InputError(f"expected (c, h, w) with c = 1 or 3, got shape {picture.shape}")
        if self.scale is None:
            return picture
        if min(picture.shape[1:]) < self.scale:
            raise InputError(f"{picture.shape[1:]} pixels cannot be shrunk {self.scale:g} times")
        if self.scale != int(self.scale):
            return picture
        height, width = (side - side % int(self.scale) for side in picture.shape[1:])
        return picture[:, :height, :width]

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """The reference and the degraded picture of (c, h, w)."""
        clean = self.clean(picture)
        return clean, self.degrade(clean, seed=seed, item=item)

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> float:
        """sigma in the unit of the picture, or the scale."""
        return self.scale if self.scale is not None else (self.sigma or 0.0) / 255

    def degrade(self, clean: np.ndarray, *, seed: int, item: str) -> np.ndarray:
        """(c, h, w) float32 in [0, 1] to the degraded picture the methods get."""
        if self.scale is not None:
            return low_resolution(clean, self.scale)
        return noisy(clean, (self.sigma or 0.0) / 255, seed=seed, item=item)


def conditions(
    task: str,
    *,
    scale: float = 4,
    sigmas: tuple[float, ...] = (25.0,),
    psfs: Sequence[str] | None = None,
    masks: Sequence[str] | None = None,
    noises: Sequence[float] | None = None,
) -> Sequence[Case]:
    """The conditions of a benchmark of `task`: one for "sr", one per sigma for "denoise".

    "deblur" has one per kernel and noise, "inpaint" one per mask and noise.

    Raises:
        UsageError: an unknown task, a scale below 2, no or a non-positive sigma, and words for
            kernels and masks that mean nothing.
    """
    if task not in TASKS:
        raise UsageError(f"no task '{task}'{nearest(task, TASKS)} (there are: {', '.join(TASKS)})")
    if task in ("deblur", "inpaint"):
        from undrift.restoration.protocols_operators import operator_conditions

        return operator_conditions(task, psfs=psfs, masks=masks, noises=noises)
    if task == "sr":
        if scale < 2:
            raise UsageError(f"scale must be 2 or more, got {scale}")
        return [Condition(task, scale=scale)]
    if not sigmas or min(sigmas) <= 0:
        raise UsageError(f"sigma must be positive, on the 0..255 scale; got {list(sigmas)}")
    return [Condition(task, sigma=sigma) for sigma in dict.fromkeys(sigmas)]


def low_resolution(clean: np.ndarray, scale: float) -> np.ndarray:
    """(c, h, w) in [0, 1] to (c, ceil(h / scale), ceil(w / scale)) in 256 levels."""
    import torch

    from undrift.restoration.degrade import Bicubic

    return Bicubic(scale)(torch.from_numpy(np.ascontiguousarray(clean))).numpy()


def noisy(clean: np.ndarray, sigma: float, *, seed: int, item: str) -> np.ndarray:
    """(c, h, w) plus white Gaussian noise of standard deviation `sigma`, in the unit of `clean`."""
    import torch

    from undrift.common.noise import Noise
    from undrift.restoration.degrade import add_gaussian_noise

    # A key of its own: a sampler that draws (seed, item) must not meet the same numbers again.
    noise = Noise(seed, f"benchmark/{item}")((1, *clean.shape))[0]
    x = torch.from_numpy(np.ascontiguousarray(clean))
    return add_gaussian_noise(x, sigma, noise).numpy()
