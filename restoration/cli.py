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
@click.option(
    "--method",
    default="model",
    show_default=True,
    help="model, or operator: by a prior and the kernel that shrank the picture.",
)
@click.option("--kernel", help="Of the operator: bicubic (default), average, gaussian:1.2.")
@click.option("--noise", type=Sigma(), help="Of the operator, 0..255 scale (default 0).")
@KEEP
def sr(options: RunOptions, scale: float, keep_samples: bool, **own: Any) -> None:
    """Enlarge pictures (PNG, JPEG, TIFF, WebP, BMP).

    \b
    Examples:
      undrift sr scan.png -o large.png
      undrift sr scans/ -o large/ --scale 3 --report large/report.html
      undrift sr cells.tif -o out/ --samples 8        # mean, and cells.std.tif
      undrift sr frame.tif -o out/ --scale 6 --method operator --kernel average
    """
    given = {name: value for name, value in own.items() if value is not None}
    if own["method"] == "model" and len(given) > 1:
        from undrift.common.errors import UsageError

        raise UsageError("--kernel and --noise belong to --method operator")
    run_verb("sr", options, {"scale": scale, **given}, keep_samples, scale)


@click.command(cls=RestoringCommand)
@restoring_options("denoise")
@click.option(
    "--sigma", type=Sigma(), default="auto", show_default=True, help="Noise, 0..255 scale."
)
@click.option(
    "--method",
    default="model",
    show_default=True,
    help="model, or without a shipped network: tv, wavelet, nlm, bm3d.",
)
@KEEP
def denoise(options: RunOptions, keep_samples: bool, **own: Any) -> None:
    """Remove white noise from pictures (PNG, JPEG, TIFF, WebP, BMP).

    \b
    Examples:
      undrift denoise noisy.png -o clean.png
      undrift denoise scans/ -o clean/ --sigma 25 --report clean/report.html
      undrift denoise cells.tif -o out/ --samples 8   # mean, and cells.std.tif
    """
    run_verb("denoise", options, own, keep_samples)


def run_verb(
    task: str,
    options: RunOptions,
    own: dict[str, Any],
    keep_samples: bool,
    scale: float = 1.0,
    measured: bool = False,
) -> None:
    """Runs a verb of the domain on all inputs; own: its keywords besides the shared flags.

    measured: the inputs are measurements (.npz, .npy), the outputs TIFFs of floats.
    """
    from undrift.common.runner import run_items
    from undrift.common.weights.model import find_weights
    from undrift.restoration import measurements
    from undrift.restoration.images import SUFFIXES
    from undrift.restoration.inverse_problem import PRIOR
    from undrift.restoration.verbs import VERBS, without_network
    from undrift.restoration.work import PlannedSize, RestoreFile, report_writer

    verb = VERBS[task]
    default = PRIOR if own.get("method") == "operator" else verb.model
    weights = options.model
    if not without_network(task, own.get("method", "auto")):
        weights = str(find_weights(options.model or default))
    work = RestoreFile.of(task, options, weights, own, keep_samples)
    sampler = verb.sampler(weights, task, work.wishes(""), own)
    verb.check(sampler, **own)
    run_items(
        work,
        options,
        suffixes=measurements.SUFFIXES if measured else SUFFIXES,
        extension=(lambda _: ".tif") if measured else None,
        model=sampler.model.id,
        weights=sampler.model.sha256,
        estimate=PlannedSize(scale, sampler.planned_calls()),
        report=report_writer(task, options),
        about=sampler.about(),
    )
