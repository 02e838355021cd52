"""The smoke runs of papers on picture restoration, put together: training, protocol, sampler."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from undrift.common.reproduce.paper import FALL, STEPS, Measured, Task
from undrift.restoration.papers.fixed_pair import shade, weave
from undrift.restoration.papers.picture_damage import DAMAGE
from undrift.restoration.papers.picture_losses import Lesson
from undrift.restoration.papers.picture_scores import Protocol
from undrift.restoration.papers.picture_training import (
    ITERATIONS,
    Sample,
    gain,
    make_pairs,
    teach,
)
from undrift.restoration.papers.shadow_scores import shadow_scores

Protocols = Mapping[str, Protocol | Literal[0]]
_PICTURES, _FRESH = 24, 4


@dataclass(frozen=True)
class Exercise:
    """A training of a smoke run. name: of its row; damage: a name of `DAMAGE`."""

    name: str
    damage: str
    lesson: Lesson
    sample: Sample


def run_smoke(
    task: Task, paper: str, exercises: Sequence[Exercise], protocols: Protocols
) -> Iterator[Measured]:
    """The smoke table: steps of all trainings together, the least fall of the loss, the rest.

    protocols: row -> a protocol, or 0 for the scores by region at the size of the picture.
    """
    clean, degraded = weave()
    for row, protocol in protocols.items():
        if isinstance(protocol, Protocol):
            scores = protocol.scores(degraded, clean)
        else:
            scores = shadow_scores(degraded, clean, shade(), None)
        for column, value in scores.items():
            yield Measured("smoke", f"fixed pair, {row}", column, value)
    falls = []
    for exercise in exercises:
        task.say(f"{paper}: {ITERATIONS} training steps for {exercise.name}, about ten seconds")
        damage = DAMAGE[exercise.damage]
        pairs = make_pairs(damage, 1, _PICTURES, task.folder)
        fresh = make_pairs(damage, 2, _FRESH, task.folder)
        taught = teach(exercise.lesson, pairs, fresh, task.device)
        falls.append(taught.before / taught.after)
        found = gain(taught, exercise.sample, fresh, task.device)
        yield Measured("smoke", f"sampled, {exercise.name}", "dB above degraded", found)
        yield Measured("smoke", f"trained, {exercise.name}", FALL[1], falls[-1])
    yield Measured("smoke", *STEPS, ITERATIONS)
    yield Measured("smoke", *FALL, min(falls))
