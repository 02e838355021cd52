"""Commands that belong to no domain: info, cite, run, completion."""

import json
from pathlib import Path

import click

from undrift.common.errors import InputError, UsageError


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(file: Path | None, as_json: bool) -> None:
    """Show versions, devices and folders; or what FILE holds.

    \b
    undrift info
    undrift info scan.tif
    """
    from undrift.common.inspection import inspect_file, inspect_system

    facts = inspect_system() if file is None else inspect_file(file)
    if as_json:
        click.echo(json.dumps(facts, default=str))
        return
    width = max(map(len, facts))
    for key, value in facts.items():
        click.echo(f"{key:<{width}}  {value}")


@click.command()
@click.argument("what", nargs=-1, required=True)
def cite(what: tuple[str, ...]) -> None:
    """Print BibTeX of methods, models, or all that a run used.

    \b
    undrift cite resshift ddim
    undrift cite leaves-denoise
    undrift cite up/undrift.jsonl
    """
    from undrift.common.cite import cite as bibtex

    click.echo(bibtex(*what))


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("more", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(ctx: click.Context, config: Path, more: tuple[str, ...]) -> None:
    """Repeat the run that CONFIG (written by --save-config) describes.

    \b
    undrift sr scans/ -o up/ --scale 4 --save-config used.yaml
    undrift run used.yaml
    undrift run used.yaml --dry-run
    """
    from undrift.common.config import read_yaml

    command = read_yaml(config).get("command")
    if not isinstance(command, str):
        raise InputError(f"{config}: command: missing; was it written by --save-config?")
    root = ctx.find_root().command
    words = [*command.split(), "--config", str(config), *more]
    root.main(words, prog_name="undrift", standalone_mode=False)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the code that completes `undrift` in SHELL.

    \b
    undrift completion bash >> ~/.bashrc
    undrift completion fish > ~/.config/fish/completions/undrift.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"click knows no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "undrift", "_UNDRIFT_COMPLETE").source())
