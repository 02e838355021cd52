"""ResShift: what its tables and its smoke run measure, see `resshift`."""

from collections.abc import Iterator

from undrift.common.reproduce.paper import Measured, Task
from undrift.restoration.papers import picture_losses, picture_samplers
from undrift.restoration.papers.picture_runs import Run, measure_tables
from undrift.restoration.papers.picture_scores import Protocol
from undrift.restoration.papers.picture_smoke import Exercise, run_smoke
from undrift.restoration.papers.resshift import ROW

PROTOCOL = Protocol("rounded luma")
RUNS = {
    "imagenet-test": Run("imagenet-test", ROW, PROTOCOL),
    "realsr": Run("realsr", ROW, PROTOCOL, view="x4"),
    "bicubic": Run("imagenet-test", "ResShift, 4 steps", PROTOCOL),
}


def exercise(steps: int) -> Exercise:
    """The training with so many steps."""
    lesson = picture_losses.resshift(steps)
    return Exercise(
        f"super-resolution, {steps} steps", "super-resolution", lesson,
        lambda pupil, y, draw: picture_samplers.whole_chain(
            pupil, lesson.process, steps, "x0", y, draw
        ),
    )  # fmt: skip


def measure(task: Task) -> Iterator[Measured]:
    """The tables of `resshift.PAPER`."""
    if task.smoke:
        exercises = [exercise(steps) for steps in (15, 4)]
        yield from run_smoke(task, "resshift", exercises, {"rounded luma": PROTOCOL})
    else:
        yield from measure_tables(task, "resshift", RUNS)
