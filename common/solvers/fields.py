"""Integration of networks that give a drift, from the degraded end, where x0 cannot be read off it.

    dx = f(x, u) du + g(u) dW,     u from 0 (degraded) to 1 (clean), as in the papers

Foellmer processes and stochastic interpolants begin at a point, s(u = 0) = 0, where the plans of
`plan` would need an estimate of x0; their own samplers integrate the drift as it comes. For an
interpolant f = drift + eps score with a free eps, and g = sqrt(2 eps) (Albergo et al. 2023, Eq.
(2.33)). "heun" is the published one: noise first, then the trapezoid with both slopes at the end of
the step. "rk4" is the 3/8 rule that torchdiffeq has under that name.
"""

import itertools
import math
from collections.abc import Callable, Sequence

from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.solvers.loop import Draw

Field = Callable[[Tensor, float], Tensor]  # x: (b, c, *space), u -> drift of the same shape
METHODS = ("euler", "heun", "rk4")


def integrate(
    field: Field,
    x: Tensor,
    times: Sequence[float],
    *,
    diffusion: Callable[[float], float] | float = 0.0,
    method: str = "euler",
    draw: Draw | None = None,
    quiet_end: bool = False,
    step: float | None = None,
) -> list[Tensor]:
    """All states from x on, one for each time, which may run either way.

    diffusion: g, a number or a function of u. draw: noise by number, from 1; needed unless g = 0.
    quiet_end: the last step without its noise. step: length of every step, one from each time, the
    last one too, as the sampler of Foellmer forecasting has it. Raises InputError for an unknown
    method, for "rk4" with a diffusion, or if noise is missing.
    """
    if method not in METHODS:
        raise InputError(f"method {method!r} is not one of {', '.join(METHODS)}")
    noisy = callable(diffusion) or diffusion != 0
    if noisy and (draw is None or method == "rk4"):
        raise InputError("a diffusion needs draw, and euler or heun; rk4 is for g = 0")
    moves = [(now, now + step) for now in times] if step else list(itertools.pairwise(times))
    states = [x]
    for number, (now, then) in enumerate(moves, start=1):
        kick: Tensor | float = 0.0
        if noisy and draw is not None and not (quiet_end and number == len(moves)):
            g = diffusion(now) if callable(diffusion) else diffusion
            kick = g * math.sqrt(abs(then - now)) * draw(number).to(x)
        states.append(_move(field, states[-1], now, then, kick, method))
    return states


def _move(
    field: Field, x: Tensor, now: float, then: float, kick: Tensor | float, method: str
) -> Tensor:
    h = then - now
    if method == "euler":
        return x + h * field(x, now) + kick
    if method == "heun":
        x = x + kick
        slope = field(x, then)
        return x + h / 2 * (slope + field(x + h * slope, then))
    k1 = field(x, now)
    k2 = field(x + h / 3 * k1, now + h / 3)
    k3 = field(x + h * (k2 - k1 / 3), now + 2 * h / 3)
    k4 = field(x + h * (k1 - k2 + k3), then)
    return x + h / 8 * (k1 + 3 * (k2 + k3) + k4)
