"""The group `undrift speech`; its commands are imported when they are called."""

import click

from undrift.common.lazy_group import LazyGroup

COMMANDS = {
    "enhance": ("undrift.speech.enhance_cli", "enhance", "Take noise and echoes away from speech."),
    "stream": ("undrift.speech.stream_cli", "stream", "The same for samples in a pipe."),
    "simulate": (
        "undrift.speech.simulate.cli",
        "simulate",
        "Make noisy recordings of clean speech.",
    ),
    "benchmark": (
        "undrift.speech.benchmark.cli",
        "benchmark",
        "Measure methods on held-out speech.",
    ),
    "metrics": ("undrift.speech.metrics.cli", "metrics", "Score enhanced speech against clean."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def speech() -> None:
    """Speech: enhance, stream, simulate, score.

    \b
    undrift speech enhance talks/ -o clean/
    undrift speech metrics reference/ clean/
    """
