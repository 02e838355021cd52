"""`undrift models`: the models that ship with undrift, by their cards.

A card lies beside its weights; the weights carry their own settings in their header. `verify`
checks that the two agree, that the file is the one the card means, and that it loads.
"""

import json
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import InputError, UsageError
from undrift.common.files import sha256_of
from undrift.common.model_cards import ModelCard, find_model_card, load_model_card, model_card_paths
from undrift.common.weights.convert_cli import convert

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one line an entry.")


@click.group()
def models() -> None:
    """List, show and verify the models that ship with undrift; convert published ones.

    \b
    undrift models list
    undrift models show leaves-denoise
    undrift models verify
    """


models.add_command(convert)


@models.command("list")
@click.option("--task", help="Only models of this task, such as denoise.")
@as_json
def list_(task: str | None, as_json: bool) -> None:
    """List the models: id, task, licence, size, hash."""
    cards = [load_model_card(path) for path in model_card_paths().values()]
    rows = [_row(card) for card in cards if task in (None, card.front.undrift.task)]
    for row in rows:
        about = f"{row['id']:24} {row['task']:10} {row['license']:14}"
        text = f"{about} {row['bytes'] / 1e6:6.1f} MB  {row['sha256'][:12]}"
        click.echo(json.dumps(row) if as_json else text)
    if not rows:
        click.echo(f"no models{f' for {task}' if task else ''}", err=True)


def _row(card: ModelCard) -> dict[str, Any]:
    file = card.front.undrift.files[0]
    return {
        "id": card.id,
        "task": card.front.undrift.task,
        "license": card.front.license,
        "bytes": file.bytes,
        "sha256": file.sha256,
    }


@models.command()
@click.argument("name", metavar="ID")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show the model ID: card, presets, and the settings in the header of its weights."""
    card = find_model_card(name)
    settings = _header(card) if card.weights.is_file() else None
    if as_json:
        front = card.front.model_dump(mode="json", by_alias=True)
        click.echo(json.dumps({"card": front, "header": settings}))
        return
    block = card.front.undrift
    click.echo(f"{card.id}, version {block.version}: {block.task}, licence {card.front.license}")
    click.echo(f"weights {card.weights}, {block.files[0].bytes} bytes")
    for preset, values in block.presets:
        text = ", ".join(f"{k} {v}" for k, v in values.model_dump().items() if v is not None)
        click.echo(f"preset {preset}: {text}")
    for row in block.measured:
        value = f"{row.value:g}" + (f" [{row.ci[0]:g}, {row.ci[1]:g}]" if row.ci else "")
        click.echo(f"measured on {row.data}, {row.case}: {row.metric} {value}, n = {row.n}")
    for heading, text in card.prose.items():
        click.echo(f"\n## {heading}\n{text.strip()}")
    click.echo("\n## Settings in the header of the weights")
    click.echo(json.dumps(settings, indent=2) if settings else "the weight file is not there")


@models.command()
@click.argument("names", metavar="[ID]...", nargs=-1)
@as_json
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Check models (default: all): card, size, hash, header, and that the weights load."""
    problems = []
    for name in names or tuple(model_card_paths()):
        found = _problems(name)
        problems += [f"{name}: {problem}" for problem in found]
        if as_json:
            click.echo(json.dumps({"id": name, "ok": not found, "problems": found}))
        elif not found:
            click.echo(f"{name}: good", err=True)
    if problems:
        raise InputError("\n".join(problems))


@models.command()
@click.argument("name", metavar="ID")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="New file.")
def quantise(name: str, output: Path) -> None:
    """Write the weights of the model ID (or file) with eight bits a weight: a third of the size.

    \b
    undrift models quantise leaves-sr -o small.safetensors
    undrift sr scan.png -o large.png --model small.safetensors
    """
    from undrift.common.quantise import quantise_file
    from undrift.common.weights.model import find_weights

    if output.exists():
        raise UsageError(f"{output} is there already; name another file or remove it")
    before, after = quantise_file(find_weights(name), output)
    click.echo(f"{output} {after / 1e6:.2f} MB, was {before / 1e6:.2f} MB")


@models.command()
@click.argument("name", metavar="ID")
def path(name: str) -> None:
    """Print where the weights of the model ID lie."""
    card = find_model_card(name)
    if not card.weights.is_file():
        raise InputError(f"{card.weights} is not there; reinstall undrift")
    click.echo(str(card.weights.resolve()))


def _header(card: ModelCard) -> dict[str, Any]:
    from undrift.common.weights.files import read_settings

    return read_settings(card.weights).model_dump(mode="json")


def _problems(name: str) -> list[str]:
    """Everything that is wrong with one model."""
    from undrift.common.weights.files import load_denoiser

    try:
        card = find_model_card(name)
        problems = _file_problems(card)
        if not card.weights.is_file():
            return problems
        problems += _disagreements(card, _header(card))
        load_denoiser(card.weights)
    except InputError as error:
        return [str(error)]
    return problems


def _file_problems(card: ModelCard) -> list[str]:
    problems = []
    for file in card.front.undrift.files:
        place: Path = card.path.parent / file.name
        if not place.is_file():
            problems.append(f"{place} is not there; reinstall undrift")
            continue
        size, found = place.stat().st_size, sha256_of(place).removeprefix("sha256:")
        if size != file.bytes:
            problems.append(f"{file.name} has {size} bytes; the card says {file.bytes}")
        if found != file.sha256:
            problems.append(f"{file.name} has sha256 {found}; the card says {file.sha256}")
    return problems


def _disagreements(card: ModelCard, header: dict[str, Any]) -> list[str]:
    """What the card says otherwise than the header of the weights."""
    block = card.front.undrift
    pairs = {
        "id": (block.id, header["id"]),
        "domain": (card.domain, header["domain"]),
        "task": (block.task, header["task"]),
        "prediction": (block.prediction, header["prediction"]),
        "process": (block.process.model_dump(), header["process"]),
        "network": (block.network.model_dump(), header["network"]),
    }
    for name, preset in block.presets:
        kept = header["presets"].get(name, {})
        for key in ("solver", "steps", "samples", "back_projections", "symmetries"):
            pairs[f"presets.{name}.{key}"] = (getattr(preset, key), kept.get(key))
    return [
        f"{key}: the card says {ours!r}, the header of the weights {theirs!r}"
        for key, (ours, theirs) in pairs.items()
        if ours != theirs
    ]
