"""The command `undrift speech benchmark`."""

from pathlib import Path
from typing import Any

import click

from undrift.common.benchmark.options import keeping_options, showing_options
from undrift.common.errors import UsageError, nearest
from undrift.common.option_types import Names


@click.command()
@click.option(
    "--split", type=click.Choice(["test", "validation"]), default="test", show_default=True,
    help="Held-out speech and noises, or those for choosing settings.",
)  # fmt: skip
@click.option(
    "--root", type=click.Path(path_type=Path, file_okay=False), help="Where the speech lies."
)
@click.option(
    "--method", "methods", type=Names(),
    help="By commas: fast, balanced, best, model:NAME@PRESET, noisy, wiener, "
    "spectral-subtraction, noisereduce, noisereduce-stationary, rnnoise. Default: all.",
)  # fmt: skip
@click.option("--model", help="What fast, balanced and best mean; default: the usual model.")
@click.option(
    "--condition", "conditions", multiple=True,
    help="'snr -5' ... 'snr 15', room, 'room, snr 10', clean; repeatable. Default: all.",
)  # fmt: skip
@click.option("--metrics", type=Names(), help="By commas. Default: si_sdr,estoi,lsd, and pesq.")
@click.option("--items", type=Names(), help="Only these clips.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of mixtures and models.")
@keeping_options
@showing_options("clip")
def benchmark(
    save: Path | None, overwrite: bool, as_json: bool, verbose: bool, quiet: bool, **given: Any
) -> None:
    """Mix, enhance and score held-out speech with every method that is installed.

    \b
    undrift speech benchmark --save measured
    undrift speech benchmark --method noisy,rnnoise,fast --condition 'snr 0' --condition clean
    undrift speech benchmark --split validation --model runs/a.safetensors --method fast,balanced

    With --save every score is on the disk as soon as it is measured, and the same command goes on
    from there; a model whose weights changed is measured again.
    """
    from undrift.common.benchmark import command
    from undrift.common.console import Console
    from undrift.speech.benchmark.suite import plan, run_suite
    from undrift.speech.benchmark.tables import as_text, records

    console = Console(quiet, verbose, as_json)
    asked = plan(**{key: value for key, value in given.items() if value not in (None, ())})
    command.tell_left_out(console, asked.missing)
    watch = command.watcher(console, command.all_scores)
    table = run_suite(asked, save=save, fresh=overwrite, watch=watch)
    if as_json:
        command.show_records(records(table, items=verbose))
    else:
        click.echo(as_text(table))
    command.raise_failed(table.scores)


def _of_card(card: str, task: str, **given: Any) -> None:
    from undrift.speech.benchmark.clips import SOURCES

    splits = {source.card: split for split, source in SOURCES.items()}
    if card not in splits:
        raise UsageError(
            f"--task {task} mixes speech of {' or '.join(splits)} with noises, got {card!r}"
            f"{nearest(card, splits)}"
        )
    click.get_current_context().invoke(benchmark, split=splits[card], **given)


card_benchmark = click.Command(
    "benchmark",
    callback=_of_card,
    help="Mix, enhance and score the speech of a data card: debian-speech-heldout (the test) or "
    "debian-speech (validation). The same as `undrift speech benchmark`.",
    params=[
        click.Argument(["card"]),
        click.Option(["--task"], type=click.Choice(["enhance"]), required=True),
        *(parameter for parameter in benchmark.params if parameter.name != "split"),
    ],
)
