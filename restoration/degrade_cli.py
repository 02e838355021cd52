"""Command `undrift degrade`: degraded pictures with a record of everything that was drawn."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions

_NETWORK = (
    "model", "preset", "steps", "solver", "samples", "device", "dtype", "tile", "max_memory",
    "batch", "pad",
)  # fmt: skip


def _list(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from undrift.restoration.chains.recipes import recipe_names

    names = recipe_names()
    width = max(map(len, names))
    for name, about in names.items():
        click.echo(f"{name:<{width}}  {about}")
    ctx.exit()


@click.command(cls=RestoringCommand)
@restoring_options("degrade", without=_NETWORK)
@click.option("--recipe", metavar="NAME|FILE.yaml", help="What to do; see --list.")
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE.jsonl",
    help="Do again what an earlier run recorded.",
)
@click.option(
    "--save-params",
    is_flag=True,
    cls=GroupedOption,
    group="Output",
    help="Write all drawn parameters to degradations.jsonl in the output folder.",
)
@click.option(
    "--masks",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    cls=GroupedOption,
    group="Output",
    help="Write the masks of shadows, scratches and text there.",
)
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list,
              help="Say which recipes there are.")  # fmt: skip
def degrade(
    options: RunOptions,
    recipe: str | None,
    replay: Path | None,
    save_params: bool,
    masks: Path | None,
) -> None:
    """Degrade clean pictures: for training, tests and teaching.

    \b
    Examples:
      undrift degrade photos/ -o rainy/ --recipe rain --save-params
      undrift degrade photos/ -o old/ --recipe scratches --masks masks/
      undrift degrade photos/ -o again/ --replay rainy/degradations.jsonl
      undrift degrade --list
    """
    from undrift.common.errors import UsageError
    from undrift.common.files import fingerprint
    from undrift.common.runner import run_items
    from undrift.restoration.chains.recipes import find_recipe
    from undrift.restoration.degrading import LOSSY, DegradeFile, read_parameters
    from undrift.restoration.images import SUFFIXES

    if (recipe is None) == (replay is None):
        raise UsageError("give --recipe NAME or --replay FILE.jsonl; --list names the recipes")
    chains = None if replay is None else read_parameters(replay)
    history: Any = chains if recipe is None else find_recipe(recipe)
    work = DegradeFile(recipe, options.seed, options.provenance, masks, chains)
    run_items(
        work,
        options,
        suffixes=SUFFIXES,
        extension=lambda suffix: ".png" if suffix.lower() in LOSSY else suffix,
        model=recipe or "replay",
        weights=f"recipe:{fingerprint([repr(history)])}",
        report=_after(options, save_params),
    )


def _after(options: RunOptions, save: bool) -> Callable[[Sequence[dict[str, Any]]], None]:
    """Writes the record of the parameters and the report of the run."""
    from undrift.restoration.work import report_writer

    report = report_writer("degrade", options)

    def write(records: Sequence[dict[str, Any]]) -> None:
        if save and records:
            _save(records)
        if report is not None:
            report(records)

    return write


def _save(records: Sequence[dict[str, Any]]) -> None:
    from undrift.common.files import write_text
    from undrift.common.manifest import Manifest
    from undrift.restoration.degrading import PARAMETERS

    first = records[0]
    folder = Path(first["output"]).parents[len(Path(first["file"]).parts) - 1]
    written = Manifest(folder).written
    kept = [written[record["file"]] for record in records if record["file"] in written]
    names = ("input", "file", "item", "recipe", "seed", "chain")
    lines = [json.dumps({"v": 1, **{name: line.get(name) for name in names}}) for line in kept]
    if lines:
        write_text(folder / PARAMETERS, "\n".join(lines) + "\n")
