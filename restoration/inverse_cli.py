"""Commands for what a known operator degraded: `deblur`, `inpaint`, `colourise`, `restore`."""

from typing import Any

import click

from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions
from undrift.restoration.cli import FIDELITY, KEEP, Sigma, run_verb
from undrift.restoration.stack_options import PAGES


def method_option(others: str = "") -> Any:
    """The flag --method; others: names of those without a network."""
    return click.option(
        "--method",
        default="auto",
        show_default=True,
        cls=GroupedOption,
        group="Sampling",
        help="half-quadratic, or a method of `undrift solve`"
        + (f"; without a network: {others}." if others else "."),
    )


def noise_option(default: str) -> Any:
    """The flag --noise."""
    return click.option(
        "--noise", type=Sigma(), default=default, show_default=True, help="Noise, 0..255 scale."
    )


@click.command(cls=RestoringCommand)
@restoring_options("deblur")
@click.option(
    "--psf",
    required=True,
    metavar="FILE|WORD|auto",
    help="png, tiff, npy, csv; gaussian:1.6, motion:15,30, disk:3; or auto.",
)
@noise_option("auto")
@click.option("--border", default="valid", show_default=True, help="Or circular, reflect, ...")
@click.option("--psf-size", type=int, help="Largest for auto; a seventh of the side, up to 25.")
@FIDELITY
@method_option("wiener, richardson-lucy, tv-deconvolution")
@PAGES
@KEEP
def deblur(options: RunOptions, keep_samples: bool, **own: Any) -> None:
    """Undo a blur: known, of a known form, or unknown.

    \b
    Examples:
      undrift deblur frame.tif -o sharp.tif --psf psf.tif
      undrift deblur scans/ -o sharp/ --psf gaussian:1.6 --noise 2.5
      undrift deblur shaken.jpg -o sharp.png --psf auto    # and sharp.psf.tif
    """
    run_verb("deblur", options, own, keep_samples)


@click.command(cls=RestoringCommand)
@restoring_options("inpaint")
@click.option(
    "--mask",
    required=True,
    metavar="FILE|DIR|alpha|nan|scratches",
    help="White is missing; a folder holds masks of the same stems; scratches are looked for.",
)
@click.option(
    "--grow", type=click.IntRange(0), default=0, show_default=True, help="Pixels around, too."
)
@noise_option("0")
@FIDELITY
@method_option("biharmonic, nearest")
@PAGES
@KEEP
def inpaint(options: RunOptions, keep_samples: bool, **own: Any) -> None:
    """Fill in missing pixels; known ones stay exactly as they are.

    \b
    Examples:
      undrift inpaint old.png -o whole.png --mask scratches.png --grow 1
      undrift inpaint scans/ -o whole/ --mask masks/       # masks/NAME.png
      undrift inpaint cut-out.png -o whole.png --mask alpha
      undrift inpaint scan.tif -o whole.tif --mask scratches --grow 1
    """
    run_verb("inpaint", options, own, keep_samples)


@click.command(cls=RestoringCommand)
@restoring_options("colourise")
@click.option("--weights", default="rec601", show_default=True, help="Or rec709, mean.")
@noise_option("0")
@FIDELITY
@method_option()
@PAGES
@KEEP
def colourise(options: RunOptions, keep_samples: bool, **own: Any) -> None:
    """Give colours to grey pictures; their grey values stay.

    \b
    Examples:
      undrift colourise old.png -o coloured.png
      undrift colourise album/ -o coloured/ --samples 8    # and the spread of the colours
    """
    run_verb("colourise", options, own, keep_samples)


@click.command(cls=RestoringCommand)
@restoring_options("restore")
@click.option(
    "--task",
    required=True,
    help="jpeg, blind, derain, dehaze, shadow, deblur, lowlight, colourise, compressed-sensing, "
    "phase.",
)
@click.option("--mask", metavar="FILE|DIR", help="Of networks: what lies outside stays as it is.")
@click.option("--noise", type=Sigma(), help="0..255 scale for pictures, else that of the file.")
@click.option("--gain", type=float, help="Of lowlight, where known.")
@click.option("--gamma", type=float, help="Of lowlight, where known.")
@click.option("--oversample", type=float, help="Of phase (default 2).")
@click.option("--starts", type=click.IntRange(1), help="Of phase (default 16).")
@click.option("--patterns", help="Of compressed-sensing: hadamard or random.")
@click.option("--pattern-seed", type=int, help="Of compressed-sensing.")
@click.option("--fidelity", type=float, help="Trust in the measurement (default 1).")
@PAGES
@KEEP
def restore(options: RunOptions, keep_samples: bool, task: str, **own: Any) -> None:
    """Restore by task: JPEG, unknown damage, weather, shadow, low light, lost colour or phase.

    \b
    Examples:
      undrift restore web.jpg -o clean.png --task jpeg
      undrift restore old/ -o new/ --task blind --preset best
      undrift restore hazy.jpg -o clear.png --task dehaze
      undrift restore rain.png -o dry.png --task derain
      undrift restore night.jpg -o day.png --task lowlight
      undrift restore camera.npz -o picture.tif --task compressed-sensing
      undrift restore pattern.npz -o object.tif --task phase --starts 32
    """
    given = {name: value for name, value in own.items() if value is not None}
    measured = task in ("compressed-sensing", "phase")
    run_verb("restore", options, {"task": task, **given}, keep_samples, measured=measured)
