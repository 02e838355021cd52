"""`undrift medical translate`, `denoise` and `sr`: thin loops over volumes."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.medical.notice import NOTICE

WITHOUT = ("pad", "provenance")  # shared flags that mean nothing to volumes


def _option(group: str, *names: str, **settings: Any) -> Any:
    return click.option(*names, cls=GroupedOption, group=group, show_default=True, **settings)


_OUTPUT = (
    _option(
        "Output",
        "--store",
        type=click.Choice(["same", "float32", "int16"]),
        default="same",
        help="Type of voxels; same as the source.",
    ),
    _option("Output", "--keep-samples", is_flag=True, help="Write each sample too."),
    _option(
        "Output",
        "--name-source",
        is_flag=True,
        help="Name the source in the record; else its hash alone.",
    ),
    _option(
        "Output",
        "--findings/--no-findings",
        default=True,
        help="Structures that appeared or disappeared, seams, flicker.",
    ),
    _option(
        "Task",
        "--frames",
        metavar="all|A:B|N",
        help="Of a series (x, y, z, t): these frames, each by itself.",
    ),
    _option(
        "Memory and speed",
        "--scratch",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="For what does not fit into memory; the output's by default.",
    ),
    _option(
        "Memory and speed",
        "--checkpoint/--no-checkpoint",
        default=None,
        help="Keep finished steps, to go on when killed (default: of long runs).",
    ),
    _option("Output", "--dicom", is_flag=True, help="Derived series of DICOM for inputs in DICOM."),
    _option(
        "Output",
        "--anonymize-minimal",
        is_flag=True,
        help="Other identifiers and dates in derived DICOM; no de-identification.",
    ),
    _option(
        "Task",
        "--participant-label",
        multiple=True,
        metavar="LABEL",
        help="INPUT is the root of a BIDS data set: these participants, or all.",
    ),
    _option("Task", "--bids-suffix", metavar="NAME", help="Of images in BIDS, such as T1w."),
    _option(
        "Output", "--allow-ct", is_flag=True, help="Write the suffix ct, which BIDS lacks yet."
    ),
)
# two contrasts have no difference that says anything of the network, so translate has none
_CHANGE = _option(
    "Output", "--change", is_flag=True, help="Write where and how much values changed, smoothed."
)


def _volumes(task: str) -> Callable[[Any], Any]:
    """The shared flags, those of all outputs, and the notice."""

    def decorate(function: Any) -> Any:
        for option in reversed(_OUTPUT):
            function = option(function)
        function = restoring_options(task, WITHOUT, group="medical")(function)
        return click.command(task, cls=RestoringCommand, epilog=NOTICE)(function)

    return decorate


@_volumes("translate")
@_option("Task", "--target", metavar="NAME", help="Contrast that is wanted: t2, flair or ct.")
@_option("Task", "--reference", type=click.Path(path_type=Path), metavar="FILE",
         help="A volume of that contrast whose scale of values is wanted.")  # fmt: skip
def translate(
    options: RunOptions, target: str | None, reference: Path | None, **output: Any
) -> None:
    """Another contrast of the same anatomy, on the same grid (NIfTI, MetaImage, NRRD, DICOM).

    CT is in HU, as 16-bit integers.

    \b
    Examples:
      undrift medical translate sub-01_T1w.nii.gz -o sub-01_desc-synth_T2w.nii.gz --target t2
      undrift medical translate t1/ -o t2/ --target t2 --samples 8 --keep-samples
      undrift medical translate bids/ -o bids/derivatives/undrift --target t2 --participant-label 01
      undrift medical translate mr/ -o ct/ --target ct --max-memory 4GB
    """
    from undrift.medical.tasks import translator

    own = {"target": target, "reference": reference}
    if reference is not None:
        from undrift.common.files import sha256_of

        options = replace(options, extras={**options.extras, "reference": sha256_of(reference)})
    _run(options, own, output, lambda wishes: translator(
        target, options.model, wishes))  # fmt: skip


@_volumes("denoise")
@_option(
    "Task", "--kind", type=click.Choice(["ct", "mr"]), required=True,
    help="ct: low dose, in HU; mr: Rician noise of magnitudes.",
)  # fmt: skip
@_CHANGE
@_option("Task", "--sigma", type=float, help="Of MR noise; measured in tissue by default.")
def denoise(options: RunOptions, kind: str, sigma: float | None, **output: Any) -> None:
    """Remove noise from low-dose CT and from MR, with units and header kept.

    \b
    Examples:
      undrift medical denoise lowdose.nii.gz -o clean.nii.gz --kind ct
      undrift medical denoise series/ -o out/ --kind ct --report out/report.html
      undrift medical denoise noisy/ -o clean/ --kind mr --sigma 12.5 --max-memory 4GB
      undrift medical denoise series/ -o out/ --kind ct --dicom --anonymize-minimal
    """
    from undrift.medical.tasks import denoiser

    own = {"kind": kind, "sigma": sigma}
    _run(options, own, output, lambda wishes: denoiser(kind, options.model, wishes))


@_volumes("sr")
@_option(
    "Task", "--spacing", default="isotropic", metavar="MM|MM,MM,MM|isotropic",
    help="Voxels that are wanted; isotropic: as fine as the finest axis.",
)  # fmt: skip
@_option(
    "Task", "--method", type=click.Choice(["model", "interpolation"]), default="model",
    help="interpolation: cubic and consistent, without a network.",
)  # fmt: skip
@_CHANGE
@_option("Task", "--thickness", type=float, metavar="MM", help="Of slices; their distance.")
def sr(
    options: RunOptions, spacing: str, method: str, thickness: float | None, **output: Any
) -> None:
    """Thick slices to finer voxels in the same box of the world.

    \b
    Examples:
      undrift medical sr thick.nii.gz -o iso.nii.gz
      undrift medical sr scans/ -o fine/ --spacing 1,1,1 --samples 4
      undrift medical sr thick.nii.gz -o iso.nii.gz --method interpolation
    """
    from undrift.medical.thick_slices import resolver

    own = {"spacing": spacing, "method": method, "thickness": thickness}
    _run(options, own, output, lambda wishes: resolver(method, options.model, wishes))


def _run(
    options: RunOptions,
    own: dict[str, Any],
    output: dict[str, Any],
    method_of: Callable[[Any], Any],
) -> None:
    from undrift.common.runner import run_items
    from undrift.medical.bids_runs import DESC, BidsPlace, bids_options
    from undrift.medical.bids_runs import output_suffix as bids_suffix_of
    from undrift.medical.report import report_writer
    from undrift.medical.work import SUFFIXES, PlannedVolume, VolumeFile, is_series, output_suffix

    local = ("scratch", "checkpoint") if output["frames"] else ("scratch", "checkpoint", "frames")
    kept = {key: value for key, value in options.extras.items() if key not in local}
    options = replace(options, extras=kept)  # what the result depends on
    participants, suffix = output.pop("participant_label"), output.pop("bids_suffix")
    output["anonymous"] = output.pop("anonymize_minimal")
    allow_ct, dicom = output.pop("allow_ct"), output["dicom"]
    planned = VolumeFile.of(options.task, options, options.model, own, **output)
    method = method_of(planned.wishes())
    default = "T1w" if options.task == "translate" else ""
    found = bids_options(options, participants, suffix, default)
    place = None
    if found is not None:
        options, output["bids"] = found
        made = getattr(method, "signal", None) and method.signal.target
        place = BidsPlace(DESC[options.task], bids_suffix_of(made), allow_ct)
    work = VolumeFile.of(options.task, options, method.weights, own, **output)
    run_items(
        work,
        options,
        place=place,
        suffixes=SUFFIXES,
        extension=partial(output_suffix, dicom=dicom),
        model=method.id,
        weights=method.sha256,
        estimate=PlannedVolume(method.calls, output["frames"]),
        about=method.about(),
        whole=is_series,
        report=report_writer(options),
    )
