"""Resfusion: what its tables and its smoke run measure, see `resfusion`."""

from collections.abc import Iterator

from undrift.common.reproduce.paper import Measured, Task
from undrift.restoration.papers import picture_losses, picture_samplers
from undrift.restoration.papers.picture_runs import Run, measure_tables
from undrift.restoration.papers.picture_scores import Protocol
from undrift.restoration.papers.picture_smoke import Exercise, run_smoke
from undrift.restoration.papers.rddm import INPUT
from undrift.restoration.papers.rddm_protocol import INPUTS, LUMA
from undrift.restoration.papers.resfusion import ROW

FULL_LUMA, RGB = Protocol("rounded luma"), Protocol("rgb", structure="square")
RUNS = {
    **INPUTS,
    "istd-input": Run("istd", INPUT, None, degraded=True, side=None),
    "lol-input": Run("lol", INPUT, RGB, degraded=True),
    "raindrop-input": Run("raindrop", INPUT, FULL_LUMA, "test-a", degraded=True),
    "istd-256": Run("istd", ROW, None),
    "istd": Run("istd", ROW, None, side=None),
    "lol-256": Run("lol", ROW, LUMA),
    "lol": Run("lol", ROW, RGB),
    "raindrop-256": Run("raindrop", ROW, LUMA, "test-a"),
    "raindrop": Run("raindrop", ROW, FULL_LUMA, "test-a"),
}


def exercise() -> Exercise:
    """The training on low light."""
    lesson = picture_losses.resfusion()
    return Exercise(
        "low light", "low light", lesson,
        lambda pupil, y, draw: picture_samplers.whole_chain(
            pupil, lesson.process, lesson.steps, "resnoise", y, draw
        ),
    )  # fmt: skip


def measure(task: Task) -> Iterator[Measured]:
    """The tables of `resfusion.PAPER`."""
    if task.smoke:
        protocols = {"luma": FULL_LUMA, "luma at 256": LUMA, "RGB": RGB, "regions": 0}
        yield from run_smoke(task, "resfusion", [exercise()], protocols)
    else:
        yield from measure_tables(task, "resfusion", RUNS)
