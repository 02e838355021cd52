"""Guidance without derivatives: at each step several next states are drawn and a reward chooses.

Soft value-based decoding (SVDD, Li et al. 2024, Algorithm 1): the law of x0 tilted by exp(r/alpha)
has the reverse kernel p(x' | x) exp(v(x')/alpha), where v is approximated by the reward of the
estimate at x', v(x') = r(E[x0 | x']) (Eq. (6), "posterior mean"). M candidates are drawn from p and
one is taken with probability proportional to exp(v/alpha); alpha -> 0 takes the best. The reward
may be anything that can be computed: a count, a decoder, another program.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.solvers.loop import Denoise, Draw
from undrift.common.solvers.plan import Step
from undrift.common.solvers.walk import Walk

Reward = Callable[[Tensor], Tensor]  # (n, c, *space) estimates of x0 -> (n,)


def run_rewarded(
    denoise: Denoise,
    x: Tensor,
    steps: Sequence[Step],
    reward: Reward,
    *,
    candidates: int,
    draw: Draw,
    alpha: float = 0.0,
    generator: torch.Generator | None = None,
    y: Tensor | None = None,
    level: Tensor | None = None,
) -> Tensor:
    """As `run_plan`, with `candidates` next states at every step that draws noise.

    Items of a batch choose by themselves. The candidates of a step are judged in one call of the
    denoiser with candidates x b items, which also serves the next step: the calls of the plan,
    each so much larger. Candidate j of step k has the draw number k candidates + j + 1.
    alpha: temperature in units of the reward, 0 for the best one; generator: of the choice if
    alpha > 0. Raises UsageError for numbers that cannot be, InputError for a reward of wrong shape.
    """
    if candidates < 1 or alpha < 0 or (alpha > 0 and generator is None):
        raise UsageError(
            f"candidates {candidates}, alpha {alpha}: expected 1 or more candidates and alpha 0, "
            "or above it with a generator"
        )
    walk = Walk(x, steps, y, draw)
    estimate: Estimate | None = None
    while not walk.done:
        walk.see(estimate or denoise(walk.x, walk.t, y, level))
        estimate, number, follows = None, walk.number, walk.steps[walk.number + 1 :]
        first = number * candidates + 1
        if candidates == 1 or walk.step.sigma <= 0 or (follows and not follows[0].calls):
            walk.take(walk.moved(first))
            continue
        tries = torch.cat([walk.moved(first + j) for j in range(candidates)])
        told = Estimate(tries)
        if follows:
            told = denoise(
                tries, follows[0].t, _repeated(y, candidates), _repeated(level, candidates)
            )
        chosen = _choice(_judged(reward, told.x0, candidates), alpha, generator)
        estimate = _picked(told, chosen)
        walk.take(_pick(tries, chosen))
    return walk.x


def _judged(reward: Reward, x0: Tensor, candidates: int) -> Tensor:
    """(candidates, b) rewards."""
    values = reward(x0)
    if values.shape != x0.shape[:1]:
        raise InputError(
            f"the reward gave shape {tuple(values.shape)} for {x0.shape[0]} estimates; expected "
            f"one number each, ({x0.shape[0]},)"
        )
    return values.reshape(candidates, -1)


def _choice(values: Tensor, alpha: float, generator: torch.Generator | None) -> Tensor:
    """For each item the number of the candidate that is taken, (b,)."""
    if alpha == 0:
        return values.argmax(0)
    share = torch.softmax(values.double() / alpha, 0).cpu()
    return torch.multinomial(share.T, 1, generator=generator)[:, 0].to(values.device)


def _pick(values: Tensor, chosen: Tensor) -> Tensor:
    """(candidates b, ...) -> (b, ...)."""
    items = torch.arange(len(chosen), device=values.device)
    return values.reshape(-1, len(chosen), *values.shape[1:])[chosen, items]


def _picked(told: Estimate, chosen: Tensor) -> Estimate:
    return Estimate(**{k: _pick(v, chosen) for k, v in vars(told).items() if v is not None})


def _repeated(value: Tensor | None, count: int) -> Tensor | None:
    return None if value is None else value.repeat(count, *[1] * (value.ndim - 1))
