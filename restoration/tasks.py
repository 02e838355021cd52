"""Task calls of the image domain: one verb, one function.

Every function takes a path, a NumPy array (h, w[, c]), a torch tensor (c, h, w), a PIL image or a
`Picture`, and returns a `Restored` whose `.value` is of the same kind with depth, alpha and metadata
kept (a path gives a `Picture`). Keywords shared by all tasks are those of `Wishes`: preset, steps,
solver, samples, seed, item, device, dtype, tile, max_memory, batch.
"""

import math
import time
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.grids import time_of_ratio
from undrift.common.results import Restored
from undrift.common.sampling import Sampler, Wishes, make_sampler
from undrift.restoration.channels import GreyAsColour, prepared
from undrift.restoration.degrade import back_project, downscale, upscale
from undrift.restoration.images import to_pixels
from undrift.restoration.outcome import Measured, outcome
from undrift.restoration.sigma import estimate_sigma

FAINT = 0.2  # noise below this, on the 0..255 scale, is left alone


def denoise(
    image: Any, *, sigma: float | str = "auto", model: str = "leaves-denoise", **wishes: Any
) -> Restored:
    """Removes white Gaussian noise.

    sigma: standard deviation of the noise on the 0..255 scale whatever the depth (15 is mild, 50
    strong), or "auto" to estimate it (`info["sigma"]` tells). The noisy picture is the state of the
    model's process at the time with that noise: one call returns the posterior mean; `samples=K`
    draws from the posterior and returns their mean and standard deviation.
    Raises InputError for bad pictures or sigma, UsageError for unknown names.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    level = _noise_level(pixels, sigma)
    sampler = make_sampler(model, "denoise", _wishes(wishes))
    state_shape = (1, *pixels.shape[1:])
    if 255 * level < FAINT:
        samples = pixels.expand(sampler.choice.samples, -1, -1, -1).clone()
    else:
        sampler.model = GreyAsColour.around(sampler.model, pixels)
        process = sampler.process
        moment = time_of_ratio(process, level, sampler.model.denoiser.scaling.sigma_d)
        a = float(process.a(torch.tensor(moment, dtype=torch.float64)))
        samples = sampler.draw_samples(state_shape, state=_enter(pixels, a, sampler), time=moment)
    measured = Measured(pixels - samples.mean(0, keepdim=True).cpu(), level or None)
    extra = {"task": "denoise", "sigma": round(255 * level, 3), "sigma_given": sigma}
    return outcome(picture, back, samples, measured, sampler, extra, began)


def sr(
    image: Any, *, scale: float = 4.0, model: str = "leaves-sr", **wishes: Any
) -> Restored:
    """Enlarges a picture `scale` times (2 to 4 for the default model, whole or not).

    The picture is taken as the antialiased bicubic reduction of the result. Sampling starts at the
    bicubic enlargement; back-projection then makes the result agree with the picture given, down to
    the rounding of its depth. h becomes ceil(h scale). Alpha is enlarged by bicubic.
    Raises InputError for bad pictures or a scale outside the model's range.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    low = prepared(picture)
    sampler = make_sampler(model, "sr", _wishes(wishes))
    _check_scale(scale, sampler)
    y = upscale(low, scale)
    sampler.model = GreyAsColour.around(sampler.model, low)
    level = torch.tensor([[math.log2(scale) / 2]])
    samples = sampler.draw_samples((1, *y.shape[1:]), y=y, level=level).cpu()
    rounding = {"uint8": 255, "uint16": 65535}.get(picture.depth)
    noise = None if rounding is None else 1 / (rounding * math.sqrt(12))
    samples, rounds = _consistent(samples, low, scale, sampler.choice.back_projections, noise)
    residual = low - downscale(samples.mean(0, keepdim=True), scale)
    alpha = None
    if picture.alpha is not None:
        alpha = upscale(torch.from_numpy(picture.alpha)[None], scale)[0].clamp(0, 1).numpy()
    extra = {"task": "sr", "scale": scale, "back_projections": rounds}
    return outcome(picture, back, samples, Measured(residual, noise), sampler, extra, began, alpha)


def _wishes(given: dict[str, Any]) -> Wishes:
    unknown = set(given) - set(Wishes.__dataclass_fields__)
    if unknown:
        known = ", ".join(Wishes.__dataclass_fields__)
        raise UsageError(f"unknown keyword {', '.join(sorted(unknown))}; there are {known}")
    return Wishes(**given)


def _noise_level(pixels: Tensor, sigma: float | str) -> float:
    """The noise in units of the [0, 1] range."""
    if isinstance(sigma, str):
        if sigma != "auto":
            raise InputError(f"sigma {sigma!r}: expected a number on the 0..255 scale, or 'auto'")
        return estimate_sigma(pixels)
    if not 0 <= sigma < math.inf:
        raise InputError(f"sigma {sigma}: expected a number of 0 or more on the 0..255 scale")
    return float(sigma) / 255


def _enter(pixels: Tensor, a: float, sampler: Sampler) -> Tensor:
    """The noisy picture as a state x_t = a (x0 + (s/a) eps)."""
    return (a * pixels).to(sampler.device)


def _check_scale(scale: float, sampler: Sampler) -> None:
    low, high = sampler.model.settings.ranges.get("scale", (1.0, math.inf))
    if not low <= scale <= high:
        raise InputError(
            f"scale {scale:g}: {sampler.model.id} was trained for {low:g} to {high:g}; "
            "enlarge in two steps, or name another model"
        )


def _consistent(
    samples: Tensor, low: Tensor, scale: float, rounds: int, noise: float | None
) -> tuple[Tensor, int]:
    """Back-projects until the residual is at the rounding noise, `rounds` times at most."""
    for done in range(rounds):
        rest = low - downscale(samples, scale)
        if noise is not None and float(rest.square().mean().sqrt()) <= noise:
            return samples, done
        samples = back_project(samples, low.expand(len(samples), -1, -1, -1), scale, 1)
    return samples, rounds
