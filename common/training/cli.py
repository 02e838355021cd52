"""`undrift train RECIPE.yaml`: trains, resumes, or tries a recipe for two steps."""

import json
import logging
from pathlib import Path

import click


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder (default: runs/ID).")
@click.option("-s", "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Override a key.")
@click.option("--restart", is_flag=True, help="Ignore the checkpoint in the folder.")
@click.option("--dry-run", is_flag=True, help="Two steps: shapes, memory and time; writes nothing.")
@click.option("--device", type=click.Choice(["auto", "cpu"]), default="auto")
@click.option("--threads", type=int, help="Threads per process.")
def train(
    recipe: Path,
    output: Path | None,
    assignments: tuple[str, ...],
    restart: bool,
    dry_run: bool,
    device: str,
    threads: int | None,
) -> None:
    """Train a model from a recipe; run the same command again to go on.

    \b
    undrift train my.yaml --dry-run
    undrift train my.yaml -o runs/mine -s schedule.iterations=20000
    torchrun --nproc-per-node 2 -m undrift.cli train my.yaml
    """
    import torch

    from undrift.common.training.session import open_session, try_out

    if threads:
        torch.set_num_threads(threads)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    session = open_session(recipe, output, assignments, restart=restart, cpu=device == "cpu")
    if dry_run:
        click.echo(json.dumps(try_out(session), indent=2))
        return
    path = session.train()
    click.echo(str(path))
