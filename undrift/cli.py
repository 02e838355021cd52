"""The `undrift` command: finds a subcommand by name and imports only that one."""

import os
import sys
import traceback

import click

from undrift import __version__
from undrift.common.errors import UndriftError, missing_package
from undrift.common.lazy_group import LazyGroup

# name -> (module, attribute, one line of help). The line stands here so that `undrift --help`
# imports neither torch nor any domain.
COMMANDS = {
    "sr": ("undrift.restoration.cli", "sr", "Super-resolve pictures."),
    "denoise": ("undrift.restoration.cli", "denoise", "Remove noise from pictures."),
    "deblur": ("undrift.restoration.inverse_cli", "deblur", "Undo a blur, known or not."),
    "inpaint": ("undrift.restoration.inverse_cli", "inpaint", "Fill in missing pixels."),
    "colourise": ("undrift.restoration.inverse_cli", "colourise", "Give colours to grey pictures."),
    "restore": ("undrift.restoration.inverse_cli", "restore", "Low light, lost phase and others."),
    "degrade": ("undrift.restoration.degrade_cli", "degrade", "Make degraded pictures."),
    "solve": ("undrift.common.solve_cli", "solve", "Measurements of any known operator."),
    "speech": ("undrift.speech.cli", "speech", "Enhance, stream, simulate and score speech."),
    "medical": ("undrift.medical.cli", "medical", "MRI and CT volumes: all of their tasks."),
    "hsi": ("undrift.scientific.cli", "hsi", "Hyperspectral cubes: denoise, report, simulate."),
    "atmos": ("undrift.scientific.atmosphere.cli", "atmos", "Fields of the atmosphere, sensors."),
    "train": ("undrift.common.training.cli", "train", "Train a model from a recipe."),
    "contest": ("undrift.restoration.contest.cli", "contest", "Compare processes on own pairs."),
    "evaluate": ("undrift.common.evaluate_cli", "evaluate", "Score results against truth."),
    "benchmark": (
        "undrift.benchmarks",
        "benchmark",
        "Degrade, restore and score a data card.",
    ),
    "compare": ("undrift.restoration.comparing_cli", "compare", "Test runs against each other."),
    "models": ("undrift.common.weights.cli", "models", "List, show, check and convert models."),
    "data": ("undrift.common.data_cli", "data", "List, show and check data cards."),
    "reproduce": ("undrift.common.reproduce.cli", "reproduce", "Repeat published numbers."),
    "run": ("undrift.common.cli", "run", "Repeat a saved run."),
    "info": ("undrift.common.cli", "info", "Show versions and devices, or what a file holds."),
    "cite": ("undrift.common.cli", "cite", "Print BibTeX of what a run used."),
    "completion": ("undrift.common.cli", "completion", "Print completion code for a shell."),
}


@click.group(
    cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="undrift")
def cli() -> None:
    """Diffusion-based restoration for science.

    \b
    undrift sr scans/ -o large/ --scale 4
    undrift denoise noisy.png -o clean.png --sigma 25
    undrift info
    """


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code.

    0 done, 1 bug, 2 usage, 3 bad input or configuration, 4 some items failed, 5 a package or
    weights are missing, 6 out of memory at the smallest tile, 130 interrupted.
    """
    try:
        code = cli.main(args=argv, prog_name="undrift", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted; finished outputs are whole, the same command goes on", 130)
    except SystemExit as error:  # shell completion, and a reader that closed our pipe
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except Exception as error:
        if os.environ.get("UNDRIFT_DEBUG") == "1":
            traceback.print_exc()
        return _say(*_explain(error))
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> tuple[str, int]:
    """One message, and the exit code."""
    if isinstance(error, UndriftError):
        return str(error), error.exit_code
    if isinstance(error, ModuleNotFoundError) and error.name:
        if error.name.partition(".")[0] != "undrift":
            missing = missing_package(error.name)
            return str(missing), missing.exit_code
    elif isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return f"out of memory: {error}; try --tile 128 or --device cpu", 6
    elif isinstance(error, OSError):
        return str(error), 1
    text = " ".join(str(error).split())
    report = "please report it with the output of `undrift info` and of UNDRIFT_DEBUG=1"
    return f"unexpected {type(error).__name__}: {text}; this is a bug, {report}", 1


def _say(text: str, code: int) -> int:
    click.echo(f"undrift: {text}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
