"""Enlarging, deblurring and inpainting by classical methods, as the verbs have them.

The functions are those of the benchmark's baselines; pictures, alpha and metadata are kept as by
the networks. Those for denoising are in `denoise_methods`.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.results import Restored
from undrift.restoration.asked import check_noise, is_number, noise_of, wishes_for
from undrift.restoration.baselines import bicubic, lanczos
from undrift.restoration.baselines_operators import (
    KnownBlur,
    KnownMask,
    biharmonic,
    nearest_known,
    richardson_lucy_stopped,
    tv_deconvolution,
    wiener,
)
from undrift.restoration.channels import prepared
from undrift.restoration.consistency import reduced, rounding_noise
from undrift.restoration.images import Picture, to_pixels
from undrift.restoration.outcome import Measured, outcome
from undrift.restoration.unlearned import Unlearned, check_unlearned

CLASSICAL: dict[str, dict[str, Callable[..., np.ndarray]]] = {
    "sr": {"bicubic": bicubic, "lanczos": lanczos},
    "deblur": {
        "wiener": wiener,
        "richardson-lucy": richardson_lucy_stopped,
        "tv-deconvolution": tv_deconvolution,
    },
    "inpaint": {"biharmonic": biharmonic, "nearest": nearest_known},
}
LARGEST_SCALE = 16


def interpolated(
    image: Any, method: str, *, scale: float, fidelity: float, wishes: dict[str, Any]
) -> Restored:
    """What `sr` does by interpolation; raises UsageError for a scale that cannot be."""
    began = time.monotonic()
    sampler = Unlearned(method, wishes_for(image, wishes))
    check_interpolated(sampler, scale, fidelity)
    picture, back = to_pixels(image)
    low = prepared(picture)
    samples = _applied("sr", method, low, float(scale))
    noise = rounding_noise(picture)
    measured = Measured(low - reduced(samples, low, scale), noise)
    alpha = None
    if picture.alpha is not None:
        alpha = np.clip(CLASSICAL["sr"][method](picture.alpha[None], float(scale))[0], 0, 1)
    extra = {"task": "sr", "scale": float(scale)}
    return outcome(picture, back, samples, measured, sampler, extra, began, alpha)


def check_interpolated(sampler: Unlearned, scale: float, fidelity: float = 1.0) -> None:
    """Raises UsageError for wishes and numbers that cannot be."""
    check_unlearned(sampler.method, sampler.wishes)
    _without_noise(sampler.method, fidelity)
    if not is_number(scale) or not 1 < float(scale) <= LARGEST_SCALE:
        raise UsageError(f"scale {scale}: expected a number above 1 up to {LARGEST_SCALE}")


def deconvolved(
    image: Any,
    method: str,
    *,
    psf: Any,
    noise: float | str,
    border: str,
    fidelity: float,
    wishes: dict[str, Any],
) -> Restored:
    """What `deblur` does by deconvolution with a known kernel; raises as `check_deconvolved`."""
    from undrift.restoration.deblurring import blurred, check_fits, name_of
    from undrift.restoration.psf import read_psf, trimmed

    began = time.monotonic()
    sampler = Unlearned(method, wishes_for(image, wishes))
    check_deconvolved(sampler, psf, noise, border)
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    kernel = trimmed(read_psf(psf))
    check_fits(kernel, picture)
    level = noise_of(picture, pixels, noise)
    known = KnownBlur(kernel.numpy(), level / float(fidelity))
    samples = _applied("deblur", method, pixels, known)
    problem, frame = blurred(pixels, kernel, level)
    sides = [frame[1].start, kernel.shape[1] - 1 - frame[1].start]
    sides += [frame[0].start, kernel.shape[0] - 1 - frame[0].start]
    wide = torch.nn.functional.pad(samples, sides, mode="replicate")
    residual = pixels - problem.operator(wide)
    noise_seen = torch.zeros_like(pixels)  # the scene beyond the frame is not known
    noise_seen[(..., *_middle(kernel, pixels))] = level
    extra = {
        "task": "deblur", "psf": name_of(psf),
        "psf_shape": list(kernel.shape), "noise": round(255 * level, 4), "noise_given": noise,
        "border": border, "fidelity": float(fidelity),
    }  # fmt: skip
    return outcome(picture, back, samples, Measured(residual, noise_seen), sampler, extra, began)


def check_deconvolved(
    sampler: Unlearned, psf: Any, noise: float | str = "auto", border: str = "valid"
) -> None:
    """Raises UsageError for wishes, and for kernels and borders that need a network."""
    check_unlearned(sampler.method, sampler.wishes)
    check_noise(noise)
    if border != "valid":
        raise UsageError(
            f"border {border!r}: {sampler.method} takes the scene to go on beyond the frame; "
            "expected 'valid', or leave out the method"
        )
    if isinstance(psf, str) and psf == "auto":
        raise UsageError(
            f"psf 'auto' needs a network, which {sampler.method} has not; give the kernel, or "
            "leave out the method"
        )


def filled(
    picture: Picture,
    back: Callable[..., Any],
    method: str,
    *,
    missing: np.ndarray,
    sampler: Unlearned,
    extra: dict[str, Any],
    alpha: np.ndarray | None = None,
) -> Restored:
    """What `inpaint` does by interpolation: known pixels stay exactly as they came."""
    began = time.monotonic()
    known = torch.from_numpy(~missing)[None, None]
    pixels = torch.from_numpy(picture.pixels.copy())[None]
    found = _applied("inpaint", method, torch.where(known, pixels, 0.0), KnownMask(missing))
    samples = torch.where(known, pixels, found)
    residual = torch.where(known, pixels - samples, 0.0)
    return outcome(picture, back, samples, Measured(residual, None), sampler, extra, began, alpha)


def check_filled(sampler: Unlearned, noise: float | str = 0.0, fidelity: float = 1.0) -> None:
    """Raises UsageError for wishes, and for noise, which interpolation does not know."""
    check_unlearned(sampler.method, sampler.wishes)
    _without_noise(sampler.method, fidelity, noise)


def _middle(kernel: Tensor, pixels: Tensor) -> tuple[slice, slice]:
    """Where a blur sees the frame only."""
    tall, wide = ((side - 1) // 2 for side in kernel.shape)
    height, width = pixels.shape[2:]
    return slice(tall, max(height - tall, tall)), slice(wide, max(width - wide, wide))


def _without_noise(method: str, fidelity: float, noise: float | str = 0.0) -> None:
    if noise == "auto" or float(noise) != 0 or float(fidelity) != 1:
        raise UsageError(
            f"{method} takes what it is given as exact: noise and fidelity mean nothing to it; "
            "leave them out, or the method"
        )


def _applied(task: str, method: str, pixels: Tensor, known: Any) -> Tensor:
    """(1, c, h', w') of the method."""
    found = CLASSICAL[task][method](pixels[0].numpy(), known)
    if not np.isfinite(found).all():
        raise InputError(f"{method} found values that are not finite; take another method")
    return torch.from_numpy(np.ascontiguousarray(found, dtype=np.float32))[None]
