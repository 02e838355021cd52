"""How a benchmark blurs and masks clean photographs, and how it scores what comes back.

"deblur": the picture is blurred where its scene is known, so it loses half a kernel on every side
and no assumption about the border flatters anyone; white noise on the 0..255 scale is added,
neither clipped nor rounded. The reference is cut to the same frame.
"inpaint": pixels are taken out by a drawn mask, the same for all colours; the known ones are as
they were, or noisy. All pixels are scored: known ones count for a method that keeps them.
The noise and the mask are functions of (seed, item) only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError, UsageError
from undrift.restoration.baselines_operators import KnownBlur, KnownMask

PSFS = ("gaussian:1.6", "motion:15,30")
MASKS = ("random:0.3", "random:0.7", "scratches:12", "text:18")
NOISE = 2.55  # one per cent of the full range


@dataclass(frozen=True)
class Deblurring:
    """One kernel, a word of `psf`, and one noise on the 0..255 scale."""

    psf: str
    noise: float = NOISE
    task = "deblur"
    metrics = ("psnr", "ssim")
    crop_border = 0

    @property
    def name(self) -> str:
        """ "gaussian:1.6, noise 2.55"."""
        return f"{self.psf}, noise {self.noise:g}"

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """Clean and degraded (c, h, w), equal sizes."""
        from undrift.restoration.degrade_operators import Blurred

        degraded = _measured(Blurred(self.psf, noise=self.noise / 255), picture, seed, item)
        top, left = (
            (big - small) // 2
            for big, small in zip(picture.shape[1:], degraded.shape[1:], strict=True)
        )
        height, width = degraded.shape[1:]
        return picture[:, top : top + height, left : left + width], degraded

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> KnownBlur:
        """What methods are told."""
        from undrift.restoration.psf import read_psf

        return KnownBlur(read_psf(self.psf).numpy(), self.noise / 255, self.psf)


@dataclass(frozen=True)
class Inpainting:
    """One mask, a word of `masks`, and one noise of the known pixels on the 0..255 scale."""

    mask: str
    noise: float = 0.0
    task = "inpaint"
    metrics = ("psnr", "ssim")
    crop_border = 0

    @property
    def name(self) -> str:
        """ "random:0.7", with the noise if there is any."""
        return self.mask + (f", noise {self.noise:g}" if self.noise else "")

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """Clean and degraded (c, h, w), equal sizes."""
        from undrift.restoration.degrade_operators import Missing

        gone = Missing(self.mask, seed, item, noise=self.noise / 255)
        return picture, _measured(gone, picture, seed, item)

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> KnownMask:
        """What methods are told."""
        from undrift.restoration.masks import drawn_mask

        return KnownMask(drawn_mask(self.mask, size, seed=seed, item=item), self.noise / 255)


def operator_conditions(
    task: str,
    *,
    psfs: Sequence[str] | None = None,
    masks: Sequence[str] | None = None,
    noises: Sequence[float] | None = None,
) -> list[Deblurring] | list[Inpainting]:
    """Every kernel or mask with every noise. Raises UsageError for words that mean nothing."""
    from undrift.restoration.masks import drawn_mask
    from undrift.restoration.psf import read_psf

    if noises is not None and (not noises or min(noises) < 0):
        raise UsageError(f"noise is 0 or more, on the 0..255 scale; got {list(noises)}")
    try:
        if task == "deblur":
            for psf in psfs or ():
                read_psf(psf)
            levels = NOISE, *(noises or ())
            chosen = levels[1:] or levels
            if min(chosen) <= 0:
                raise UsageError("a blur without noise has no benchmark here; give --noise 0.5")
            return [Deblurring(psf, noise) for psf in psfs or PSFS for noise in chosen]
        for mask in masks or ():
            drawn_mask(mask, (32, 32), seed=0, item="")
        return [Inpainting(mask, noise) for mask in masks or MASKS for noise in noises or (0.0,)]
    except InputError as error:
        raise UsageError(str(error)) from error


def _measured(degradation: Any, picture: np.ndarray, seed: int, item: str) -> np.ndarray:
    """A(x) plus the noise of (seed, item)."""
    import torch

    from undrift.common.noise import Noise

    x = torch.from_numpy(np.ascontiguousarray(picture))
    shape = degradation.operator(tuple(x.shape)).shape_out
    noise = Noise(seed, f"benchmark/{item}")((1, *shape))[0]
    return degradation(x, noise).numpy().astype(np.float32)
