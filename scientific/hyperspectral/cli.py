r"""`undrift hsi denoise|report|simulate|scene`: thin loops over cubes."""

from pathlib import Path
from typing import Any

import click

from undrift.common.option_types import Numbers
from undrift.common.options import GroupedOption, RestoringCommand, restoring_options
from undrift.common.run_options import RunOptions

WITHOUT = ("pad",)  # shared flags that mean nothing to cubes
# nor do these where nothing is sampled
_MEASURES = (
    *WITHOUT, "model", "preset", "steps", "solver", "samples", "device", "dtype", "tile",
    "max_memory", "batch", "provenance", "report",
)  # fmt: skip
_METHODS = ("auto", "model", "low-rank", "non-local-means", "total-variation")


def _option(group: str, *names: str, **settings: Any) -> Any:
    return click.option(*names, cls=GroupedOption, group=group, show_default=True, **settings)


_KEY = _option("Task", "--key", metavar="NAME", help="Of the array, in files that hold several.")
_AXES = _option("Task", "--axes", metavar="bhw|hwb|...", help="Of files that do not say them.")


@click.command("denoise", cls=RestoringCommand)
@restoring_options("denoise", WITHOUT, group="hsi")
@_option("Task", "--method", type=click.Choice(_METHODS), default="auto",
         help="auto: model, or what --model is for.")  # fmt: skip
@_option("Task", "--bands", default="all", metavar="all|good|0,1,5",
         help="Others come out as they came; good: not called bad.")  # fmt: skip
@_option("Task", "--mask", type=click.Path(path_type=Path), metavar="FILE",
         help="Not 0 where values are not to be used.")  # fmt: skip
@_option("Task", "--fill", is_flag=True, help="Put the estimate where values are missing.")
@_KEY
@_AXES
@_option("Output", "--store", type=click.Choice(["same", "float32"]), default="same",
         help="Type of values; same as the source.")  # fmt: skip
@_option("Output", "--keep-samples", is_flag=True, help="Write each sample too.")
def denoise(
    options: RunOptions, mask: Path | None, store: str, keep_samples: bool, **own: Any
) -> None:
    """Take random noise, stripes, dead detectors and impulses out of cubes.

    \b
    Examples:
      undrift hsi denoise scene.hdr -o clean.hdr --report clean.html
      undrift hsi denoise scenes/ -o clean/ --samples 8 --bands good
      undrift hsi denoise scene.mat -o clean.mat --key rad --axes hwb --method low-rank

    Beside OUT come OUT.json, how it was made, and with several samples OUT.std, their deviation.
    """
    from undrift.common.errors import UsageError
    from undrift.common.runner import run_items
    from undrift.scientific.hyperspectral.cubes.files import ITEMS
    from undrift.scientific.hyperspectral.method import method_for
    from undrift.scientific.hyperspectral.report import report_writer
    from undrift.scientific.hyperspectral.work import CubeFile, is_scene, output_suffix

    if own["bands"] not in ("all", "good"):
        parts = own["bands"].split(",")
        if not all(part.strip().isdigit() for part in parts):
            raise UsageError(f"--bands {own['bands']}: expected all, good, or 0,1,5")
        own["bands"] = tuple(int(part) for part in parts)
    output: dict[str, Any] = {"mask": mask, "store": store, "keep_samples": keep_samples}
    planned = CubeFile.of(options, options.model, own, **output)
    method = method_for(own["method"], options.model, planned.wishes())
    run_items(
        planned,
        options,
        suffixes=ITEMS,
        extension=output_suffix,
        model=method.id,
        weights=method.sha256,
        about=f"{own['method']}: {method.id}",
        whole=is_scene,
        report=report_writer(options),
    )


@click.command("report", cls=RestoringCommand)
@restoring_options("report", (*_MEASURES, "seed"), group="hsi")
@_KEY
@_AXES
def report(options: RunOptions, key: str | None, axes: str | None) -> None:
    """Measure random noise, stripes, dead detectors and bad bands: HTML, CSV and JSON.

    \b
    Examples:
      undrift hsi report scene.hdr -o noise.html
      undrift hsi report scenes/ -o noise/
    """
    from undrift.common.runner import run_items
    from undrift.scientific.hyperspectral.cubes.files import ITEMS
    from undrift.scientific.hyperspectral.noise_pages import NoisePage
    from undrift.scientific.hyperspectral.work import is_scene

    run_items(
        NoisePage(key, axes), options, suffixes=ITEMS, extension=lambda suffix: ".html",
        whole=is_scene,
    )  # fmt: skip


@click.command("simulate", cls=RestoringCommand)
@restoring_options("simulate", _MEASURES, group="hsi")
@_option("Task", "--noise", metavar="NAME",
         help="case1 to case5 (or non-iid, stripe, deadline, impulse, mixture), pushbroom, "
         "poisson.")  # fmt: skip
@_option("Task", "--convention", type=click.Choice(["test", "train"]), default="test",
         help="Of the cases: which programs' parameters.")  # fmt: skip
@_option("Task", "--full", type=float, default=2000.0, help="Photons at 1, of poisson.")
@_option("Task", "--parameter", "parameters", multiple=True, metavar="NAME=NUMBER",
         help="Of pushbroom: snr, reading, gain, offset, common, dead, hot.")  # fmt: skip
@_option("Task", "--replay", type=click.Path(path_type=Path), metavar="FILE.json",
         help="The noise of an earlier output, by the record beside it.")  # fmt: skip
@_KEY
@_AXES
def simulate(
    options: RunOptions, noise: str | None, convention: str, full: float,
    parameters: tuple[str, ...], replay: Path | None, key: str | None, axes: str | None,
) -> None:  # fmt: skip
    """Put noise on clean cubes of reflectance; beside each OUT, OUT.json makes it again.

    \b
    Examples:
      undrift hsi simulate clean.hdr -o noisy.hdr --noise case5 --seed 3
      undrift hsi simulate clean/ -o noisy/ --noise pushbroom --parameter snr=60
      undrift hsi simulate clean.hdr -o again.hdr --replay noisy.json
    """
    from undrift.common.errors import UsageError
    from undrift.common.runner import run_items
    from undrift.scientific.hyperspectral.cubes.files import ITEMS
    from undrift.scientific.hyperspectral.simulating import Law, NoisyFile
    from undrift.scientific.hyperspectral.work import is_scene, output_suffix

    if (noise is None) == (replay is None):
        raise UsageError("give either --noise NAME or --replay FILE.json")
    if replay is not None:
        law = Law.read(replay)
    else:
        law = Law(str(noise), convention, full, _numbers(parameters), options.seed)
    work = NoisyFile(law, key, axes)
    run_items(work, options, suffixes=ITEMS, extension=output_suffix, whole=is_scene)


def _numbers(parameters: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    from undrift.common.errors import UsageError

    found = []
    for text in parameters:
        name, _, value = text.partition("=")
        try:
            found.append((name.strip(), float(value)))
        except ValueError:
            raise UsageError(f"--parameter {text}: expected NAME=NUMBER, as snr=60") from None
    return tuple(found)


@click.command("scene")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path),
              help="File of the cube.")  # fmt: skip
@click.option("--sensor", default="near-infrared", show_default=True,
              help="visible (31 bands), near-infrared (103), shortwave (224).")  # fmt: skip
@click.option("--size", type=Numbers(), default="128,128", show_default=True, metavar="R,C",
              help="Rows and columns.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def scene(output: Path, sensor: str, size: tuple[float, ...], seed: int, overwrite: bool) -> None:
    """Make a clean cube of reflectance: a made-up landscape, seen by a sensor.

    \b
    Example:
      undrift hsi scene -o clean.hdr --sensor visible --size 96,96 --seed 3
    """
    from undrift import __version__
    from undrift.common.errors import InputError, UsageError
    from undrift.scientific.hyperspectral.cubes.files import save_cube
    from undrift.scientific.hyperspectral.scenes.scene import scene as made
    from undrift.scientific.hyperspectral.scenes.sensors import sensor as named

    if len(size) != 2 or min(size) < 16 or any(side % 1 for side in size):
        raise UsageError(f"--size {size}: expected two whole numbers from 16, as 128,128")
    if output.exists() and not overwrite:
        raise InputError(f"{output} is there already; --overwrite replaces it")
    cube = made(int(size[0]), int(size[1]), named(sensor), seed)
    output.parent.mkdir(parents=True, exist_ok=True)
    save_cube(cube, output, history=f"undrift {__version__} hsi scene, {sensor}, seed {seed}")
    click.echo(f"undrift: {output}: {cube.bands} bands, {cube.notes[0]}", err=True)
