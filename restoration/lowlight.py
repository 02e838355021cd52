"""`restore(task="lowlight")`: pictures taken with too little light, the light and curve unknown.

y = gain x^gamma + noise, with gain and gamma unknown. The two move together with the picture, as
in GDP (Fei et al. 2023, Sect. 3.3), where light and picture are estimated in turn; but nothing in y
alone tells a dark scene from a dark exposure, so that a well exposed picture is assumed: its white
(the 99.5 % quantile) at `WHITE` and its mean at `MEAN`, both as in photographs that no benchmark
uses. Given the picture's current estimate, the two conditions fix gain and gamma; given these, the
picture is restored with the operator known, and the estimate of dark, noisy places becomes clean.
"""

import math
import time
from typing import Any

import numpy as np
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.tone import Gamma
from undrift.common.results import Restored
from undrift.restoration.asked import check_fidelity, check_noise, noise_of, wishes_for
from undrift.restoration.channels import prepared
from undrift.restoration.images import to_pixels
from undrift.restoration.inverse import solved
from undrift.restoration.inverse_problem import PRIOR, Problem, prior_for
from undrift.restoration.outcome import Measured, outcome

WHITE, MEAN = 0.95, 0.42
GAMMAS = (1.2, 4.0)  # camera curves and dark displays


def lighten(
    image: Any,
    *,
    noise: float | str = "auto",
    gain: float | None = None,
    gamma: float | None = None,
    fidelity: float = 1.0,
    method: str = "auto",
    model: str = PRIOR,
    **wishes: Any,
) -> Restored:
    """Brings a picture taken with too little light to a usual exposure, without its noise.

    noise: on the 0..255 scale of the dark picture, or "auto". gain, gamma: of the camera where
    known; estimated otherwise, see the module (`info["gain"]`, `info["gamma"]`). fidelity, method:
    as for `deblur`. Raises InputError for bad and for black pictures, UsageError for numbers.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    sampler = prior_for(model, wishes_for(image, wishes), method)
    check_lighten(sampler, noise=noise, fidelity=fidelity)
    level = noise_of(picture, pixels, noise)
    found = tone(pixels)
    gain, gamma = gain or found[0], gamma or found[1]
    operator = Gamma(tuple(pixels.shape[1:]), gamma, gain, floor=0.02)
    start = (pixels.clamp(min=0) / gain).clamp(max=1.0) ** (1 / gamma)
    top = min(0.5, max(49 / 255, level / gain))
    samples = solved(Problem(operator, pixels, level, start, top, 2 / 255), sampler, fidelity)
    residual = pixels - operator(samples.mean(0, keepdim=True))
    extra = {
        "task": "lowlight", "gain": round(gain, 5), "gamma": round(gamma, 4),
        "noise": round(255 * level, 4), "noise_given": noise, "fidelity": float(fidelity),
        **sampler.how,
    }  # fmt: skip
    return outcome(picture, back, samples, Measured(residual, level), sampler, extra, began)


def tone(pixels: Tensor) -> tuple[float, float]:
    """(gain, gamma) that bring (1, c, h, w) to the usual white and mean.

    Raises InputError for a picture without light.
    """
    from scipy.ndimage import uniform_filter

    smooth = np.stack([uniform_filter(plane, 5) for plane in pixels[0].double().numpy()])
    white = float(np.quantile(smooth, 0.995))
    if white <= 1e-3:
        raise InputError("the picture is black: there is no light in it that could be raised")
    share = np.clip(smooth / white, 1e-4, None)
    low, high = GAMMAS
    for _ in range(40):  # the mean of WHITE share^(1/gamma) grows with gamma
        gamma = math.sqrt(low * high)
        if float(np.mean(WHITE * share ** (1 / gamma))) < MEAN:
            low = gamma
        else:
            high = gamma
    gamma = math.sqrt(low * high)
    return white / WHITE**gamma, gamma


def check_lighten(
    sampler: Any, *, noise: float | str = "auto", fidelity: float = 1.0, **_: Any
) -> None:
    """Raises UsageError for numbers that cannot be."""
    check_noise(noise)
    check_fidelity(fidelity)
