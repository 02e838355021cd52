"""Time-shift sampling (Li et al., ICLR 2024, TS-DPM), for any process.

After a step the state is seldom as noisy as its time says. The variance of z = x - b y over the
elements of each item is compared with what every time predicts,

    Var(z)  ~  a(t)^2 spread^2 + s(t)^2,      spread^2 = Var(x0), theirs for b = 0 and spread = 1,

and the item goes on from the time t' that fits best within a window around the nominal one, with
the network and the step both told t'. Below `cutoff` the signal's own variance decides and nothing
is shifted. Steps are those of DDIM, with a time of its own for each item.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from undrift.common.processes.process import Process, over
from undrift.common.solvers.loop import Denoise


def shifted_times(
    process: Process,
    x: Tensor,
    t: float,
    y: Tensor | None,
    spread: float,
    window: float,
    count: int = 61,
) -> Tensor:
    """For each item of x (b, c, *space), at t, the time within +- window that fits its variance."""
    low, high = max(t - window, 1e-6), min(t + window, 1.0)
    times = torch.linspace(low, high, count, dtype=torch.float64, device=x.device)
    told = (process.a(times) * spread) ** 2 + process.s(times) ** 2
    centred = x if y is None else x - _at(process.b, t).item() * y
    found = centred.double().flatten(1).var(dim=1)
    return times[(found[:, None] - told).abs().argmin(dim=1)]


def sample_shifted(
    denoise: Denoise,
    process: Process,
    x: Tensor,
    times: Sequence[float],
    *,
    spread: float,
    window: float,
    cutoff: float = 0.3,
    y: Tensor | None = None,
    level: Tensor | None = None,
) -> Tensor:
    """DDIM from x (b, c, *space) along `times`, each item from its own shifted time.

    spread: of x0 within an item (units of the data), about its mean. window: of time; 0 is plain
    DDIM. cutoff: no shift at or below this time. The denoiser is called item by item.
    """
    own = torch.full((len(x),), times[0], dtype=torch.float64, device=x.device)
    for number, (now, then) in enumerate(itertools.pairwise(times)):
        if number and window > 0 and now > cutoff:
            own = shifted_times(process, x, now, y, spread, window)
            x = x if y is None else x + over(_at(process.b, own) - _at(process.b, now), x) * y
        estimate = torch.cat(
            [denoise(item, t, _one(y, k), _one(level, k)).x0
             for k, (item, t) in enumerate(zip(x.split(1), own.tolist(), strict=True))]
        )  # fmt: skip
        x = _step(process, x, estimate, own, then, y)
        own = torch.full_like(own, then)
    return x


def _step(
    process: Process, x: Tensor, estimate: Tensor, own: Tensor, then: float, y: Tensor | None
) -> Tensor:
    old, new = ([_at(f, t) for f in (process.a, process.b, process.s)] for t in (own, then))
    keep = torch.where(old[2] > 0, new[2] / old[2].clamp(min=1e-12), 0.0)
    gain, shift = new[0] - keep * old[0], new[1] - keep * old[1]
    result = over(keep.to(x.dtype), x) * x + over(gain.to(x.dtype), x) * estimate
    return result if y is None else result + over(shift.to(x.dtype), x) * y


def _at(function, t: Tensor | float) -> Tensor:
    return function(torch.as_tensor(t, dtype=torch.float64))


def _one(value: Tensor | None, k: int) -> Tensor | None:
    return None if value is None else value[k : k + 1]
