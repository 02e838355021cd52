"""The command `benchmark`."""

from pathlib import Path
from typing import Any

import click

from undrift.common.errors import UsageError
from undrift.common.option_types import Names, Numbers

MODEL_OPTIONS = ("model", "preset", "steps", "solver")
OWN = {
    "scale": ("sr",),
    "sigmas": ("denoise",),
    "psfs": ("deblur",),
    "masks": ("inpaint",),
    "noises": ("deblur", "inpaint"),
    "rows": ("all",),
}
ALL = "all"


@click.command()
@click.argument("card")
@click.option("--task", required=True, help="sr, denoise, deblur, inpaint, or all.")
@click.option("--rows", type=Names(), help="Only these rows of --task all.")
@click.option("--scale", type=click.FloatRange(2), help="Enlargement of sr (default 4).")
@click.option(
    "--sigma", "sigmas", type=Numbers(), help="Noise of denoise, 0..255 scale (default 15,25,50)."
)
@click.option("--psf", "psfs", multiple=True, help="Kernel of deblur, as motion:15,30; repeatable.")
@click.option("--mask", "masks", multiple=True, help="Mask of inpaint, as random:0.7; repeatable.")
@click.option(
    "--noise",
    "noises",
    type=Numbers(),
    help="Of deblur (2.55) and inpaint (0), 0..255 scale.",
)
@click.option("--crop", type=click.IntRange(16), help="Only the central pixels of each side.")
@click.option(
    "--method", "methods", type=Names(), help="model, model:NAME and baselines, by commas."
)
@click.option("--items", type=Names(), help="Only these photographs.")
@click.option("--split", help="Only this split of the card.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where a data set lies on disc.",
)
@click.option("--view", help="Which view of its card; see `undrift data show`.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of noise and models.")
@click.option("--model", help="What the method `model` means; default: the task's default.")
@click.option("--preset", type=click.Choice(["fast", "balanced", "best"]), help="Of the models.")
@click.option("--steps", type=click.IntRange(1), help="Steps of the models.")
@click.option("--solver", help="Solver of the models.")
@click.option("--save", type=click.Path(path_type=Path), help="Folder for scores, and pictures.")
@click.option("--report", type=click.Path(path_type=Path), help="HTML page to write.")
@click.option("--overwrite", is_flag=True, help="Let --save and --report replace what exists.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the table.")
@click.option("-v", "--verbose", is_flag=True, help="Also the score of every picture.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def benchmark(
    card: str,
    task: str,
    save: Path | None,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Degrade, restore and score the photographs of a data card.

    \b
    undrift benchmark skimage-photos --task denoise --sigma 25 --method model,tv,nlm
    undrift benchmark skimage-photos --task sr --scale 4 --report sr.html
    undrift benchmark skimage-photos --task deblur --psf gaussian:1.6 --psf motion:15,30
    undrift benchmark skimage-photos --task inpaint --mask random:0.7 --crop 256
    undrift benchmark skimage-photos --task denoise --method tv --items camera,moon --json
    undrift benchmark set5 --root SR --view mod12-x4 --task sr --scale 4
    undrift benchmark skimage-photos --task all --save measured

    --task all is the whole table of the README. With --save it keeps every score as soon as it is
    measured, and the same command goes on from there; only models whose weights changed are
    measured again.
    """
    for flag, tasks in OWN.items():
        if given[flag] and task not in tasks:
            raise UsageError(
                "--scale belongs to --task sr, --sigma to --task denoise, --psf to deblur, --mask "
                f"to inpaint, --noise to these two, --rows to all; got --task {task}"
            )
    if task == ALL and given["model"]:
        raise UsageError("--model belongs to one task; with --task all give --method model:NAME")
    from undrift.common.console import Console

    if task == ALL:
        from undrift.restoration.suite_cli import suite

        given.pop("model")
        if any([given.pop("root"), given.pop("view")]):
            raise UsageError("--root and --view belong to one task; --task all takes none")
        return suite(card, Console(quiet, verbose, as_json), save, report, overwrite, given)
    from undrift.common.metrics.score_output import show
    from undrift.restoration.benchmark import benchmark as run_benchmark
    from undrift.restoration.benchmark_output import Output

    output = Output(Console(quiet, verbose, as_json), save=save, report=report, overwrite=overwrite)
    settings = {key: value for key, value in given.items() if value not in (None, ())}
    options = {key: settings.pop(key) for key in MODEL_OPTIONS if key in settings}
    table = run_benchmark(card, task, options=options, watch=output.watch, **settings)
    output.finish(table)
    show(table, as_json, verbose)
