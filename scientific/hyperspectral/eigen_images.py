"""Denoisers of coefficient images, (k, rows, columns) with noise of variance 1 each.

    diffusion    a denoiser of pictures, asked at the time whose noise is that of the image; for
                 samples it goes on from there to t = 0, which is the posterior of its prior
    tv, nlm      scikit-image, what FastHyDe's kin do with BM3D

A coefficient image has values of any size. For the prior of pictures it is brought to [0, 1] by its
own range, and its noise by the same factor.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.grids import time_of_ratio
from undrift.common.noise import Noise
from undrift.common.posterior.priors import Prior

Array = npt.NDArray[np.float64]
Eigen = Callable[[Array], Array]  # (k, h, w) -> (k, h, w)


def total_variation(images: Array) -> Array:
    """Chambolle's total variation with the weight 1.2 of the noise."""
    from skimage.restoration import denoise_tv_chambolle

    return np.stack([denoise_tv_chambolle(image, weight=1.2) for image in images])


def non_local_means(images: Array) -> Array:
    """Patches of 5 within 13 pixels, told the noise."""
    from skimage.restoration import denoise_nl_means

    return np.stack(
        [
            denoise_nl_means(image, 5, 6, h=0.8, sigma=1.0, fast_mode=True, preserve_range=True)
            for image in images
        ]
    )


def by_prior(prior: Prior, images: Array) -> Array:
    """The mean of the posterior under a prior of pictures, one call an image."""
    done = np.empty_like(images)
    for index, image in enumerate(images):
        done[index] = _one(prior, image)
    return done


def sampled(prior: Prior, images: Array, steps: int, noise: Noise) -> Array:
    """A sample of the posterior of each image, `steps` calls each, by ancestral steps.

    noise: of this sample; image k takes the draws of `noise.item` with k.
    """
    done = np.empty_like(images)
    for index, image in enumerate(images):
        drawn = Noise(noise.seed, f"{noise.item}/coefficient {index}", noise.sample)
        done[index] = _chain(prior, image, steps, drawn)
    return done


def _range(image: Array) -> tuple[float, float]:
    """What is brought to 0 and 1: wide enough that the noise stays within."""
    low, high = np.percentile(image, [0.1, 99.9])
    return float(low), max(float(high - low), 4.0)


def _one(prior: Prior, image: Array) -> Array:
    low, span = _range(image)
    x = torch.from_numpy((image - low) / span).float()[None, None]
    local = prior.for_signals((1, *image.shape))
    t = time_of_ratio(prior.process, 1 / span, prior.sigma_d)
    share = float(prior.process.a(torch.tensor(t, dtype=torch.float64)))
    with torch.inference_mode():
        x0 = local.denoise(share * x, t, None, None).x0
    return x0[0, 0].double().numpy() * span + low


def _chain(prior: Prior, image: Array, steps: int, noise: Noise) -> Array:
    """x_s = a_s x0 + (s_s / s_t)^2 (a_t / a_s) (x_t - a_t x0) + rest: ancestral sampling."""
    low, span = _range(image)
    x = torch.from_numpy((image - low) / span).float()[None, None]
    local, process = prior.for_signals((1, *image.shape)), prior.process
    ratios = np.geomspace(1 / span, 0.05 / span, steps)
    times = [time_of_ratio(process, float(ratio), prior.sigma_d) for ratio in ratios]
    level, x0 = ratios[0], x
    with torch.inference_mode():
        for number, t in enumerate(times):  # x is x0 + ratio * unit noise, whatever the process
            share = float(process.a(torch.tensor(t, dtype=torch.float64)))
            x0 = local.denoise(share * x, t, None, None).x0
            if number + 1 == steps:
                break
            later = ratios[number + 1]
            kept = (later / level) ** 2
            spread = later * np.sqrt(max(0.0, 1 - kept))
            x = x0 + kept * (x - x0) + spread * noise(tuple(x.shape), number)
            level = later
    return x0[0, 0].double().numpy() * span + low
