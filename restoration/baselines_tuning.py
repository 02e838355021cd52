"""How the weight of the total-variation baseline was chosen: `python -m` this module repeats it.

Rudin, Osher and Fatemi's model has one weight. Scaled with the noise, weight = factor * sigma, one
factor serves all noise levels about equally well, and here it is chosen on the validation
photographs, which no benchmark reports: the factor with the highest PSNR, averaged over noise of
15, 25 and 50 of 255 and over photographs. Measured with scikit-image 0.26 on the ten photographs
of `wheel-photos`, seed 0: 0.95 gives 32.23, 29.99 and 27.13 dB, and 0.9 and 1.0 lose 0.02 dB.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from undrift.restoration.baselines import Method, tv
from undrift.restoration.benchmark import Photos, benchmark

FACTORS = (0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.1, 1.2)
SIGMAS = (15.0, 25.0, 50.0)


def tune_tv(
    card: str | Photos = "wheel-photos",
    *,
    factors: Sequence[float] = FACTORS,
    sigmas: Sequence[float] = SIGMAS,
    seed: int = 0,
) -> dict[float, list[float]]:
    """Mean PSNR in dB of every factor, one number for each noise level.

    Args:
        card: a data card with photographs, or pairs (name, (c, h, w) in [0, 1]).
        factors: candidates for weight / sigma.
        sigmas: noise levels on the 0..255 scale.
        seed: of the noise.
    """
    methods = [
        Method(f"{factor:g}", "denoise", partial(tv, factor=factor), "") for factor in factors
    ]
    table = benchmark(card, "denoise", methods=methods, sigmas=sigmas, seed=seed)
    return {
        factor: [
            float(np.mean(list(table.values(method.name, condition, "psnr").values())))
            for condition in table.conditions
        ]
        for factor, method in zip(factors, methods, strict=True)
    }


def best(found: dict[float, list[float]]) -> float:
    """The factor with the highest mean over the noise levels."""
    return max(found, key=lambda factor: float(np.mean(found[factor])))


if __name__ == "__main__":
    results = tune_tv()
    for value, scores in results.items():
        print(f"{value:5.2f}", *(f"{score:6.2f}" for score in scores), f"{np.mean(scores):6.3f}")
    print("best factor:", best(results))
