"""Task calls of the image domain: one verb, one function.

Every function takes a path, a NumPy array (h, w[, c]), a torch tensor (c, h, w), a PIL image or a
`Picture`, and returns a `Restored` whose `.value` is of the same kind, with depth, alpha and
metadata kept (a path gives a `Picture`). Keywords shared by all tasks are those of `Wishes`:
preset, steps, solver, samples, seed, item (of a path: its name), device, dtype, tile, max_memory,
batch.
"""

import math
import time
from typing import Any

import torch

from undrift.common.errors import UsageError, nearest
from undrift.common.grids import time_of_ratio
from undrift.common.resize import upscale
from undrift.common.results import Restored
from undrift.common.sampling import Sampler, make_sampler
from undrift.restoration.asked import is_number, wishes_for
from undrift.restoration.channels import GreyAsColour, prepared
from undrift.restoration.consistency import consistent, reduced, rounding_noise
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
    Raises InputError for bad pictures, and for those too small to estimate the noise; UsageError
    for unknown names and a sigma that is no noise or more than the model knows.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    sampler = make_sampler(model, "denoise", wishes_for(image, wishes))
    check_denoise(sampler, sigma)
    value = round(255 * estimate_sigma(pixels), 3) if isinstance(sigma, str) else float(sigma)
    level = value / 255
    if value < FAINT:
        samples = pixels.expand(sampler.choice.samples, -1, -1, -1).clone()
    else:
        sampler.model = GreyAsColour.around(sampler.model, pixels)
        moment = time_of_ratio(sampler.process, level, sampler.model.denoiser.scaling.sigma_d)
        a = float(sampler.process.a(torch.tensor(moment, dtype=torch.float64)))
        state = a * pixels  # x_t = a (x0 + (s/a) eps)
        samples = sampler.draw_samples(pixels.shape, state=state, time=moment).cpu()
    measured = Measured(pixels - samples.mean(0, keepdim=True), level or None)
    given = sigma if isinstance(sigma, str) else value
    extra = {"task": "denoise", "sigma": value, "sigma_given": given}
    return outcome(picture, back, samples, measured, sampler, extra, began)


def sr(
    image: Any,
    *,
    scale: float = 4.0,
    method: str = "model",
    model: str | None = None,
    **wishes: Any,
) -> Restored:
    """Enlarges a picture `scale` times (2 to 4 for the default model, whole or not).

    method "model": by a network made for it, `leaves-sr`. "operator": by a prior and the kernel
    that shrank the picture, any scale to 16; keywords kernel, noise, fidelity of `enlarge`.

    The picture is taken as the antialiased bicubic reduction of the result. Sampling starts at the
    bicubic enlargement; back-projection then makes the result agree with the picture given, down to
    the rounding of its depth. h becomes ceil(h scale). Alpha is enlarged by bicubic.
    Raises InputError for bad pictures, UsageError for unknown names and a scale outside the model's
    range.
    """
    if method == "operator":
        from undrift.restoration.linear_tasks import enlarge

        named = {} if model is None else {"model": model}
        return enlarge(image, scale=scale, **named, **wishes)
    check_sr_method(method)
    began = time.monotonic()
    picture, back = to_pixels(image)
    low = prepared(picture)
    sampler = make_sampler(model or "leaves-sr", "sr", wishes_for(image, wishes))
    check_sr(sampler, scale)
    sampler.model = GreyAsColour.around(sampler.model, low)
    y = upscale(low, scale)
    level = torch.tensor([[math.log2(scale) / 2]])
    samples = sampler.draw_samples(y.shape, y=y, level=level).cpu()
    noise = rounding_noise(picture)
    samples, rounds = consistent(samples, low, scale, sampler.choice.back_projections, noise)
    measured = Measured(low - reduced(samples.mean(0, keepdim=True), low, scale), noise)
    alpha = None
    if picture.alpha is not None:
        alpha = upscale(torch.from_numpy(picture.alpha)[None], scale)[0].clamp(0, 1).numpy()
    extra = {"task": "sr", "scale": float(scale), "back_projections": rounds}
    return outcome(picture, back, samples, measured, sampler, extra, began, alpha)


def check_denoise(sampler: Sampler, sigma: float | str = "auto") -> None:
    """Raises UsageError for a sigma that cannot be denoised with the model."""
    if sigma == "auto":
        return
    if not is_number(sigma) or not 0 <= float(sigma) < math.inf:
        raise UsageError(f"sigma {sigma!r}: expected 'auto', or 0 or more on the 0..255 scale")
    end = torch.ones((), dtype=torch.float64)
    a, s = float(sampler.process.a(end)), float(sampler.process.s(end))
    top = 255 * s / a if a > 0 else math.inf
    if float(sigma) > top:
        raise UsageError(
            f"sigma {sigma:g}: the process of {sampler.model.id} ends at {top:.6g} on the 0..255 "
            "scale; nothing is left of a picture there: is sigma on the right scale?"
        )


def check_sr(sampler: Sampler, scale: float = 4.0, method: str = "model", **operator: Any) -> None:
    """Raises UsageError for a scale that the model was not trained for, or an unknown method."""
    if method == "operator":
        from undrift.restoration.linear_tasks import check_enlarge

        return check_enlarge(sampler, scale=scale, **operator)
    check_sr_method(method)
    low, high = sampler.model.settings.ranges.get("scale", (1.0, 64.0))
    if not is_number(scale) or not low <= float(scale) <= high:
        raise UsageError(
            f"scale {scale}: {sampler.model.id} was trained for {low:g} to {high:g}; "
            "enlarge in two steps, shrink a result, or name another model"
        )


def check_sr_method(method: str) -> None:
    """Raises UsageError unless the method is one of the two."""
    if method not in ("model", "operator"):
        hint = nearest(method, ("model", "operator"))
        raise UsageError(f"method {method!r}{hint} (for sr there are: model, operator)")
