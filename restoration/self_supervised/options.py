"""The flags of `undrift denoise --method blind-spot`, and the training before the first picture."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from undrift.common.options import GroupedOption
from undrift.common.run_options import RunOptions

_OWN = ("train_on", "keep_model", "iterations", "stride")


def training_options(function: Callable[..., None]) -> Callable[..., None]:
    """Adds --train-on, --keep-model, --iterations and --stride."""
    for option in (
        click.option(
            "--stride",
            type=click.IntRange(1, 16),
            cls=GroupedOption,
            group="Model",
            help="Of blind-spot: pixels so far apart have independent noise (default 5; white: 1).",
        ),
        click.option(
            "--iterations",
            type=click.IntRange(1),
            cls=GroupedOption,
            group="Model",
            help="Of the training of blind-spot (default 400).",
        ),
        click.option(
            "--keep-model",
            type=click.Path(dir_okay=False),
            metavar="FILE",
            cls=GroupedOption,
            group="Model",
            help="Of blind-spot: keep the trained weights (.safetensors); used where they exist.",
        ),
        click.option(
            "--train-on",
            type=click.Path(file_okay=False),
            metavar="FOLDER",
            cls=GroupedOption,
            group="Model",
            help="Of blind-spot: noisy pictures to learn from (default: the inputs).",
        ),
    ):
        function = option(function)
    return function


@contextlib.contextmanager
def own_model(options: RunOptions, own: dict[str, Any]) -> Iterator[RunOptions]:
    """The options with the model to use; takes its own flags out of `own`.

    For --method blind-spot without --model a network is trained, on all inputs together or on the
    folder named, and kept where that is asked for. Raises UsageError where flags contradict.
    """
    from undrift.common.errors import UsageError

    given = {name: own.pop(name) for name in _OWN if own.get(name) is not None}
    for name in _OWN:
        own.pop(name, None)
    if own.get("method") != "blind-spot" or options.model is not None:
        if given:
            why = "--model is already trained" if options.model else "no training without it"
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
            raise UsageError(f"{flags}: of --method blind-spot without --model; {why}")
        yield options
        return
    if options.dry_run:
        yield options
        return
    with _place(given.get("keep_model")) as path:
        if not path.exists() or options.overwrite:
            _train(path, options, given)
        yield replace(options, model=str(path))


@contextlib.contextmanager
def _place(kept: str | None) -> Iterator[Path]:
    """The file asked for, or one that vanishes afterwards."""
    from tempfile import TemporaryDirectory

    from undrift.common.errors import UsageError

    if kept is not None:
        if Path(kept).suffix != ".safetensors":
            raise UsageError(f"--keep-model {kept}: the file must end in .safetensors")
        yield Path(kept)
        return
    with TemporaryDirectory(prefix="undrift-") as folder:
        yield Path(folder) / "blind-spot.safetensors"


def _train(path: Path, options: RunOptions, given: dict[str, Any]) -> None:
    """Trains on the folder, or on all inputs together, and writes the weights."""
    from undrift.common.console import Console, Progress
    from undrift.common.items import collect
    from undrift.restoration.images import SUFFIXES
    from undrift.restoration.self_supervised.denoiser import ITERATIONS, STRIDE, BlindSpotDenoiser
    from undrift.restoration.sources import picture_files

    if "train_on" in given:
        files = picture_files(Path(given["train_on"]))
    else:
        items = collect(options.inputs, SUFFIXES, skip=options.output)
        files = [item.source for item in items]
    count = given.get("iterations") or options.steps or ITERATIONS
    console = Console(options.quiet, options.verbose, options.as_json)
    console.note(f"blind-spot: {count} iterations on {len(files)} noisy pictures")
    with Progress(console, count) as progress:
        fitted = BlindSpotDenoiser.fit(
            files,
            stride=given.get("stride", STRIDE),
            iterations=count,
            seed=options.seed,
            device=options.device,
            tell=lambda k, loss: progress.step(f"iteration {k}, loss {loss:.4f}"),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    fitted.save(path)
