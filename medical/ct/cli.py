"""`undrift medical recon-ct`: volumes in HU out of sinograms, a thin loop over files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.common.solve_cli import Assignment
from undrift.medical.mri.cli import drawn
from undrift.medical.notice import NOTICE

WITHOUT = ("pad", "provenance", "tile", "batch", "solver", "samples")


def _option(*names: str, group: str = "Task", **settings: Any) -> Any:
    return click.option(*names, cls=GroupedOption, group=group, **settings)


class Plane(click.ParamType):
    """X,Y voxels."""

    name = "X,Y"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, int]:
        """Text to two integers."""
        parts = value.split(",") if isinstance(value, str) else list(value)
        try:
            x, y = (int(p) for p in parts)
        except ValueError:
            self.fail(f"'{value}': expected X,Y, as in 256,256", param, ctx)
        return x, y


@click.command("recon-ct", cls=RestoringCommand, epilog=NOTICE)
@restoring_options("recon-ct", WITHOUT, group="medical")
@_option(
    "--method",
    type=click.Choice(["posterior", "fbp", "sart", "tv"]),
    default="posterior",
    show_default=True,
    help="posterior: samples of a prior; the others need no model.",
)
@_option("--geometry", type=click.Path(path_type=Path), metavar="JSON", help="Of the scan.")
@_option("--plane", type=Plane(), help="Voxels of a slice.")
@_option("--pixel", type=float, metavar="MM", help="Side of a voxel in the slice.")
@_option("--thickness", type=float, metavar="MM", help="Between slices.")
@_option("--photons", type=float, metavar="N", help="That reach a cell through air.")
@_option("--electronic", type=float, metavar="N", help="Deviation of a reading, in photons.")
@_option("--sigma", type=float, metavar="S", help="Deviation of integrals, without photons.")
@_option(
    "--samples", type=click.IntRange(min=1), group="Sampling",
    help="Of the posterior, 4 by default; the other methods draw none.",
)  # fmt: skip
@_option("--sampler", default="auto", show_default=True, help="See undrift solve --list-methods.")
@_option("-O", "--option", "method_options", type=Assignment(), multiple=True, help="Of a method.")
@_option("--keep-samples", is_flag=True, group="Output", help="Write each sample too.")
@_option(
    "--name-source", is_flag=True, group="Output", help="Name the source in the record, not its "
    "hash alone.",
)  # fmt: skip
def recon_ct(options: RunOptions, geometry: Path | None, **own: Any) -> None:
    """Reconstruct CT from sinograms: sparse views, limited angles, few photons (.npz, .h5, .tif).

    Writes the mean of the samples with its record, their deviation (.std), what the data do not
    explain (.residual) and what no ray saw (.invented).

    \b
    Examples:
      undrift medical recon-ct scan.npz -o volume.nii.gz --samples 8
      undrift medical recon-ct scans/ -o volumes/ --photons 1e5 --pixel 1.0 --plane 256,256
      undrift medical recon-ct scan.tif -o tv.nii.gz --geometry scan.json --method tv
    """
    from undrift.common.files import sha256_of
    from undrift.common.runner import run_items
    from undrift.medical.ct.methods import DEFAULT_PRIOR
    from undrift.medical.ct.work import SUFFIXES, SinogramFile
    from undrift.medical.report import report_writer

    options = drawn(options, own["method"])
    prior, name, weights = options.model or DEFAULT_PRIOR, str(own["method"]), ""
    if own["method"] == "posterior":
        from undrift.medical.ct.methods import loaded

        model = loaded(prior)
        prior, name, weights = str(model.path), model.id, model.sha256
    extras = dict(options.extras)
    if geometry is not None:
        extras["geometry"] = sha256_of(geometry)
    run_items(
        SinogramFile.of(options, prior, {**own, "geometry": geometry}),
        replace(options, extras=extras),
        suffixes=SUFFIXES,
        extension=lambda suffix: ".nii.gz",
        model=name,
        weights=weights,
        about=f"{name}, method {own['method']}",
        report=report_writer(options),
    )
