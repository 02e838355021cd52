"""`undrift medical deform`: a thin loop over files."""

from pathlib import Path
from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.medical.notice import NOTICE

WITHOUT = ("preset", "steps", "solver", "dtype", "tile", "max_memory", "batch", "pad")


def _option(group: str, *names: str, **settings: Any) -> Any:
    return click.option(*names, cls=GroupedOption, group=group, **settings)


@click.command(cls=RestoringCommand, epilog=NOTICE)
@restoring_options("deform", WITHOUT, group="medical")
@_option("Task", "--labels", type=click.Path(path_type=Path), metavar="FILE|DIR",
         help="Labels to move along, by nearest neighbour.")  # fmt: skip
@_option("Task", "--strength", type=float, default=4.0, show_default=True,
         help="Root mean square of the displacement, mm.")  # fmt: skip
@_option("Task", "--scales", default="8,16,32,64", show_default=True, metavar="MM,...",
         help="Distances between control points, mm.")  # fmt: skip
@_option("Task", "--physics", type=click.Choice(["smooth", "incompressible"]), default="smooth",
         show_default=True, help="incompressible keeps volumes.")  # fmt: skip
@_option("Task", "--units", default="unknown", metavar="HU|...", help="What a value counts.")
@_option("Output", "--fields", is_flag=True, help="Write the displacements too, in mm.")
@_option("Output", "--stored", type=click.Choice(["same", "float32", "int16"]), default="same",
         help="Type of the voxels on disc.")  # fmt: skip
def deform(
    options: RunOptions, labels: Path | None, fields: bool, stored: str, units: str, scales: str,
    **own: Any,
) -> None:  # fmt: skip
    """Draw other shapes of volumes: random diffeomorphisms, or DRDM with --model.

    Without a model this is geometry, not anatomy: nothing folds, but bones bend.

    \b
    Examples:
      undrift medical deform ct.nii.gz -o shapes/ --samples 8 --labels organs.nii.gz
      undrift medical deform t1/ -o shapes/ --strength 3 --physics incompressible
      undrift medical deform chest.nii.gz -o shapes/ --units HU --model drdm --strength 20
    """
    from undrift.common.errors import UsageError
    from undrift.common.runner import run_items
    from undrift.common.weights.model import find_weights
    from undrift.medical.deformation.tasks import Asked
    from undrift.medical.deformation.work import DeformFile
    from undrift.medical.made import SUFFIXES
    from undrift.medical.report import report_writer

    try:
        lengths = tuple(float(text) for text in scales.split(","))
    except ValueError as error:
        raise UsageError(f"--scales {scales}: expected millimetres such as 8,16,32") from error
    model = None if options.model is None else str(find_weights(options.model))
    settings = {
        **own, "scales": lengths, "samples": options.samples, "seed": options.seed,
        "device": options.device, "model": model,
    }  # fmt: skip
    Asked(**settings)
    run_items(
        DeformFile(tuple(settings.items()), units, labels, fields, stored),
        options,
        suffixes=SUFFIXES,
        report=report_writer(options),
        model=options.model or "random-diffeomorphism",
        weights=_hash(model),
        about=f"deformations of {own['strength']:g} mm, {own['physics']}",
    )


def _hash(model: str | None) -> str:
    from undrift.common.files import sha256_of

    return "" if model is None else sha256_of(Path(model))
