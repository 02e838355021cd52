"""Image commands: `undrift sr` and `undrift denoise`, thin loops over the task functions."""

from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions

KEEP = click.option(
    "--keep-samples", is_flag=True, cls=GroupedOption, group="Output", help="Write each sample too."
)


class Sigma(click.ParamType):
    """A noise level on the 0..255 scale, or auto."""

    name = "S|auto"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | str:
        """Text to a number of 0 or more, or "auto"."""
        if value == "auto":
            return value
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.fail(f"'{value}' is neither a number on the 0..255 scale nor 'auto'", param, ctx)
        if not 0 <= number < float("inf"):
            self.fail(f"{value}: noise is 0 or more, on the 0..255 scale", param, ctx)
        return number


@click.command(cls=RestoringCommand)
@restoring_options("sr")
@click.option("--scale", type=float, default=4.0, show_default=True, help="Enlargement, 2 to 4.")
@KEEP
def sr(options: RunOptions, scale: float, keep_samples: bool) -> None:
    """Enlarge pictures (PNG, JPEG, TIFF, WebP, BMP).

    \b
    Examples:
      undrift sr scan.png -o large.png
      undrift sr scans/ -o large/ --scale 3 --report large/report.html
      undrift sr cells.tif -o out/ --samples 8        # mean, and cells.std.tif
    """
    _run("sr", options, "leaves-sr", {"scale": scale}, keep_samples)


@click.command(cls=RestoringCommand)
@restoring_options("denoise")
@click.option(
    "--sigma", type=Sigma(), default="auto", show_default=True, help="Noise, 0..255 scale."
)
@KEEP
def denoise(options: RunOptions, sigma: float | str, keep_samples: bool) -> None:
    """Remove white noise from pictures (PNG, JPEG, TIFF, WebP, BMP).

    \b
    Examples:
      undrift denoise noisy.png -o clean.png
      undrift denoise scans/ -o clean/ --sigma 25 --report clean/report.html
      undrift denoise cells.tif -o out/ --samples 8   # mean, and cells.std.tif
    """
    _run("denoise", options, "leaves-denoise", {"sigma": sigma}, keep_samples)


def _run(
    task: str, options: RunOptions, default: str, own: dict[str, Any], keep_samples: bool
) -> None:
    from undrift.common.runner import run_items
    from undrift.common.sampling import make_sampler
    from undrift.common.weights.model import find_weights
    from undrift.restoration.images import SUFFIXES
    from undrift.restoration.tasks import CHECKS
    from undrift.restoration.work import PlannedSize, RestoreFile, report_writer

    weights = str(find_weights(options.model or default))
    work = RestoreFile.of(task, options, weights, own, keep_samples)
    sampler = make_sampler(weights, task, work.wishes(""))
    CHECKS[task](sampler, **own)
    run_items(
        work,
        options,
        suffixes=SUFFIXES,
        model=sampler.model.id,
        weights=sampler.model.sha256,
        estimate=PlannedSize(own.get("scale", 1.0), sampler.planned_calls()),
        report=report_writer(task, options),
        about=sampler.about(),
    )
