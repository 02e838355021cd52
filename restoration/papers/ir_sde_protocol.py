"""IR-SDE: what its tables and its smoke run measure, see `ir_sde`."""

from collections.abc import Iterator

from undrift.common.reproduce.paper import Measured, Task
from undrift.restoration.papers import picture_losses, picture_samplers
from undrift.restoration.papers.ir_sde import ROW
from undrift.restoration.papers.picture_runs import Run, measure_tables
from undrift.restoration.papers.picture_scores import Protocol
from undrift.restoration.papers.picture_smoke import Exercise, run_smoke

BORDER = 4  # the scale of every configuration, and so left out even where nothing is enlarged
PROTOCOLS = {
    "rain": Protocol("luma", BORDER),
    "blur": Protocol("rgb", BORDER),
    "super-resolution": Protocol("rgb", BORDER, centre=256),
    "holes": Protocol("rgb", BORDER),
}
LEVELS = {"rain": 10.0, "blur": 10.0, "super-resolution": 30.0, "holes": 30.0}
RUNS = {
    "rain100h": Run("rain100h", ROW, PROTOCOLS["rain"], view="rain"),
    "rain100l": Run("rain100l", ROW, PROTOCOLS["rain"], view="rain"),
    "gopro": Run("gopro", ROW, PROTOCOLS["blur"], view="gamma"),
    "div2k": Run("div2k", ROW, PROTOCOLS["super-resolution"], "valid", "bicubic-x4"),
    "celeba-hq": Run("celeba-hq", ROW, PROTOCOLS["holes"]),
}


def exercise(name: str) -> Exercise:
    """The training for a task of `LEVELS`."""
    lesson = picture_losses.ir_sde(LEVELS[name])
    return Exercise(
        name, name, lesson,
        lambda pupil, y, draw: picture_samplers.ir_sde(pupil, lesson.process, y, draw),
    )  # fmt: skip


def measure(task: Task) -> Iterator[Measured]:
    """The tables of `ir_sde.PAPER`."""
    if task.smoke:
        small = {**PROTOCOLS, "super-resolution": Protocol("rgb", BORDER, centre=64)}
        yield from run_smoke(task, "ir-sde", [exercise(name) for name in LEVELS], small)
    else:
        yield from measure_tables(task, "ir-sde", RUNS)
