"""`undrift medical acquire`: chooses lines of full k-space, as if it were being measured."""

from typing import Any

import click

from undrift.common.run_options import RunOptions
from undrift.medical.mri.cli import of_kspace, option


@of_kspace("acquire", "report")
@option("Task", "--lines", type=click.IntRange(min=1), required=True, help="Measured in all.")
@option("Task", "--initial", type=click.IntRange(min=1), default=4, help="Of the centre, first.")
@option(
    "Task", "--score", default="gmm_entropy",
    type=click.Choice(["gmm_entropy", "variance", "ads_compat"]),
    help="What a line is chosen by; ads_compat: the sign of the public code.",
)  # fmt: skip
@option("Sampling", "--particles", type=click.IntRange(min=2), default=16, help="Samples at once.")
def acquire(options: RunOptions, keep_samples: bool, name_source: bool, **own: Any) -> None:
    """Which lines of k-space tell most: chosen while sampling, slice by slice, from full k-space.

    OUT.json has the phase encodings of each slice in the order in which they were chosen;
    OUT.nii.gz is the mean of the particles, which stands for what a scanner would have got.

    \b
    Examples:
      undrift medical acquire full.h5 -o out.nii.gz --lines 32
      undrift medical acquire full.h5 -o out.nii.gz --lines 40 --score variance --particles 8
    """
    from undrift.common.runner import run_items
    from undrift.medical.mri.files import SUFFIXES
    from undrift.medical.mri.work import Acquire, model_of, output_suffix

    weights, name, sha256 = model_of(options.model, True)
    work = Acquire.of(options, weights, own, keep_samples=keep_samples, name_source=name_source)
    run_items(work, options, suffixes=SUFFIXES, extension=output_suffix, model=name, weights=sha256)
