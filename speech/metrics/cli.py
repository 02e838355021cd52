"""The command `undrift speech metrics`."""

from pathlib import Path

import click

from undrift.common.option_types import Names


@click.command()
@click.argument("reference", metavar="REF", type=click.Path(path_type=Path))
@click.argument("estimate", metavar="EST", type=click.Path(path_type=Path))
@click.option(
    "--metrics", "names", type=Names(),
    help="By commas: si_sdr, si_sdr_centred, sdr, snr, seg_snr, lsd, stoi, estoi, pesq.",
)  # fmt: skip
@click.option("--by", help="Also by group: folder, or a CSV file of lines file,group.")
@click.option(
    "--bootstrap", type=click.IntRange(100), default=2000, show_default=True, help="Resamples."
)
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Every score as CSV.")
@click.option("--overwrite", is_flag=True, help="Let --csv replace what exists.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines instead of the table.")
@click.option("-v", "--verbose", is_flag=True, help="Also the score of every file.")
def metrics(
    reference: Path,
    estimate: Path,
    names: tuple[str, ...] | None,
    by: str | None,
    bootstrap: int,
    csv_file: Path | None,
    overwrite: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Score enhanced sound EST against clean sound REF, two files or two folders.

    \b
    undrift speech metrics clean enhanced
    undrift speech metrics clean enhanced --metrics si_sdr,stoi,estoi --csv scores.csv
    undrift speech metrics clean/a.wav enhanced/a.wav --json

    Two folders are matched by relative name. Means come with standard deviation, 95 % interval
    and number of files.
    """
    from undrift.common.metrics.pairs import by_group
    from undrift.common.metrics.score_output import check_csv, show, tell_unmatched, write_csv
    from undrift.speech.metrics.files import KIND, evaluate

    check_csv(csv_file, overwrite)
    table, pairs = evaluate(estimate, reference, metrics=names, resamples=bootstrap)
    groups = [] if by is None else [by_group(table, by)]
    tell_unmatched(pairs, KIND.noun)
    if csv_file is not None:
        write_csv(csv_file, table)
    show(table, as_json, verbose, groups)
