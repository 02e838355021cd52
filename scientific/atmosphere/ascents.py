"""Made-up radiosondes in a simulated field: wind and temperature at its levels, as ascents.

Each sensor of `stations.Network` is read at every level that the field has; winds go through speed
and direction, as a sounding has them. Some levels are missing, and some values are far off and
carry the letter "X" that quality control gives them, which no user of the accepted letters sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from torch import Tensor

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.channels import CHANNELS
from undrift.scientific.atmosphere.soundings.sounding import Sounding
from undrift.scientific.atmosphere.stations import Array, Network, stream

_SLOTS = {"air_temperature": "t", "eastward_wind": "u", "northward_wind": "v"}
_GROSS = {"t": 15.0, "u": 40.0}  # K and m/s that a value is off by


@dataclass(frozen=True)
class Ascents:
    """missing: share of the levels that are not there. gross: share of the values that are far off,
    and flagged. network: errors of what remains; its clusters are those of the places."""

    network: Network = field(default_factory=Network)
    missing: float = 0.1
    gross: float = 0.02

    def observe(
        self, x: Tensor, places: Array, names: Sequence[str], seed: int, item: str = "",
        time: datetime | None = None,
    ) -> list[Sounding]:  # fmt: skip
        """One sounding a place (n, 2) of a periodic field x (c, rows, columns) in K and m/s.

        Channels without a level, such as a temperature of thickness, are left out. Latitudes and
        longitudes are NaN: the field lies on a plane. Raises InputError where no level remains.
        """
        own = [k for k, name in enumerate(names) if _slot(name) is not None]
        if not own:
            raise InputError(f"no channel of {', '.join(names)} has a level; expected one with it")
        chosen = [names[k] for k in own]
        values = self.network.observe(x[own], places, chosen, seed, item)
        return [
            self._ascent(
                values[:, k], chosen, stream(seed, item, f"ascent {k}"), f"SIM{k:05d}", time
            )
            for k in range(len(places))
        ]

    def _ascent(
        self, values: Array, names: Sequence[str], rng: np.random.Generator, station: str,
        time: datetime | None,
    ) -> Sounding:  # fmt: skip
        levels = sorted({float(CHANNELS[name].level or 0) for name in names}, reverse=True)
        table = {slot: np.full(len(levels), np.nan) for slot in "tuv"}
        for value, name in zip(values, names, strict=True):
            table[_slot(name) or ""][levels.index(float(CHANNELS[name].level or 0))] = value
        gone = rng.random(len(levels)) < self.missing
        flags = {}
        for slots, quantity in (("t", "temperature"), ("uv", "wind")):
            wrong = rng.random(len(levels)) < self.gross
            for slot in slots:
                off = np.where(wrong, _GROSS[slots[0]] * rng.choice([-1, 1], len(levels)), 0.0)
                table[slot] = np.where(gone, np.nan, table[slot] + off)
            flags[quantity] = np.where(wrong, "X", "")
        letters = {"temperature": flags["temperature"], "eastward_wind": flags["wind"],
                   "northward_wind": flags["wind"]}  # fmt: skip
        u, v, nothing = table["u"], table["v"], np.full(len(levels), np.nan)
        return Sounding(
            station, time, float("nan"), float("nan"), None,
            pressure=100 * np.array(levels), height=nothing, temperature=table["t"],
            relative_humidity=nothing, dewpoint_depression=nothing,
            wind_direction=np.rad2deg(np.arctan2(-u, -v)) % 360, wind_speed=np.hypot(u, v),
            elapsed=nothing, level_type=np.ones(len(levels), np.int64),
            level_kind=np.zeros(len(levels), np.int64), flags=letters,
        )  # fmt: skip


def _slot(name: str) -> str | None:
    """t, u or v of a channel that has a level, else None."""
    channel = CHANNELS.get(name)
    return None if channel is None or channel.level is None else _SLOTS.get(channel.name)
