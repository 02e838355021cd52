"""The command `undrift medical nearest`."""

import json
from pathlib import Path

import click

from undrift.medical.notice import NOTICE


@click.command(epilog=NOTICE)
@click.argument("samples", nargs=-1, required=True)
@click.option("--training", multiple=True, required=True, metavar="PATH",
              help="Volumes the model was trained on, files or folders.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a sample instead of text.")
def nearest(samples: tuple[str, ...], training: tuple[str, ...], as_json: bool) -> None:
    """Compare SAMPLES of a generator with the volumes it was trained on: does it repeat them?

    A sample nearer to a training volume than any two of those are to one another is told.

    \b
    Examples:
      undrift medical nearest drawn/ --training volumes/
    """
    from undrift.common.items import collect
    from undrift.medical.honesty.memorised import nearest_neighbours
    from undrift.medical.volumes.files import read_volume
    from undrift.medical.work import SUFFIXES, is_series

    drawn, known = (
        [item.source for item in collect(paths, SUFFIXES, whole=is_series)]
        for paths in (samples, training)
    )
    found = nearest_neighbours([read_volume(p) for p in drawn], [read_volume(p) for p in known])
    for path, one in zip(drawn, found, strict=True):
        near = Path(known[one.number])
        if as_json:
            click.echo(json.dumps({
                "sample": str(path), "nearest": str(near), "correlation": one.correlation,
                "among_training": one.usual, "suspicious": one.suspicious, "Notice": NOTICE,
            }))  # fmt: skip
            continue
        told = "a copy?" if one.suspicious else "no nearer than they are"
        click.echo(f"{path}: {one.correlation:.3f} to {near} (among them {one.usual:.3f}): {told}")
    if not as_json:
        click.echo(NOTICE)
