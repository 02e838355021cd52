"""Rooms at random: sizes, places and reverberation times from ranges, and their record."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.speech.simulate.rooms import Room
from undrift.speech.simulate.shaping import log_uniform


@dataclass(frozen=True)
class Rooms:
    """Ranges (from, to), uniform.

    t60: seconds. low, high: the smallest and largest (x, y, z) in metres. wall: metres that source
    and microphone keep from the walls. distance: metres between them, log-uniform and nearly level,
    as of heads; None places both anywhere.
    """

    t60: tuple[float, float] = (0.2, 1.0)
    low: tuple[float, float, float] = (2.5, 2.5, 2.2)
    high: tuple[float, float, float] = (10.0, 8.0, 4.0)
    wall: float = 0.3
    distance: tuple[float, float] | None = (0.3, 4.0)


def random_room(rng: np.random.Generator, law: Rooms) -> Room:
    """A room of the ranges of `law`."""
    size = np.array([rng.uniform(a, b) for a, b in zip(law.low, law.high, strict=True)])
    while True:
        microphone = rng.uniform(law.wall, size - law.wall)
        far = None if law.distance is None else log_uniform(rng, *law.distance)
        for _ in range(20):
            source = _source(rng, law, size, microphone, far)
            inside = np.all((source >= law.wall) & (source <= size - law.wall))
            if inside and np.linalg.norm(source - microphone) > 0.02:
                return Room(
                    _three(size),
                    _three(source),
                    _three(microphone),
                    float(rng.uniform(*law.t60)),
                    seed=int(rng.integers(2**31)),
                )


def _source(
    rng: np.random.Generator,
    law: Rooms,
    size: np.ndarray,
    microphone: np.ndarray,
    far: float | None,
) -> np.ndarray:
    if far is None:
        return rng.uniform(law.wall, size - law.wall)
    direction = rng.standard_normal(3) * (1, 1, 0.4)
    return microphone + far * direction / np.linalg.norm(direction)


def room_record(room: Room) -> dict[str, Any]:
    """All of a room, as JSON holds it; `room_of` reads it."""
    return {
        "size": list(room.size),
        "source": list(room.source),
        "microphone": list(room.microphone),
        "t60": room.t60,
        "seed": room.seed,
        "reflection": room.reflection,
    }


def room_of(record: Mapping[str, Any]) -> Room:
    """The room of a record. Raises InputError when it is not one."""
    try:
        size, source, microphone = (
            tuple(float(v) for v in record[key]) for key in ("size", "source", "microphone")
        )
        return Room(
            size,  # type: ignore[arg-type]
            source,  # type: ignore[arg-type]
            microphone,  # type: ignore[arg-type]
            float(record["t60"]),
            int(record["seed"]),
            record["reflection"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{dict(record)} is no record of a room: {error!r}") from error


def _three(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (round(float(value), 3) for value in values)
    return x, y, z
