"""The denoiser that ScoreDVI's prior is, told the noise of each part of a picture."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.grids import time_of_ratio
from undrift.common.posterior.priors import Prior
from undrift.restoration.noise_models_removal import at_levels

FAINT = 0.5 / 255  # least noise that is told
SURE = 1.1  # times the noise found in a block
_BLOCK = 16  # pixels a side whose noise is taken as even


def denoiser_of(prior: Prior, channels: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Function of z (1, c, h, w) and its noise (1, 1, h, w) to D(z).

    Channels that the model does not have are taken one by one.
    """
    alone = channels not in (1, prior.channels)
    prior = prior.for_signals((1 if alone else channels, 1, 1))

    def at(z: Tensor, sigma: float) -> Tensor:
        moment = time_of_ratio(prior.process, sigma, prior.sigma_d)
        a = float(prior.process.a(torch.tensor(moment, dtype=torch.float64)))
        state = a * (z.movedim(1, 0) if alone else z)
        found = prior.denoise(state, moment, None, None).x0
        return found.movedim(0, 1) if alone else found

    def denoise(z: Tensor, deviation: Tensor) -> Tensor:
        return at_levels(at, z, deviation)

    return denoise


def noise_of_blocks(x: Tensor) -> Tensor:
    """Noise (1, 1, h, w) of x (1, c, h, w), even in blocks of 16 pixels.

    Of each block, the median of the finest diagonal Haar coefficients over .6745; root mean square
    over the channels.
    """
    fine = x[0, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    fine = (fine[:, ::2, ::2] - fine[:, 1::2, ::2] - fine[:, ::2, 1::2] + fine[:, 1::2, 1::2]) / 2
    side = min(_BLOCK // 2, *fine.shape[1:])
    blocks = fine.abs().unfold(1, side, side).unfold(2, side, side).flatten(3)
    found = (blocks.median(-1).values / 0.6745).square().mean(0, keepdim=True).sqrt()
    return nearest(found[None], x.shape[2:]).clamp(min=FAINT)


def evened(v: Tensor) -> Tensor:
    """Root mean square (1, 1, h, w) over blocks of 16 pixels of deviations v^.5, v (c, h, w)."""
    side = min(_BLOCK, *v.shape[1:])
    mean = functional.avg_pool2d(v.mean(0)[None, None], side, ceil_mode=True)
    return nearest(mean.sqrt(), v.shape[1:]).clamp(min=FAINT)


def nearest(blocks: Tensor, size: Sequence[int]) -> Tensor:
    """Blocks (1, 1, k, l) spread over a picture, smoothly."""
    return functional.interpolate(blocks, tuple(size), mode="bilinear", align_corners=False)
