"""The command `undrift speech metrics`."""

from pathlib import Path
from typing import Any

import click

from undrift.common.metrics.score_options import scoring_options, tell_scores
from undrift.common.option_types import Names


@click.command()
@click.argument("reference", metavar="REF", type=click.Path(path_type=Path))
@click.argument("estimate", metavar="EST", type=click.Path(path_type=Path))
@click.option(
    "--metrics", "names", type=Names(),
    help="By commas: si_sdr, si_sdr_centred, sdr, snr, seg_snr, lsd, stoi, estoi, pesq.",
)  # fmt: skip
@scoring_options
def metrics(
    reference: Path,
    estimate: Path,
    names: tuple[str, ...] | None,
    **shown: Any,
) -> None:
    """Score enhanced sound EST against clean sound REF, two files or two folders.

    \b
    undrift speech metrics clean enhanced
    undrift speech metrics clean enhanced --metrics si_sdr,stoi,estoi --csv scores.csv
    undrift speech metrics clean/a.wav enhanced/a.wav --json

    Two folders are matched by relative name. Means come with standard deviation, 95 % interval
    and number of files.
    """
    from undrift.speech.metrics.files import KIND, evaluate

    def scored(resamples: int) -> Any:
        return evaluate(estimate, reference, metrics=names, resamples=resamples)

    tell_scores(scored, KIND.noun, **shown)
