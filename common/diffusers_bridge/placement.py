"""Where the calls of a run lie: our grids, a pipeline's own lists, shifts and whole steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from undrift.common.diffusers_bridge.schedule import Schedule
from undrift.common.errors import UsageError
from undrift.common.grids import build_grid

Times = tuple[float, ...]


def place(
    schedule: Schedule,
    settings: Mapping[str, Any],
    order: int,
    count: int | None,
    timesteps: Sequence[float] | None,
    sigmas: Sequence[float] | None,
    shift: float,
) -> Times:
    """Times of the nodes, the clean end last.

    timesteps stand as they are; sigmas (s/a, of flow matching t) and grids are shifted.
    Raises UsageError if none is given.
    """
    if timesteps is not None:
        return _ended(schedule.time(float(value)) for value in timesteps)
    if sigmas is not None:
        kept = [float(value) for value in sigmas if value > 0]
        flow = schedule.timestep_type == "time"
        times = _ended(kept if flow else map(schedule.time_of_ratio, kept))
    elif count is None:
        raise UsageError("set_timesteps needs a number of steps, timesteps or sigmas")
    else:
        process, sigma_d = schedule.process, schedule.sigma_d
        times = build_grid(settings["grid"], process, count, sigma_d, order=order)
    if shift != 1:
        times = tuple(shift * t / (1 + (shift - 1) * t) for t in times)
    return snapped(times, schedule.steps) if settings["snap_timesteps"] else times


def snapped(times: Sequence[float], steps: int) -> Times:
    """Moves times to the nearest of i / steps, each taken once."""
    places = sorted({max(1, round(t * steps)) for t in times[:-1]}, reverse=True)
    return (*(place / steps for place in places), 0.0)


def _ended(times: Any) -> Times:
    return (*(t for t in times if t > 0), 0.0)
