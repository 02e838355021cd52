"""`undrift atmos impute`: gaps of series of sensors filled, and anomalies found."""

from pathlib import Path

import click


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path),
              help="The filled series, of the kind of IN (.csv, .tsv, .nc).")  # fmt: skip
@click.option("--samples", type=click.IntRange(2), default=16, show_default=True)
@click.option("--steps", type=click.IntRange(1), default=16, show_default=True, help="Of a sample.")
@click.option("--iterations", type=click.IntRange(1), default=600, show_default=True,
              help="Of fitting the model to the series.")  # fmt: skip
@click.option("--mode", type=click.Choice(["conditional", "unconditional"]),
              default="conditional", show_default=True,
              help="Known values are shown as they are, or noisy.")  # fmt: skip
@click.option("--anomalies", "marks", type=click.Path(path_type=Path),
              help="Also write scores and flags of all times to this .csv.")  # fmt: skip
@click.option("--quantile", type=click.FloatRange(0.5, 1, max_open=True), default=0.99,
              show_default=True, help="Of held-out scores, the threshold.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for every file.")
def impute(
    source: Path, output: Path, samples: int, steps: int, iterations: int, mode: str,
    marks: Path | None, quantile: float, seed: int, overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    """Fill gaps of a table of sensors (time in the first column) or of variables along time.

    \b
    Examples:
      undrift atmos impute stations.csv -o filled.csv --anomalies flags.csv
      undrift atmos impute buoys.nc -o filled.nc --samples 64

    The standard deviations of what was filled go to filled.std.csv, or into the .nc as NAME_std.
    """
    from undrift.common.console import Console
    from undrift.common.errors import InputError
    from undrift.common.files import write_text
    from undrift.scientific.atmosphere.series import task
    from undrift.scientific.atmosphere.series.tables import open_series

    for path in (output, marks):
        if path is not None and path.resolve() == source.resolve():
            raise InputError(f"{path}: is the input; choose another name")
        if path is not None and path.exists() and not overwrite:
            raise InputError(f"{path}: there already; give --overwrite or another name")
    console = Console(as_json=as_json)
    given = open_series(source)
    result = task.impute(
        given, mode=mode, samples=samples, steps=steps, iterations=iterations, seed=seed,
        item=source.name,
    )  # fmt: skip
    result.save(output)
    console.record({"file": str(output), "status": "written", **result.info})
    console.note(f"{result.info['gaps']} gaps filled in {output}")
    if marks is not None:
        found = task.anomalies(given, quantile=quantile, iterations=iterations, seed=seed)
        write_text(marks, task.anomaly_table(given, found).text())
        console.record({"file": str(marks), "status": "written", "flags": int(found.flags.sum())})
        console.note(f"{int(found.flags.sum())} of {len(found.flags)} times flagged in {marks}")
