"""What samples x_1 .. x_K of one picture are worth, x0 being the truth.

A single sample and the mean of all are scored as pictures. The continuous ranked probability score
(Gneiting and Raftery 2007, Eq. (21); the fair form for an ensemble of Ferro 2014) asks of every
value whether the spread of the samples is the spread of the truth around them,

    crps = mean |x_k - x0| - sum_{k,l} |x_k - x_l| / (2 K (K - 1));

it is the mean absolute error where there is one sample, so that a regression network can be
compared. chi = rms(mean - x0) / sqrt((1 + 1/K) variance) is 1 if error and spread agree, above 1
for samples that are too sure of themselves. crps, error and spread are in 1/255 of the range.
"""

import math
from collections.abc import Mapping

from torch import Tensor

from undrift.common.metrics.fidelity import WINDOW
from undrift.restoration.metrics import VIF_SIDE, score

UNIT = 255.0
LESS_IS_BETTER = ("crps",)


def scored(samples: Tensor, x0: Tensor) -> dict[str, float]:
    """All scores; samples (K, 3, h, w), x0 (1, 3, h, w), both in [0, 1].

    psnr, ssim and vif of a sample ("one") and of the mean ("mean"); ssim only from 11 pixels a
    side, vif only from 41; spread and chi only with several samples.
    """
    mean = samples.mean(0)
    side = min(x0.shape[-2:])
    names = ["psnr", *(["ssim"] if side >= WINDOW else []), *(["vif"] if side >= VIF_SIDE else [])]
    found: dict[str, float] = {}
    for label, picture in (("one", samples[0]), ("mean", mean)):
        values = score(picture.numpy(), x0[0].numpy(), names)
        found |= {f"{name}_{label}": value for name, value in values.items()}
    found["crps"] = UNIT * crps(samples, x0)
    return found | dict(calibration(samples, x0))


def crps(samples: Tensor, x0: Tensor) -> float:
    """The score in the unit of the pictures; the mean absolute error for one sample."""
    count = len(samples)
    error = float((samples - x0).abs().double().mean())
    if count == 1:
        return error
    ordered = samples.double().sort(0).values  # sum_{k,l} |x_k - x_l| = 2 sum_k (2k - K + 1) x_(k)
    apart = sum(float((2 * k - count + 1) * ordered[k].mean()) for k in range(count))
    return error - apart / (count * (count - 1))


def calibration(samples: Tensor, x0: Tensor) -> Mapping[str, float]:
    """error of the mean, spread of the samples (both rms, in 1/255), and chi; {} for one sample.

    chi is infinite for samples that do not differ.
    """
    count = len(samples)
    if count == 1:
        return {}
    error = math.sqrt(float((samples.mean(0) - x0[0]).double().square().mean()))
    spread = math.sqrt(float(samples.double().var(0).mean()))
    chi = error / (spread * math.sqrt(1 + 1 / count)) if spread else math.inf
    return {"error": UNIT * error, "spread": UNIT * spread, "chi": chi}
