"""The probability flow by an adaptive Runge-Kutta method of scipy: a reference, not a fast way.

    dx/dt = f x + k y - g^2/2 score,     score = -(x - b y - a D)/s^2

(Song et al. 2021, Eq. (13)). Each function evaluation is a network call, some are thrown away.
"""

import numpy as np
import torch
from torch import Tensor

from undrift.common.processes.process import Process, rates
from undrift.common.solvers.loop import Denoise


def probability_flow(
    denoise: Denoise,
    process: Process,
    x: Tensor,
    start: float,
    end: float,
    *,
    y: Tensor | None = None,
    level: Tensor | None = None,
    method: str = "RK45",
    rtol: float = 1e-5,
    atol: float = 1e-5,
) -> tuple[Tensor, int]:
    """Carries x: (b, c, *space), real or complex, from time `start` to `end`; returns it and calls.

    Both times must be interior: 0 < end < start <= 1, and the process regular at `start`.
    """
    from scipy.integrate import solve_ivp

    def slope(t: float, flat: np.ndarray) -> np.ndarray:
        now = torch.from_numpy(flat.copy()).reshape(x.shape).to(x)
        time = torch.tensor(t, dtype=torch.float64)
        f, k, g2 = (float(rate) for rate in rates(process, time))
        a, b, s = (float(g(time)) for g in (process.a, process.b, process.s))
        gap = now - a * denoise(now, t, y, level).x0
        drift = f * now
        if y is not None:
            gap, drift = gap - b * y, drift + k * y
        return (drift + g2 / 2 * gap / s**2).cpu().numpy().ravel()

    run = solve_ivp(
        slope, (start, end), x.cpu().numpy().ravel(), method=method, rtol=rtol, atol=atol
    )
    return torch.from_numpy(run.y[:, -1].copy()).reshape(x.shape).to(x), int(run.nfev)
