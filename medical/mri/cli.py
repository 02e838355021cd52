"""`undrift medical recon-mri`: a thin loop over files of k-space."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.medical.notice import NOTICE

SAMPLES = 4  # their deviation says where the measurement leaves the image open
# Shared flags that mean nothing to k-space: slices are done at once.
WITHOUT = ("pad", "provenance", "tile", "max_memory", "batch", "preset", "dtype")


class Lengths(click.ParamType):
    """Three lengths in mm, with commas."""

    name = "MM,MM,MM"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, float, float]:
        """Text to three numbers."""
        parts = value if isinstance(value, list | tuple) else str(value).split(",")
        try:
            first, second, third = (float(part) for part in parts)
        except ValueError:
            self.fail(f"'{value}': expected three lengths such as 0.7,0.7,5", param, ctx)
        return first, second, third


def option(group: str, *names: str, **settings: Any) -> Any:
    """An option under a heading of the help, with its default."""
    return click.option(*names, cls=GroupedOption, group=group, show_default=True, **settings)


def of_kspace(task: str, *without: str) -> Callable[[Any], Any]:
    """The flags that commands on k-space share, the common ones and the notice."""
    own = (
        option("Task", "--noise", type=float, help="Deviation of each part of a sample; measured."),
        option(
            "Task", "--spacing", type=Lengths(),
            help="Of readout, phase and slice, where the file does not tell.",
        ),
        option(
            "Task", "--calibration", type=click.IntRange(min=2), default=24,
            help="Lines of the centre from which maps are estimated, at most.",
        ),
        option("Output", "--keep-samples", is_flag=True, help="Write each sample too."),
        option(
            "Output", "--name-source", is_flag=True,
            help="Name the source in the record; else its hash alone.",
        ),
    )  # fmt: skip

    def decorate(function: Any) -> Any:
        for one in reversed(own):
            function = one(function)
        function = restoring_options(task, (*WITHOUT, *without), group="medical")(function)
        return click.command(task, cls=RestoringCommand, epilog=NOTICE)(function)

    return decorate


def drawn(options: RunOptions, method: str) -> RunOptions:
    """The same with a number of samples: SAMPLES of a posterior, one of what draws nothing."""
    return replace(options, samples=options.samples or (SAMPLES if method == "posterior" else 1))


@of_kspace("recon-mri", "samples")
@option(
    "Task", "--method", default="posterior",
    type=click.Choice(["posterior", "zero-filled", "cg-sense", "wavelet", "tv"]),
    help="posterior: samples of the images that explain the data.",
)  # fmt: skip
@option("Sampling", "--sampler", default="auto", help="Of undrift solve --list-methods.")
@option(
    "Sampling", "--samples", type=click.IntRange(min=1),
    help="Of the posterior, 4 by default; the other methods draw none.",
)  # fmt: skip
@option(
    "Task", "--undersample", metavar="KIND",
    type=click.Choice(
        ["random", "equispaced", "equispaced_fraction", "magic", "magic_fraction"]
    ),
    help="Use lines of this kind of mask only, as fastMRI draws it by the file's name.",
)  # fmt: skip
@option(
    "Task", "--together", is_flag=True,
    help="Slices are one volume to the prior: for thin ones without gaps.",
)  # fmt: skip
@option("Task", "--acceleration", type=click.IntRange(min=1), default=4, help="Of that mask.")
def recon_mri(options: RunOptions, keep_samples: bool, name_source: bool, **own: Any) -> None:
    """MR volumes from k-space: fastMRI's .h5, or .npz with kspace, mask, maps, noise, spacing.

    Beside OUT.nii.gz lie OUT.json (how it was made), .std, .residual (in units of the noise) and
    .invented (what the measurement leaves open), and for a report .zero-filled, to compare with.

    \b
    Examples:
      undrift medical recon-mri in.h5 -o out.nii.gz --samples 8
      undrift medical recon-mri scans/ -o out/ --method cg-sense
      undrift medical recon-mri full.h5 -o test.nii.gz --undersample random --acceleration 8
      undrift medical recon-mri raw.npz -o out.nii.gz --spacing 1.2,1.2,3 --model mine.safetensors
    """
    from undrift.common.runner import run_items
    from undrift.medical.mri.files import SUFFIXES
    from undrift.medical.mri.work import Recon, model_of, output_suffix
    from undrift.medical.report import report_writer

    options = drawn(options, own["method"])
    weights, name, sha256 = model_of(options.model, own["method"] == "posterior")
    work = Recon.of(options, weights, own, keep_samples=keep_samples, name_source=name_source)
    run_items(
        work,
        options,
        suffixes=SUFFIXES,
        extension=output_suffix,
        model=name or own["method"],
        weights=sha256,
        report=report_writer(options),
    )
