"""The discrete schedules of diffusers as a process, values met exactly at integer steps 1..T.

    abar_i = prod_{j <= i} (1 - beta_j),     a = sqrt(abar),     s = sqrt(1 - abar)

"linear" (Ho et al. 2020), "scaled_linear" (linear in sqrt(beta), latent diffusion), "sigmoid" and
"squaredcos_cap_v2" (Nichol and Dhariwal 2021, Eq. (17), betas capped at .999).
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest
from undrift.common.processes.variance_preserving import VariancePreserving, cosine, discrete

SCHEDULES = ("linear", "scaled_linear", "sigmoid", "squaredcos_cap_v2")


def read_discrete(settings: Mapping[str, Any]) -> VariancePreserving:
    """The process of the beta keys of a scheduler of diffusers.

    Raises InputError for an unknown beta_schedule or betas outside (0, 1).
    """
    given, name = settings.get("trained_betas"), settings["beta_schedule"]
    steps, zero = settings["num_train_timesteps"], bool(settings["rescale_betas_zero_snr"])
    if given is None and name == "squaredcos_cap_v2":
        return replace(cosine(steps), zero_snr=zero)
    if given is None:
        betas = _named(name, settings["beta_start"], settings["beta_end"], steps)
    else:
        betas = [float(beta) for beta in given]
    if len(betas) != steps or not all(0 < beta < 1 for beta in betas):
        raise InputError(
            f"expected {steps} betas between 0 and 1, got {len(betas)} from {min(betas):g} to "
            f"{max(betas):g}; for a last one of 1 set rescale_betas_zero_snr"
        )
    return replace(_process(tuple(betas)), zero_snr=zero)


@functools.lru_cache(maxsize=8)
def _process(betas: tuple[float, ...]) -> VariancePreserving:
    return discrete(betas)


def _named(name: str, first: float, last: float, steps: int) -> Sequence[float]:
    if name == "linear":
        return np.linspace(first, last, steps).tolist()
    if name == "scaled_linear":
        return (np.linspace(math.sqrt(first), math.sqrt(last), steps) ** 2).tolist()
    if name == "sigmoid":
        return (first + (last - first) / (1 + np.exp(-np.linspace(-6, 6, steps)))).tolist()
    known = ", ".join(SCHEDULES)
    raise InputError(f"beta_schedule {name!r} is not one of {known}{nearest(str(name), SCHEDULES)}")
