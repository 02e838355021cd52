"""The smoke run of ScoreDVI: a synthetic picture whose halves have noise of 10 and 30, of 255.

Nothing is trained: the 200 steps are those of the fit.
"""

from collections.abc import Iterator

import numpy as np
import torch

from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.common.reproduce.paper import Measured, Task
from undrift.restoration.self_supervised.score_vi import fit_score_vi

SIDE, STEPS_OF_FIT = 48, 200
HALVES = {"left half": 10.0, "right half": 30.0}


def measure(task: Task) -> Iterator[Measured]:
    """Fits the picture and compares with what is known of it."""
    from undrift.restoration.leaves import make_bank

    picture = np.load(make_bank(1, 64, 2, task.folder)).transpose(0, 3, 1, 2)[..., :SIDE, :SIDE]
    clean = torch.from_numpy(np.ascontiguousarray(picture) / np.float32(255)).float()
    low, high = HALVES.values()
    deviation = torch.where(torch.arange(SIDE) < SIDE // 2, low / 255, high / 255)
    y = clean + deviation * Noise(0, "score-dvi")(tuple(clean.shape))
    task.say(f"score-dvi: {STEPS_OF_FIT} steps on one picture, about a minute on a CPU")

    def quality(x: torch.Tensor) -> float:
        return float(psnr(x[0].clamp(0, 1), clean[0], data_range=1.0))

    found = fit_score_vi(y, steps=STEPS_OF_FIT, components=1, device=task.device)
    yield Measured("smoke", "picture", "steps of the fit", len(found.losses))
    yield Measured(
        "smoke", "picture", "dB above the noisy picture", quality(found.estimate) - quality(y)
    )
    parts = (255 * found.noise[0]).split(SIDE // 2, -1)
    for name, part in zip(HALVES, parts, strict=True):
        value = float(part.square().mean().sqrt())
        yield Measured("smoke", name, "noise found", value)
