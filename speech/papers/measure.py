"""What the tables and the smoke runs of papers on speech measure."""

from collections.abc import Iterator
from dataclasses import replace

from undrift.common.reproduce.paper import Measured, Task
from undrift.speech.papers import sgmse_plus as plus
from undrift.speech.papers import storm as two_stage
from undrift.speech.papers.runs import Run, measure_tables
from undrift.speech.papers.smoke import run_smoke
from undrift.speech.sgmse import SGMSE_PLUS, SGMSE_PLUS_REVERB, STORM

# The programs of their time: every predictor step is 1/N long.
EVEN = replace(SGMSE_PLUS, compat="even-steps")
EVEN_REVERB = replace(SGMSE_PLUS_REVERB, compat="even-steps")
EVEN_50 = replace(EVEN, steps=50)
PLUS_RUNS = {
    "voicebank-demand-input": Run(
        "voicebank-demand", plus.NOISY, columns=("PESQ", "STOI", "SI-SDR"), noisy=True
    ),
    "voicebank-demand": Run("voicebank-demand", plus.ROW, EVEN),
    "wsj0-reverb": Run("wsj0-reverb", plus.ROW, EVEN_REVERB),
}
STORM_RUNS = {
    "voicebank-demand": Run("voicebank-demand", two_stage.ROW, EVEN_50),
    "wsj0-reverb": Run("wsj0-reverb", two_stage.ROW, EVEN_50),
}


def sgmse_plus(task: Task) -> Iterator[Measured]:
    """The tables of `sgmse_plus.PAPER`."""
    if task.smoke:
        yield from run_smoke(task, "sgmse-plus", SGMSE_PLUS)
    else:
        yield from measure_tables(task, "sgmse-plus", PLUS_RUNS)


def storm(task: Task) -> Iterator[Measured]:
    """The tables of `storm.PAPER`."""
    if task.smoke:
        yield from run_smoke(task, "storm", STORM)
    else:
        yield from measure_tables(task, "storm", STORM_RUNS)
