"""The command `compare`."""

import json
from pathlib import Path

import click

from undrift.common.errors import PartialFailure, UsageError
from undrift.common.option_types import Names


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--ref", "reference", type=click.Path(path_type=Path), help="Truth of pictures.")
@click.option("--metrics", type=Names(), help="By commas; default psnr,ssim, or all that is saved.")
@click.option("--method", "methods", type=Names(), help="Of saved scores: one, or one a run.")
@click.option(
    "--crop-border", type=click.IntRange(0), default=0, show_default=True, help="Pixels left out."
)
@click.option(
    "--bootstrap", type=click.IntRange(100), default=2000, show_default=True, help="Resamples."
)
@click.option("--report", type=click.Path(path_type=Path), help="HTML page to write.")
@click.option("--overwrite", is_flag=True, help="Let --report replace what exists.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the tables.")
@click.option("-v", "--verbose", is_flag=True, help="Also the difference of every picture.")
def compare(
    runs: tuple[Path, ...],
    reference: Path | None,
    metrics: tuple[str, ...] | None,
    methods: tuple[str, ...] | None,
    crop_border: int,
    bootstrap: int,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Compare runs on the same pictures: tests against the first one, and a page to look at.

    \b
    undrift compare old new --ref truth --report compared.html
    undrift compare old/undrift.jsonl new/undrift.jsonl --ref truth --metrics psnr,ssim,vif
    undrift compare measured-old measured-new --method leaves-denoise

    RUN is a folder of restored pictures, the manifest of one, or the folder of
    `undrift benchmark --save`, whose scores need no --ref.
    """
    if report is not None and report.exists() and not overwrite:
        raise UsageError(f"{report} exists; give --overwrite or another name")
    from undrift.restoration.comparing import compare_runs
    from undrift.restoration.comparing_text import comparison_report, comparison_text

    found = compare_runs(
        runs, reference, metrics=metrics, methods=methods, crop_border=crop_border,
        resamples=bootstrap,
    )  # fmt: skip
    for note in found.notes:
        click.echo(f"undrift: {note}", err=True)
    if as_json:
        for record in found.records():
            click.echo(json.dumps(record))
    else:
        click.echo(comparison_text(found, items=verbose))
    if report is not None:
        from undrift.common.report import write_report

        write_report(report, comparison_report(found))
        click.echo(f"undrift: report: {report}", err=True)
    if failed := found.table.failed:
        raise PartialFailure(
            f"{len(failed)} of {len(found.table.scores)} scores failed, the first: "
            f"{failed[0].method} {failed[0].item}: {failed[0].error}"
        )
