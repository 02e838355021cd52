"""Command `undrift speech simulate`: noisy and reverberant recordings, with a record of each."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from undrift.common.options import RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions

if TYPE_CHECKING:
    from undrift.speech.simulate.conditions import Conditions
    from undrift.speech.simulate.noise_files import Noises

_NETWORK = (
    "model", "preset", "steps", "solver", "samples", "device", "dtype", "tile", "max_memory",
    "batch", "pad", "provenance", "report", "name",
)  # fmt: skip


class Range(click.ParamType):
    """`5` or `LOW,HIGH`: a pair of floats in order."""

    name = "X|LOW,HIGH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            numbers = [float(part) for part in str(value).split(",")]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 2) or numbers[0] > numbers[-1]:
            self.fail(f"'{value}': expected one number, or two in order such as -5,15", param, ctx)
        return numbers[0], numbers[-1]


def _list(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from undrift.speech.simulate.conditions import CONDITIONS
    from undrift.speech.simulate.noises import FAMILIES

    width = max(map(len, CONDITIONS))
    for name, conditions in CONDITIONS.items():
        click.echo(f"{name:<{width}}  {conditions.about}")
    for split in ("train", "test"):
        names = ", ".join(name for name, family in FAMILIES.items() if family.split == split)
        click.echo(f"{split} families: {names}")
    ctx.exit()


@click.command(cls=RestoringCommand)
@restoring_options("simulate", without=_NETWORK)
@click.option("--recipe", default="train", show_default=True, help="Conditions; see --list.")
@click.option(
    "--noise", metavar="NAMES|DIR|none", help="Families by commas, train, test; or files."
)
@click.option("--voices", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Speech of other people, for babble and cafeteria.")  # fmt: skip
@click.option("--snr", type=Range(), help="Signal-to-noise ratio in dB.")
@click.option("--rooms", type=click.FloatRange(0, 1), help="Share of recordings in a room.")
@click.option("--t60", type=Range(), help="Reverberation time in seconds.")
@click.option(
    "--target", type=click.Choice(["direct", "early"]), help="What clean keeps of a room."
)
@click.option("--count", type=click.IntRange(1), default=1, show_default=True,
              help="Mixtures of every file.")  # fmt: skip
@click.option("--replay", type=click.Path(path_type=Path), metavar="FILE.jsonl",
              help="Make again what an earlier run recorded.")  # fmt: skip
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list,
              help="Say which recipes and families there are.")  # fmt: skip
def simulate(
    options: RunOptions, recipe: str, noise: str | None, voices: Path | None, count: int,
    replay: Path | None, **changes: Any,
) -> None:  # fmt: skip
    """Make noisy recordings of clean speech: pairs in OUTPUT/clean and OUTPUT/noisy.

    \b
    Examples:
      undrift speech simulate speech/ -o pairs/
      undrift speech simulate speech/ -o loud/ --recipe noise --noise wind,siren --snr -5,0
      undrift speech simulate wsj0/ -o wsj0-chime3/ --recipe wsj0-chime3 --noise backgrounds/
      undrift speech simulate speech/ -o again/ --replay pairs/mixtures.jsonl
      undrift speech simulate --list

    Files are WAV of 32-bit floats. OUTPUT/mixtures.jsonl records every drawn number.
    """
    from undrift.common.files import fingerprint
    from undrift.common.runner import run_items
    from undrift.speech.audio import SUFFIXES
    from undrift.speech.simulate.simulating import NOISY, SimulateFile, read_mixtures

    _check_folder(options)
    conditions, noises = _asked(recipe, noise, voices, changes, replay is not None)
    records = None if replay is None else read_mixtures(replay)
    work = SimulateFile(
        options.output, conditions, noises, options.seed, count, options.overwrite, records
    )
    run_items(
        work,
        replace(options, output=options.output / NOISY),
        suffixes=SUFFIXES,
        extension=lambda _: ".wav",
        model=recipe if replay is None else "replay",
        weights=f"recipe:{fingerprint([repr(conditions), repr(noises), repr(records)])}",
        report=_after(options),
    )


def _check_folder(options: RunOptions) -> None:
    from undrift.common.errors import UsageError
    from undrift.speech.audio import SUFFIXES

    if options.output.suffix.lower() in SUFFIXES and not options.output.is_dir():
        raise UsageError(
            f"-o {options.output}: a pair is two files; give a folder for clean/ and noisy/"
        )


def _asked(
    recipe: str, noise: str | None, voices: Path | None, changes: dict[str, Any], again: bool
) -> "tuple[Conditions, Noises]":
    """The conditions with what the flags change, and where their noise comes from."""
    from undrift.common.errors import UsageError
    from undrift.speech.simulate.conditions import find_conditions
    from undrift.speech.simulate.noise_files import open_noises

    law = find_conditions(recipe)
    if changes["snr"] is not None:
        law = replace(law, snr=changes["snr"])
    if changes["rooms"] is not None:
        law = replace(law, reverberant=changes["rooms"])
    if changes["t60"] is not None:
        law = replace(law, rooms=replace(law.rooms, t60=changes["t60"]))
    if changes["target"] is not None:
        law = replace(law, target=changes["target"])
    if noise is None and law.noise is None and not again:
        raise UsageError(
            f"--recipe {recipe} mixes recorded noise; give its folder with --noise DIR"
        )
    asked = None if noise == "none" else noise or (None if again else law.noise)
    return law, open_noises(asked, voices)


def _after(options: RunOptions) -> Callable[[Sequence[dict[str, Any]]], None]:
    def write(_: Sequence[dict[str, Any]]) -> None:
        from undrift.speech.simulate.simulating import save_mixtures

        save_mixtures(options.output)

    return write
