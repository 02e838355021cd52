"""Classical noise removal as methods of `denoise`: the baselines of the benchmark, one a name.

They are told one standard deviation. Noise that differs over the picture is removed at several
levels, noise that grows with the light behind a transform that makes it even
(`noise_models_removal`).
"""

from functools import partial

import torch
from torch import Tensor

from undrift.common.wishes import Wishes
from undrift.restoration.baselines import BASELINES
from undrift.restoration.denoise_methods import Found
from undrift.restoration.noise_models import KnownNoise
from undrift.restoration.noise_models_removal import removed
from undrift.restoration.unlearned import check_unlearned


def _denoised(name: str, pixels: Tensor, known: KnownNoise, wishes: Wishes) -> Found:
    check_unlearned(name, wishes)

    def at(picture: Tensor, sigma: float) -> Tensor:
        return torch.from_numpy(BASELINES[name](picture[0].numpy(), sigma=sigma))[None]

    return Found(removed(at, pixels, known))


tv = partial(_denoised, "tv")
wavelet = partial(_denoised, "wavelet")
nlm = partial(_denoised, "nlm")
bm3d = partial(_denoised, "bm3d")
