"""`undrift train RECIPE`: trains, resumes, or tries a recipe for two steps."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from undrift.common.training.session import Session


@click.command()
@click.argument("recipe")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder (default: runs/ID).")
@click.option("-s", "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Set a key.")
@click.option("--process", metavar="NAME", help="Join clean and degraded by another process.")
@click.option("--restart", is_flag=True, help="Ignore the checkpoint in the folder.")
@click.option("--dry-run", is_flag=True, help="Two steps: shapes, memory, time; writes nothing.")
@click.option("--device", type=click.Choice(["auto", "cpu"]), default="auto")
@click.option("--threads", type=click.IntRange(min=1), help="Threads per process.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def train(
    recipe: str,
    output: Path | None,
    assignments: tuple[str, ...],
    process: str | None,
    restart: bool,
    dry_run: bool,
    device: str,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train a model from RECIPE: a YAML file, the id of a shipped recipe, or a task.

    Run the same command again to go on after an interruption. Processes for pictures:
    residual-shift, ir-sde, rddm, resfusion, brownian-bridge, and regression (no process at all).

    \b
    undrift train sr --process ir-sde --dry-run
    undrift train own-folder -s data.source.path=pictures --dry-run
    undrift train my.yaml -o runs/mine -s schedule.iterations=20000
    torchrun --nproc-per-node 2 -m undrift.cli train my.yaml
    """
    import torch

    from undrift.common.training.session import open_session
    from undrift.common.training.trial import try_out

    if threads:
        torch.set_num_threads(threads)
    cpu = device == "cpu"
    recipe = f"{recipe}+{process}" if process else recipe
    if dry_run:
        facts = try_out(recipe, assignments, cpu=cpu)
        if facts.pop("main"):
            click.echo(json.dumps(facts, indent=2))
        return
    _run(open_session(recipe, output, assignments, restart=restart, cpu=cpu), quiet)


def _run(session: "Session", quiet: bool) -> None:
    from undrift.common.console import Console

    run = session.run
    main = run.accelerator.is_main_process
    console = Console(quiet=quiet or not main)
    begin = f"goes on after iteration {run.iteration}" if run.iteration else "begins"
    console.note(f"{run.recipe.id} {begin} in {run.folder} on {run.accelerator.device}")
    path = session.train(console)
    if main:
        click.echo(str(path))
    run.accelerator.end_training()
