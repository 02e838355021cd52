"""Magnitude images without their noise, by a prior of complex images.

The transform of `rician` makes the noise even, of deviation sigma. The result counts as the real
part of a complex image with phase 0, and noise of the same strength is drawn as its imaginary part:
so the pair is a state of the prior's process at the time with that noise, and its steps from there
to the clean end lead to a sample (one call: to the mean) of the posterior. The real part goes back
through the inverse that has no bias.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError
from undrift.common.grids import time_of_ratio
from undrift.common.noise import Noise
from undrift.medical.given import Given
from undrift.medical.intensity import Values
from undrift.medical.method import Method, Seen
from undrift.medical.outcome import Drawn, about, further, gathered
from undrift.medical.rician import Stabiliser, measured_sigma
from undrift.medical.stages import Stage
from undrift.medical.stores import Place
from undrift.medical.tiles import Progress
from undrift.medical.volumes.on_disk import computed, extremes, let_go
from undrift.medical.workspace import Workspace

PRIOR = "mr-prior"


def without_rician(
    came: Given,
    method: Method,
    sigma: float | None,
    keep: bool,
    progress: Progress | None,
    workspace: Workspace,
) -> tuple[Drawn, dict[str, Any]]:
    """Samples in values, and what the record says. Raises InputError for negative values."""
    array = came.volume.array
    lowest, _ = extremes(array)
    if lowest < 0:
        raise InputError(f"{came.name}: values from {lowest:g}; magnitude images have none below 0")
    measured = measured_sigma(array) if sigma is None else float(sigma)
    stabiliser = Stabiliser(measured)
    seen = Seen(came.volume, method.map_of(array))
    scale = float(seen.map.record()["scale"]) if method.channels == 2 else _scale(seen)
    noise = measured / scale
    process, sigma_d = method.sampler.process, method.sampler.model.denoiser.scaling.sigma_d
    moment = time_of_ratio(process, noise, sigma_d)
    share = float(process.a(torch.tensor(moment, dtype=torch.float64)))
    wishes, count = method.sampler.wishes, method.sampler.choice.samples
    imaginary = Noise(wishes.seed, f"{wishes.item}\0imaginary")

    def state(part: Place) -> torch.Tensor:
        even = stabiliser.forward(np.ascontiguousarray(seen.values[part]))
        let_go(seen.values)
        real = torch.from_numpy(seen.map.forward(even))[None, None]
        if method.channels == 1:
            return share * real
        origin = (part[0].start, 0, 0)
        return share * torch.cat([real, noise * imaginary(tuple(real.shape), 0, origin)], 1)

    stage = Stage(
        method.sampler, seen.size, method.channels, method.signal.slices,
        further(count, keep, array), progress=progress, workspace=workspace,
    )  # fmt: skip
    steps = method.sampler.steps(moment, given_state=True)

    def samples() -> Iterator[Values]:
        for numbers in stage.draw(steps, state, time=moment):
            values = seen.back(numbers[0])
            yield computed(stabiliser.inverse, values, values)

    drawn = gathered(samples(), count, keep)
    told = about(came.volume, method, seen.map, stage)
    return drawn, {**told, "sigma": measured, "sigma_from": "tissue" if sigma is None else "caller"}


def _scale(seen: Seen) -> float:
    record = seen.map.record()
    return (float(record["high"]) - float(record["low"])) / 2
