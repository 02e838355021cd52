r"""The flags all restoring commands share, as one decorator.

    @click.command(cls=RestoringCommand)
    @restoring_options("denoise")
    @click.option("--sigma", ...)
    def denoise(options: RunOptions, sigma: float | None) -> None:
        '''Removes noise.

        \b
        Examples:
          undrift denoise scans/ -o clean/
        '''

Explicit flags win over `--config FILE`, a YAML of the same names; `--save-config` writes such a
file, complete, which `undrift run FILE` repeats.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from undrift.common import option_types as types
from undrift.common.errors import InputError, nearest
from undrift.common.files import write_text
from undrift.common.run_options import RunOptions

__all__ = ["GroupedOption", "RestoringCommand", "RunOptions", "restoring_options"]

_SHARED = {field.name for field in fields(RunOptions)} - {"task", "extras"}
_NOT_SAVED = {"config", "save_config", "dry_run", "quiet", "verbose"}
_GROUPS = ("Task", "Model", "Sampling", "Memory and speed", "Output", "Run")


class GroupedOption(click.Option):
    """An option that says under which heading of the help it stands."""

    def __init__(self, *args: Any, group: str = "Task", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class RestoringCommand(click.Command):
    """A command whose help has its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {group: [] for group in _GROUPS}
        for parameter in self.get_params(ctx):
            if row := parameter.get_help_record(ctx):
                other = "Run" if "--help" in parameter.opts else "Task"
                rows[getattr(parameter, "group", other)].append(row)
        for group, content in rows.items():
            if content:
                with formatter.section(group):
                    formatter.write_dl(content)


def restoring_options(
    task: str, without: Sequence[str] = (), group: str = ""
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds INPUT... and the shared flags; calls the command with `options` and its own flags.

    The command's own flags arrive as keyword arguments and also as `options.extras`. without:
    shared flags that mean nothing to the command and keep their defaults, or that it has itself
    with another default. group: whose command it is, as "speech" of `undrift speech enhance`.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(**values: Any) -> None:
            saved = values.pop("save_config")
            values.pop("config")
            own = {key: value for key, value in values.items() if key not in _SHARED}
            shared = {key: value for key, value in values.items() if key in _SHARED}
            shared["output"] = Path(shared["output"])
            if saved is not None:
                write_text(saved, _as_yaml(f"{group} {task}".strip(), values))
            function(RunOptions(task=task, extras=own, **shared), **own)

        own = list(vars(run).get("__click_params__", ()))
        for option in reversed(_SHARED_FLAGS):
            run = option(run)
        if without:
            given = vars(run)["__click_params__"]
            kept = [flag for flag in given if flag in own or flag.name not in without]
            vars(run)["__click_params__"] = kept
        return run

    return decorate


def _as_yaml(task: str, values: dict[str, Any]) -> str:
    from undrift import __version__
    from undrift.common.config import write_yaml

    kept = {"command": task, "inputs": list(values["inputs"])}
    for key, value in values.items():
        if key not in _NOT_SAVED and key not in kept and value is not None:
            kept[_key(key)] = types.spell(value, "/" if key == "shard" else ",")
    return f"# undrift {__version__}; repeat with: undrift run THIS_FILE\n{write_yaml(kept)}"


def _key(name: str) -> str:
    return "json" if name == "as_json" else name


def _read_config(ctx: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Makes the values of a configuration the defaults of this call, after checking them all."""
    if path is None:
        return None
    from undrift.common.config import read_yaml

    given = {str(key).replace("-", "_"): value for key, value in read_yaml(path).items()}
    command = given.pop("command", ctx.command.name)
    known = {_key(p.name): p for p in ctx.command.params if p.name and p.name != "help"}
    problems, values = [], {}
    if str(command).split()[-1:] != [ctx.command.name]:
        problems.append(f"command: is for '{command}', not for '{ctx.command.name}'")
    for key, value in given.items():
        parameter = known.get(key)
        if parameter is None or key in {"config", "save_config"}:
            problems.append(f"{key}: unknown key{nearest(key, known)}")
            continue
        if parameter.nargs == -1 and isinstance(value, str):
            value = [value]
        try:
            values[parameter.name] = parameter.type_cast_value(ctx, value)
        except click.BadParameter as error:
            problems.append(f"{key}: {error.message}")
    if problems:
        raise InputError("\n  ".join([f"{path}: {len(problems)} problem(s)", *problems]))
    ctx.default_map = {**(ctx.default_map or {}), **values}
    return path


def _flag(group: str, *names: str, **settings: Any) -> Callable[..., Any]:
    return click.option(*names, cls=GroupedOption, group=group, **settings)


_PATH = click.Path(path_type=Path)
_COUNT = click.IntRange(min=1)
_MODEL, _SAMPLING, _MEMORY, _OUT, _RUN = _GROUPS[1:]
_SHARED_FLAGS = (
    click.argument("inputs", nargs=-1, required=True),
    _flag(_MODEL, "--model", metavar="NAME|PATH", help="Model id or safetensors file."),
    _flag(
        _MODEL,
        "--preset",
        type=click.Choice(["fast", "balanced", "best"]),
        help="Steps, solver and samples as the model's card says; explicit flags win.",
    ),
    _flag(_SAMPLING, "--steps", type=_COUNT, metavar="N", help="Network calls of one sample."),
    _flag(_SAMPLING, "--solver", metavar="NAME", help="Solver of the sampling equation."),
    _flag(
        _SAMPLING,
        "--samples",
        type=_COUNT,
        metavar="N",
        default=1,
        show_default=True,
        help="Samples to draw.",
    ),
    _flag(
        _SAMPLING,
        "--seed",
        type=types.SeedType(),
        metavar="N|random",
        default=0,
        show_default=True,
        help="Seed.",
    ),
    _flag(_MEMORY, "--device", default="auto", metavar="auto|cpu|cuda|cuda:1|mps", help="Device."),
    _flag(
        _MEMORY,
        "--dtype",
        type=click.Choice(["auto", "float32", "bfloat16", "float16"]),
        default="auto",
        help="Precision of the network.",
    ),
    _flag(
        _MEMORY,
        "--tile",
        type=types.TileType(),
        metavar="auto|N|N,M|off",
        default="auto",
        help="Size of tiles.",
    ),
    _flag(
        _MEMORY,
        "--max-memory",
        type=types.BytesType(),
        metavar="8GB",
        help="Bound that `auto` obeys.",
    ),
    _flag(
        _MEMORY,
        "--batch",
        type=types.BatchType(),
        metavar="auto|N",
        default="auto",
        help="Tiles at a time.",
    ),
    _flag(
        _SAMPLING,
        "--pad",
        type=types.PadType(),
        metavar="wrap|reflect|none",
        default="none",
        help="Beyond the borders, for the network; per axis: reflect,wrap.",
    ),
    _flag(
        _MEMORY,
        "--workers",
        type=_COUNT,
        metavar="N",
        default=1,
        show_default=True,
        help="Processes.",
    ),
    _flag(
        _MEMORY, "--threads", type=_COUNT, metavar="N", help="Processor threads of each process."
    ),
    _flag(_OUT, "-o", "--output", type=_PATH, required=True, help="File, or folder."),
    _flag(_OUT, "--name", metavar="TEMPLATE", help='Such as "{stem}_{task}{ext}".'),
    _flag(_OUT, "--overwrite", is_flag=True, help="Redo outputs that exist."),
    _flag(_OUT, "--report", type=_PATH, metavar="HTML", help="Write a report of the run."),
    _flag(
        _OUT,
        "--provenance/--no-provenance",
        default=True,
        help="Say in the outputs how they were made (default: yes).",
    ),
    _flag(_OUT, "--json", "as_json", is_flag=True, help="One JSON line an item on stdout."),
    _flag(_RUN, "-n", "--dry-run", is_flag=True, help="Say what would be done, and stop."),
    _flag(_RUN, "--fail-fast", is_flag=True, help="Stop at the first item that fails."),
    _flag(_RUN, "--check-hash", is_flag=True, help="Compare inputs by SHA-256, not by time."),
    _flag(
        _RUN, "--shard", type=types.ShardType(), metavar="i/n|slurm", help="Do the i-th of n parts."
    ),
    _flag(
        _RUN,
        "--scheduler",
        metavar="ADDRESS",
        help="Work on a cluster of dask, as tcp://host:8786.",
    ),
    _flag(
        _RUN,
        "--config",
        type=_PATH,
        is_eager=True,
        callback=_read_config,
        help="YAML of these settings.",
    ),
    _flag(_RUN, "--save-config", type=_PATH, help="Write the settings used as YAML."),
    _flag(_RUN, "-q", "--quiet", is_flag=True, help="Errors only."),
    _flag(_RUN, "-v", "--verbose", is_flag=True, help="More details."),
)
