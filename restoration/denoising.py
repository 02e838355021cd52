"""`denoise`: by the network made for it, or by a method that needs none."""

import math
import time
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.results import Restored
from undrift.common.sampling import Sampler
from undrift.restoration.asked import check_fidelity, is_number, wishes_for
from undrift.restoration.baselines import BASELINES
from undrift.restoration.channels import GreyAsColour, prepared
from undrift.restoration.denoise_methods import MODEL, WITH_MODEL, denoise_method
from undrift.restoration.images import to_pixels
from undrift.restoration.noise_models import KnownNoise
from undrift.restoration.noise_models_asked import NoiseAsked, is_map
from undrift.restoration.noise_models_removal import removed
from undrift.restoration.outcome import NOISE_MAP, Measured, outcome
from undrift.restoration.unlearned import Unlearned, check_unlearned
from undrift.restoration.verbs import VERBS


def denoise(
    image: Any,
    *,
    sigma: Any = "auto",
    noise: str | None = None,
    gain: float | None = None,
    read_noise: float | None = None,
    fidelity: float = 1.0,
    method: str = MODEL,
    model: str | None = None,
    **wishes: Any,
) -> Restored:
    """Removes noise that is independent from pixel to pixel.

    All strengths are on the 0..255 scale whatever the depth of the picture.
    sigma: standard deviation of white Gaussian noise (15 is mild, 50 strong); "auto" to estimate
    it, from above (`info["sigma"]` tells); or an array (h, w[, c]), a tensor ([c,] h, w) or a file
    (npy, tiff, png) with the standard deviation of each pixel.
    noise: "poisson-gaussian" for y = gain Poisson(x / gain) + N(0, read_noise^2), a camera that
    counts light. gain is the value of one photon, read_noise a standard deviation; what is not
    given is estimated. A 16-bit picture with 2 units a photon has gain 2 x 255 / 65535.
    fidelity: 1 takes the noise as it is said; 0.5 as if it were double; above 1 the result moves
    towards the picture as given, by the share 1 - 1 / fidelity^2, and keeps grain and detail.
    The noisy picture is the state of the model's process at the time with that noise: one call
    returns the posterior mean; `samples=K` draws from the posterior and returns their mean and
    standard deviation.
    method: "model", by the network `model`; or a name in `denoise_methods.METHODS`: "blind-spot"
    trains on the picture, or takes the `model` that was trained on such pictures; "score-vi" finds
    the noise of each pixel too: `info["noise_map"]`, an array on the 0..255 scale.
    Raises InputError for bad pictures, for maps that do not fit, and for pictures too small to
    estimate the noise; UsageError for unknown names, numbers that cannot be or contradict each
    other, and a sigma that is more than the model knows.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    wanted = wishes_for(image, wishes)
    sampler = VERBS["denoise"].sampler(model, "denoise", wanted, {"method": method})
    asked = NoiseAsked(sigma, noise, gain, read_noise)
    check_denoise(sampler, **vars(asked), fidelity=fidelity)
    known, told = asked.known(pixels)
    samples = denoised(pixels, known, float(fidelity), sampler, model)
    mean = samples.mean(0, keepdim=True)
    even = known.map is None and not known.gain
    measured = Measured(pixels - mean, known.sigma if even else known.deviation(mean))
    extra = {"task": "denoise", **told, "fidelity": float(fidelity)}
    return outcome(picture, back, samples, measured, sampler, extra, began)


def denoised(
    pixels: Tensor,
    known: KnownNoise,
    fidelity: float,
    sampler: Sampler | Unlearned,
    model: str | None = None,
) -> Tensor:
    """Samples (k, c, h, w) of pixels (1, c, h, w) without the noise, as far as it is trusted."""
    samples = _removed(pixels, known.trusted(min(fidelity, 1.0)), sampler, model)
    if fidelity > 1:
        samples = samples + (1 - 1 / fidelity**2) * (pixels - samples)
    return samples


def _removed(
    pixels: Tensor, known: KnownNoise, sampler: Sampler | Unlearned, model: str | None
) -> Tensor:
    """(k, c, h, w) on the processor."""
    if known.is_faint:
        return pixels.expand(_count(sampler), -1, -1, -1).clone()
    if isinstance(sampler, Unlearned):
        named = {"model": model} if sampler.method in WITH_MODEL else {}
        found = denoise_method(sampler.method)(pixels, known, sampler.wishes, **named)
        sampler.info = found.info
        if found.noise is not None:
            sampler.info = {**found.info, NOISE_MAP: _map_of(found.noise)}
        return found.samples
    sampler.model = GreyAsColour.around(sampler.model, pixels)
    calls = 0

    def at(picture: Tensor, sigma: float) -> Tensor:
        nonlocal calls
        samples = sampled(picture, sigma, sampler)
        calls += sampler.calls
        return samples

    samples = removed(at, pixels, known)
    sampler.calls = calls
    return samples


def _map_of(noise: Tensor) -> Any:
    """(h, w) or (h, w, c) float32 on the 0..255 scale."""
    planes = (255 * noise[0]).movedim(0, -1).numpy()
    return planes[..., 0] if planes.shape[-1] == 1 else planes


def sampled(pixels: Tensor, sigma: float, sampler: Sampler) -> Tensor:
    """Samples (k, c, h, w) of pixels (1, c, h, w) with white noise of deviation sigma.

    The model of the sampler has to fit the channels. Raises InputError for a sigma beyond the
    process.
    """
    moment = sampler.time_of(sigma)
    a = float(sampler.process.a(torch.tensor(moment, dtype=torch.float64)))
    state = a * pixels  # x_t = a (x0 + (s/a) eps)
    return sampler.draw_samples(pixels.shape, state=state, time=moment).cpu()


def _count(sampler: Sampler | Unlearned) -> int:
    if isinstance(sampler, Unlearned):
        return sampler.wishes.samples or 1
    return sampler.choice.samples


def check_denoise(
    sampler: Sampler | Unlearned,
    sigma: Any = "auto",
    noise: str | None = None,
    gain: float | None = None,
    read_noise: float | None = None,
    fidelity: float = 1.0,
    method: str = MODEL,
) -> None:
    """Raises UsageError for noise that cannot be, or that the model does not know."""
    NoiseAsked(sigma, noise, gain, read_noise).check()
    check_fidelity(fidelity)
    if isinstance(sampler, Unlearned) and sampler.method in BASELINES:
        check_unlearned(sampler.method, sampler.wishes)
    if isinstance(sampler, Unlearned) or not is_number(sigma) or is_map(sigma):
        return
    end = torch.ones((), dtype=torch.float64)
    a, s = float(sampler.process.a(end)), float(sampler.process.s(end))
    top = 255 * s / a if a > 0 else math.inf
    if float(sigma) / min(float(fidelity), 1.0) > top:
        raise UsageError(
            f"sigma {sigma:g}: the process of {sampler.model.id} ends at {top:.6g} on the 0..255 "
            "scale; nothing is left of a picture there: is sigma on the right scale?"
        )
