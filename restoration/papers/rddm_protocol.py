"""RDDM: what its tables and its smoke run measure, see `rddm`."""

from collections.abc import Iterator
from typing import cast

from undrift.common.processes import RDDM
from undrift.common.reproduce.paper import Measured, Task
from undrift.restoration.papers import picture_losses, picture_samplers
from undrift.restoration.papers.picture_runs import Run, measure_tables
from undrift.restoration.papers.picture_scores import Protocol
from undrift.restoration.papers.picture_smoke import Exercise, run_smoke
from undrift.restoration.papers.rddm import INPUT, RESIDUAL_ROW, ROW

SIDE = 256
LUMA = Protocol("rounded luma", side=SIDE)
INPUTS = {
    "istd-256-input": Run("istd", INPUT, None, degraded=True),
    "lol-256-input": Run("lol", INPUT, LUMA, degraded=True),
    "raindrop-256-input": Run("raindrop", INPUT, LUMA, "test-a", degraded=True),
}
RUNS = {
    **INPUTS,
    "istd-256": Run("istd", ROW, None),
    "lol-256": Run("lol", RESIDUAL_ROW, LUMA),
    "lol-256-both": Run("lol", ROW, LUMA),
    "raindrop-256": Run("raindrop", ROW, LUMA, "test-a"),
}


def exercise(damage: str, sum_scale: float) -> Exercise:
    """The training with two networks; sum_scale: see `picture_losses.rddm`."""
    lesson = picture_losses.rddm(sum_scale)
    process = cast(RDDM, lesson.process)
    return Exercise(
        damage, damage, lesson,
        lambda pupil, y, draw: picture_samplers.rddm(pupil, process, y, draw),
    )  # fmt: skip


def measure(task: Task) -> Iterator[Measured]:
    """The tables of `rddm.PAPER`."""
    if task.smoke:
        protocols = {"luma at 256": LUMA, "regions": 0}
        yield from run_smoke(task, "rddm", [exercise("low light", 0.01)], protocols)
    else:
        yield from measure_tables(task, "rddm", RUNS)
