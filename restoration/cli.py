"""Image commands: `undrift sr` and `undrift denoise`, thin loops over the task functions."""

from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.restoration.self_supervised.options import own_model, training_options
from undrift.restoration.stack_options import OF_STACKS, PAGES, WARM

KEEP = click.option(
    "--keep-samples", is_flag=True, cls=GroupedOption, group="Output", help="Write each sample too."
)
FIDELITY = click.option(
    "--fidelity",
    type=float,
    default=1.0,
    show_default=True,
    help="Trust in the measurement: above 1 sharper and noisier, below 1 smoother.",
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
    help="model; operator: by a prior and the kernel that shrank the picture; bicubic; lanczos.",
)
@FIDELITY
@click.option(
    "--degradation",
    default="bicubic",
    show_default=True,
    help="How the picture became small: bicubic, or real (with blur, noise, JPEG).",
)
@click.option("--kernel", help="Of the operator: bicubic (default), average, gaussian:1.2.")
@click.option("--noise", type=Sigma(), help="Of the operator, 0..255 scale (default 0).")
@PAGES
@KEEP
def sr(
    options: RunOptions, scale: float, keep_samples: bool, pages: str | None, **own: Any
) -> None:
    """Enlarge pictures (PNG, JPEG, TIFF, WebP, BMP).

    \b
    Examples:
      undrift sr scan.png -o large.png
      undrift sr scans/ -o large/ --scale 3 --report large/report.html
      undrift sr cells.tif -o out/ --samples 8        # mean, and cells.std.tif
      undrift sr web.jpg -o large.png --scale 2 --degradation real
      undrift sr frame.tif -o out/ --scale 6 --method operator --kernel average
    """
    given = {name: value for name, value in own.items() if value is not None}
    if own["method"] != "operator" and ("kernel" in given or "noise" in given):
        from undrift.common.errors import UsageError

        raise UsageError("--kernel and --noise belong to --method operator")
    run_verb("sr", options, {"scale": scale, "pages": pages, **given}, keep_samples, scale)


@click.command(cls=RestoringCommand)
@restoring_options("denoise")
@click.option(
    "--sigma", type=Sigma(), default="auto", show_default=True, help="White noise, 0..255 scale."
)
@click.option(
    "--sigma-map",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="npy, tiff or png of the picture's size: the sigma of each pixel, 0..255 scale.",
)
@click.option(
    "--noise",
    metavar="white|poisson-gaussian",
    help="poisson-gaussian: grows with the light, as a camera's; --gain or --read-noise imply it.",
)
@click.option(
    "--gain",
    type=float,
    help="Of poisson-gaussian: value of one photon, 0..255 scale; estimated if not given.",
)
@click.option(
    "--read-noise",
    type=float,
    help="Of poisson-gaussian: sigma without light, 0..255 scale; estimated if not given.",
)
@FIDELITY
@click.option(
    "--method",
    default="model",
    show_default=True,
    help="model, or without a shipped network: tv, wavelet, nlm, bm3d, blind-spot, score-vi.",
)
@training_options
@PAGES
@WARM
@KEEP
def denoise(options: RunOptions, keep_samples: bool, **own: Any) -> None:
    """Remove noise from pictures (PNG, JPEG, TIFF, WebP, BMP).

    \b
    Examples:
      undrift denoise noisy.png -o clean.png
      undrift denoise scans/ -o clean/ --sigma 25 --report clean/report.html
      undrift denoise frame.tif -o clean.tif --sigma-map deviations.npy
      undrift denoise camera/ -o out/ --noise poisson-gaussian   # or --gain 0.8 --read-noise 2
      undrift denoise cells.tif -o out/ --samples 8   # mean, and cells.std.tif
      undrift denoise scans/ -o clean/ --method blind-spot       # trains on the scans
      undrift denoise movie.tif -o clean.tif --pages 0:10 --warm-start
    """
    given = {name: value for name, value in own.items() if value is not None}
    field = given.pop("sigma_map", None)
    if field is not None:
        if given["sigma"] != "auto":
            from undrift.common.errors import UsageError

            raise UsageError("--sigma and --sigma-map both say how strong the noise is; give one")
        given["sigma"] = str(field)
    with own_model(options, given) as chosen:
        run_verb("denoise", chosen, given, keep_samples)


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
    from undrift.restoration import measurements
    from undrift.restoration.images import SUFFIXES
    from undrift.restoration.verbs import VERBS
    from undrift.restoration.work import PlannedSize, RestoreFile, report_writer

    verb = VERBS[task]
    weights = verb.weights(options.model, own)
    work = RestoreFile.of(task, options, weights, own, keep_samples)
    own = {name: value for name, value in own.items() if name not in OF_STACKS}
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
