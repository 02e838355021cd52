"""`undrift medical lesion`: a thin loop over files."""

from pathlib import Path
from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.medical.notice import NOTICE

WITHOUT = ("solver", "dtype", "tile", "max_memory", "batch", "pad")


def _option(group: str, *names: str, **settings: Any) -> Any:
    return click.option(*names, cls=GroupedOption, group=group, **settings)


@click.command(cls=RestoringCommand, epilog=NOTICE)
@restoring_options("lesion", WITHOUT, group="medical")
@_option("Task", "--mask", type=click.Path(path_type=Path), metavar="FILE|DIR",
         help="Where lesions are to be.")  # fmt: skip
@_option("Task", "--centre", metavar="X,Y,Z", help="mm RAS, of a ball in place of a mask.")
@_option("Task", "--radius", type=click.FloatRange(0, min_open=True), help="Of the ball, mm.")
@_option("Task", "--histogram", default="solid", show_default=True, metavar="NAME|MEAN,DEVIATION",
         help="solid, part-solid, ground-glass, or HU.")  # fmt: skip
@_option("Task", "--vary", type=float, default=0.0, help="Change of each bin between samples.")
@_option("Task", "--edge", type=float, default=1.0, show_default=True,
         help="mm over which the lesion takes over.")  # fmt: skip
@_option("Task", "--units", default="unknown", metavar="HU|...", help="What a value counts.")
@_option("Sampling", "--jump", type=click.IntRange(1), default=2, help="Steps of a way back.")
@_option("Sampling", "--times", type=click.IntRange(1), default=2, help="Walks of each step.")
@_option("Memory and speed", "--context", type=click.IntRange(0), default=16,
         help="Voxels around a lesion that the network sees.")  # fmt: skip
@_option("Output", "--stored", type=click.Choice(["same", "float32", "int16"]), default="same",
         help="Type of the voxels on disc.")  # fmt: skip
def lesion(
    options: RunOptions, mask: Path | None, centre: str | None, radius: float | None,
    histogram: str, units: str, stored: str, **own: Any,
) -> None:  # fmt: skip
    """Put lesions into volumes; everything outside the mask stays bit for bit.

    \b
    Examples:
      undrift medical lesion chest.nii.gz -o out/ --mask where.nii.gz --histogram ground-glass
      undrift medical lesion chest.nii.gz -o out/ --centre -60,10,-20 --radius 8 --samples 4
    """
    from undrift.common.files import sha256_of
    from undrift.common.runner import run_items
    from undrift.common.weights.model import find_weights
    from undrift.medical.lesions.asked import Asked
    from undrift.medical.lesions.tasks import DEFAULT
    from undrift.medical.lesions.work import LesionFile
    from undrift.medical.made import SUFFIXES
    from undrift.medical.report import report_writer
    from undrift.medical.shipped import shipped

    ball = _ball(mask, centre, radius)
    settings = {
        **own, "histogram": _histogram(histogram), "samples": options.samples,
        "seed": options.seed, "device": options.device, "steps": options.steps,
        "preset": options.preset or "balanced",
    }  # fmt: skip
    Asked(**settings)
    weights = find_weights(options.model or shipped(DEFAULT))
    settings["model"] = str(weights)
    run_items(
        LesionFile(tuple(settings.items()), units, mask, ball, stored),
        options,
        suffixes=SUFFIXES,
        report=report_writer(options),
        model=options.model or DEFAULT,
        weights=sha256_of(weights),
    )


def _ball(
    mask: Path | None, centre: str | None, radius: float | None
) -> tuple[tuple[float, float, float], float] | None:
    from undrift.common.errors import UsageError

    if mask is not None and centre is None and radius is None:
        return None
    if mask is not None or centre is None or radius is None:
        raise UsageError("give --mask, or --centre X,Y,Z with --radius MM")
    try:
        x, y, z = (float(text) for text in centre.split(","))
    except ValueError as error:
        raise UsageError(f"--centre {centre}: expected three millimetres X,Y,Z") from error
    return (x, y, z), radius


def _histogram(text: str) -> str | dict[str, float]:
    from undrift.common.errors import UsageError

    if "," not in text:
        return text
    try:
        mean, deviation = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--histogram {text}: expected MEAN,DEVIATION in HU") from error
    return {"mean": mean, "deviation": deviation}
