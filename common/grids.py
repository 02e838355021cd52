"""Grids: where a solver calls the denoiser. n + 1 times, descending, the last one exactly clean.

At few calls the placement matters more than the solver. Nodes uniform in the angle psi = atan2(s, a
sigma_d) serve every process alike and are the default of first order. Higher orders want the steps
longer at the start and shorter at the end: nodes uniform in a warped angle,

    (s/a) / sigma_d = c(n) tan(theta)^1.2,    c(n) = .5 + 1.4 / n,    theta uniform to 0,

between the angle (power 1) and lambda = ln(a/s) (a large one). The three numbers were fitted to
random mixtures, with sigma_d wrong both ways and rough denoisers. Grids are pure functions.
"""

import math
from collections.abc import Callable

import torch

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.processes.process import Process, angle, log_snr, time_of_angle

Grid = tuple[float, ...]


def uniform(process: Process, n: int, sigma_d: float, start: float = 1.0) -> Grid:
    """Equal steps in t."""
    return _finish([start * (1 - i / n) for i in range(n)], n)


def quadratic(process: Process, n: int, sigma_d: float, start: float = 1.0) -> Grid:
    """Equal steps in sqrt(t)."""
    return _finish([start * (1 - i / n) ** 2 for i in range(n)], n)


def by_angle(process: Process, n: int, sigma_d: float, start: float = 1.0) -> Grid:
    """Equal steps in psi = atan2(s, a sigma_d): psi_i = psi_start (1 - i/n)."""
    psi = angle(process, torch.tensor(start, dtype=torch.float64), sigma_d)
    share = 1 - torch.arange(n, dtype=torch.float64) / n
    return _finish(_times(process, psi * share, sigma_d, start), n)


def by_log_snr(
    process: Process,
    n: int,
    sigma_d: float,
    start: float = 1.0,
    low: float = 0.1,
    high: float = 20.0,
) -> Grid:
    """Equal steps in ln(a/s) down to s/a = low sigma_d, then clean.

    An infinite start is replaced by s/a = high sigma_d for placing the nodes after the first. A
    start that is cleaner than sigma_d goes down to `low` times itself.
    """
    top = _log_ratio(process, start, high * sigma_d)
    bottom = math.log(low) + min(math.log(sigma_d), top)
    ratios = torch.linspace(top, bottom, n, dtype=torch.float64)
    psi = torch.atan(torch.exp(ratios) / sigma_d)
    return _finish(_times(process, psi, sigma_d, start), n)


def karras(
    process: Process,
    n: int,
    sigma_d: float,
    start: float = 1.0,
    low: float = 0.1,
    high: float = 20.0,
    rho: float = 7.0,
) -> Grid:
    """Equal steps in (s/a)^(1/rho) (Karras et al. 2022, Eq. (5)) down to low sigma_d, then clean.

    Infinite and clean starts as for `by_log_snr`.
    """
    top = math.exp(_log_ratio(process, start, high * sigma_d))
    bottom = low * min(sigma_d, top)
    ends = torch.linspace(top ** (1 / rho), bottom ** (1 / rho), n, dtype=torch.float64)
    return _finish(_times(process, torch.atan(ends**rho / sigma_d), sigma_d, start), n)


def warped(process: Process, n: int, sigma_d: float, start: float = 1.0) -> Grid:
    """Equal steps in theta with s/a = (.5 + 1.4/n) sigma_d tan(theta)^1.2: for second order."""
    if process.is_cold:
        return by_angle(process, n, sigma_d, start)
    scale = (0.5 + 1.4 / max(n, 1)) * sigma_d
    ratio = math.exp(_log_ratio(process, start, math.inf)) / scale
    theta = math.atan(ratio ** (1 / _WARP)) * (1 - torch.arange(n, dtype=torch.float64) / n)
    psi = torch.atan(scale / sigma_d * torch.tan(theta) ** _WARP)
    return _finish(_times(process, psi, sigma_d, start), n)


GRIDS: dict[str, Callable[..., Grid]] = {
    "uniform": uniform,
    "quadratic": quadratic,
    "angle": by_angle,
    "log-snr": by_log_snr,
    "karras": karras,
    "warped": warped,
}
_WARP = 1.2


def default_grid(
    process: Process, n: int, sigma_d: float, start: float = 1.0, order: int = 1
) -> Grid:
    """The angle grid for a solver of first order, the warped one for others."""
    return (warped if order > 1 else by_angle)(process, n, sigma_d, start)


def build_grid(
    name: str, process: Process, n: int, sigma_d: float, start: float = 1.0, order: int = 1
) -> Grid:
    """A grid by name, or "auto"; raises UsageError for an unknown one."""
    if name == "auto":
        return default_grid(process, n, sigma_d, start, order)
    if name not in GRIDS:
        raise UsageError(
            f"grid {name!r} is not one of auto, {', '.join(GRIDS)}{nearest(name, GRIDS)}"
        )
    return GRIDS[name](process, n, sigma_d, start)


def time_of_ratio(process: Process, ratio: float, sigma_d: float) -> float:
    """The time at which s/a equals `ratio`: where a signal with that much noise enters.

    Raises InputError if the process never becomes that noisy.
    """
    psi = math.atan(ratio / sigma_d)
    top = float(angle(process, torch.ones((), dtype=torch.float64), sigma_d))
    if not 0 <= psi <= top:
        raise InputError(
            f"noise {ratio:g} times the signal is outside this process, which ends at "
            f"{sigma_d * math.tan(top):g}"
        )
    return float(time_of_angle(process, torch.tensor(psi, dtype=torch.float64), sigma_d))


def _log_ratio(process: Process, start: float, limit: float) -> float:
    """ln(s/a) at the start, or ln(limit) where that is infinite."""
    value = -float(log_snr(process, torch.tensor(start, dtype=torch.float64)))
    return value if math.isfinite(value) else math.log(limit)


def _times(process: Process, psi: torch.Tensor, sigma_d: float, start: float) -> list[float]:
    times = time_of_angle(process, psi, sigma_d).tolist()
    return [start, *times[1:]]


def _finish(times: list[float], n: int) -> Grid:
    if n < 1:
        raise UsageError(f"a grid needs at least one step, got {n}")
    return (*times, 0.0)
