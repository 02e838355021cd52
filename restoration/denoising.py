"""`denoise`: by the network made for it, or by a method that needs none."""

import math
import time
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.grids import time_of_ratio
from undrift.common.results import Restored
from undrift.common.sampling import Sampler
from undrift.restoration.asked import is_number, wishes_for
from undrift.restoration.channels import GreyAsColour, prepared
from undrift.restoration.denoise_methods import MODEL, denoise_method
from undrift.restoration.images import to_pixels
from undrift.restoration.noise_models import KnownNoise
from undrift.restoration.outcome import Measured, outcome
from undrift.restoration.sigma import estimate_sigma
from undrift.restoration.unlearned import Unlearned
from undrift.restoration.verbs import VERBS


def denoise(
    image: Any,
    *,
    sigma: float | str = "auto",
    method: str = MODEL,
    model: str | None = None,
    **wishes: Any,
) -> Restored:
    """Removes white Gaussian noise.

    sigma: standard deviation of the noise on the 0..255 scale whatever the depth (15 is mild, 50
    strong), or "auto" to estimate it (`info["sigma"]` tells). The noisy picture is the state of the
    model's process at the time with that noise: one call returns the posterior mean; `samples=K`
    draws from the posterior and returns their mean and standard deviation.
    method: "model", by the network `model`; or one that needs none, `denoise_methods.METHODS`.
    Raises InputError for bad pictures, and for those too small to estimate the noise; UsageError
    for unknown names and a sigma that is no noise or more than the model knows.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    wanted = wishes_for(image, wishes)
    sampler = VERBS["denoise"].sampler(model, "denoise", wanted, {"method": method})
    check_denoise(sampler, sigma)
    value = round(255 * estimate_sigma(pixels), 3) if isinstance(sigma, str) else float(sigma)
    known = KnownNoise(value / 255)
    samples = _removed(pixels, known, sampler)
    measured = Measured(pixels - samples.mean(0, keepdim=True), known.sigma or None)
    given = sigma if isinstance(sigma, str) else value
    extra = {"task": "denoise", "sigma": value, "sigma_given": given}
    return outcome(picture, back, samples, measured, sampler, extra, began)


def _removed(pixels: Tensor, known: KnownNoise, sampler: Sampler | Unlearned) -> Tensor:
    """(k, c, h, w) on the processor."""
    if known.is_faint:
        return pixels.expand(_count(sampler), -1, -1, -1).clone()
    if isinstance(sampler, Unlearned):
        found = denoise_method(sampler.method)(pixels, known, sampler.wishes)
        sampler.info = found.info
        return found.samples
    sampler.model = GreyAsColour.around(sampler.model, pixels)
    return _sampled(pixels, known.sigma, sampler)


def _sampled(pixels: Tensor, sigma: float, sampler: Sampler) -> Tensor:
    moment = time_of_ratio(sampler.process, sigma, sampler.model.denoiser.scaling.sigma_d)
    a = float(sampler.process.a(torch.tensor(moment, dtype=torch.float64)))
    state = a * pixels  # x_t = a (x0 + (s/a) eps)
    return sampler.draw_samples(pixels.shape, state=state, time=moment).cpu()


def _count(sampler: Sampler | Unlearned) -> int:
    if isinstance(sampler, Unlearned):
        return sampler.wishes.samples or 1
    return sampler.choice.samples


def check_denoise(
    sampler: Sampler | Unlearned, sigma: float | str = "auto", method: str = MODEL
) -> None:
    """Raises UsageError for a sigma that cannot be denoised with the model."""
    if sigma == "auto":
        return
    if not is_number(sigma) or not 0 <= float(sigma) < math.inf:
        raise UsageError(f"sigma {sigma!r}: expected 'auto', or 0 or more on the 0..255 scale")
    if isinstance(sampler, Unlearned):
        return
    end = torch.ones((), dtype=torch.float64)
    a, s = float(sampler.process.a(end)), float(sampler.process.s(end))
    top = 255 * s / a if a > 0 else math.inf
    if float(sigma) > top:
        raise UsageError(
            f"sigma {sigma:g}: the process of {sampler.model.id} ends at {top:.6g} on the 0..255 "
            "scale; nothing is left of a picture there: is sigma on the right scale?"
        )
