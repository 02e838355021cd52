"""`undrift data`: list, show, check, verify, export and make data sets by their cards.

Nothing here downloads anything; for data that has to be fetched, `show` prints how.
"""

import importlib
import json
from pathlib import Path
from typing import Any

import click

from undrift.common.card_files import verify as verify_files
from undrift.common.cards import DataCard, card_paths, find_card, load_card
from undrift.common.errors import InputError, UsageError

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one line an entry.")


@click.group()
def data() -> None:
    """List, show, check and make data sets (by their data cards).

    \b
    undrift data list
    undrift data show skimage-photos
    undrift data make skimage-photos -o photos --noise 25
    """


@data.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List all data cards: id, domain, access, licence, number of items."""
    rows = [_row(load_card(path)) for path in card_paths().values()]
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    texts = [[str("?" if value is None else value) for value in row.values()] for row in rows]
    widths = [max(len(text[k]) for text in texts) for k in range(len(texts[0]))] if texts else []
    for text in texts:
        padded = (cell.ljust(width) for cell, width in zip(text, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _row(card: DataCard) -> dict[str, Any]:
    front, block = card.front, card.front.undrift
    counts = [split.items for split in block.splits]
    items = None if None in counts else sum(count or 0 for count in counts)
    return {
        "id": card.id,
        "domain": block.domain,
        "access": block.access,
        "license": front.license,
        "items": items,
    }


@data.command()
@click.argument("name", metavar="ID")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show the card ID: first what code reads, then the prose."""
    card = find_card(name)
    if as_json:
        click.echo(card.front.model_dump_json(by_alias=True))
        return
    front, block = card.front, card.front.undrift
    click.echo(f"{front.pretty_name} ({card.id}), version {block.version}, {card.path}")
    click.echo(f"licence {front.license_name or front.license}; access {block.access}; ", nl=False)
    click.echo(f"redistribution {block.redistribution}")
    for split in block.splits:
        unknown = "any" if block.access == "synthetic" else "an unknown"
        items = f"{unknown} number of" if split.items is None else split.items
        click.echo(f"split {split.name}: {items} items, for {split.use}")
    for view in block.views:
        patterns = ", ".join(f"{side} {pattern}" for side, pattern in view.patterns.items())
        click.echo(f"view {view.split}/{view.name}: {patterns}")
    for group in block.members:
        rights = f"{group.creator or 'creator not stated'}, {group.license or 'licence not stated'}"
        click.echo(f"group {group.name}: {group.items} items, {group.split}; {rights}")
    if block.people.present:
        click.echo(f"persons can be recognised; consent: {block.people.consent or 'not stated'}")
    for entry in block.verified:
        click.echo(f"verified {entry.checked}: {' '.join(entry.how.split())}")
    for heading, text in card.prose.items():
        click.echo(f"\n## {heading}\n{text.strip()}")


@data.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@as_json
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Check the cards FILES (default: all shipped ones) and report every problem at once."""
    problems = []
    paths = files or tuple(card_paths().values())
    for path in paths:
        error = ""
        try:
            load_card(path)
        except InputError as caught:
            error = str(caught)
            problems.append(error)
        if as_json:
            click.echo(json.dumps({"card": str(path), "ok": not error, "problem": error or None}))
    if problems:
        raise InputError("\n".join(problems))
    click.echo(f"valid cards: {len(paths)}", err=True)


@data.command()
@click.argument("name", metavar="ID")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data; without it, the installed packages that bring them.",
)
@as_json
def verify(name: str, root: Path | None, as_json: bool) -> None:
    """Check that the data of the card ID are there and whole: layout, sizes, hashes."""
    card = find_card(name)
    if root is None and not any(file.package for file in card.front.undrift.files):
        raise UsageError(f"{name} comes with no package; say where its data lie: --root DIR")
    if root is not None and not root.is_dir():
        raise InputError(f"{root} is not a folder; expected the one that holds the data")
    checks = verify_files(card, root)
    if root is not None and (card.front.undrift.views or card.front.undrift.members):
        checks += _maker(card).check(card, root)
    for entry in checks:
        row = {"name": entry.name, "ok": not entry.problem, "hashed": entry.hashed}
        if as_json:
            click.echo(json.dumps({**row, "problem": entry.problem or None}))
    bad = [f"{entry.name} {entry.problem}" for entry in checks if entry.problem]
    if bad:
        raise InputError(f"{name}: {len(bad)} problems\n  " + "\n  ".join(bad))
    hashed = sum(entry.hashed for entry in checks)
    click.echo(f"{name}: all is there; files: {len(checks)}, hashed: {hashed}", err=True)


@data.command()
@click.argument("name", metavar="ID")
def croissant(name: str) -> None:
    """Print the card ID as Croissant 1.1 (JSON-LD)."""
    click.echo(json.dumps(find_card(name).to_croissant(), indent=2, ensure_ascii=False))


@data.command()
@click.argument("name", metavar="ID")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--items", help="Only these items (of speech: speakers): a,b,c.")
@click.option("--count", type=int, help="How many to draw, or to speak a voice (synthetic sets).")
@click.option("--size", type=int, help="Pixels a side (synthetic sets).")
@click.option("--seed", type=int, help="Seed of drawn pictures and of noise (default 0).")
@click.option("--noise", type=float, help="Add Gaussian noise of this sigma, 0..255 scale.")
@click.option("--downscale", type=int, help="Shrink by this whole factor (bicubic).")
@click.option(
    "--archives",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the archives that the card names (.deb, or what pip downloads); without it, "
    "apt-get fetches packages of Debian, and Python's have to be installed.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are already there.")
@as_json
def make(
    name: str, output: Path, items: str | None, overwrite: bool, as_json: bool, **given: Any
) -> None:
    """Write the data of the card ID into a folder, clean or degraded.

    \b
    undrift data make skimage-photos -o clean
    undrift data make skimage-photos -o noisy --noise 25 --items chelsea,coffee
    undrift data make leaves -o leaves --count 100 --size 256
    undrift data make debian-photos -o photographs
    undrift data make debian-speech -o speech --items asterisk-en,asterisk-fr
    undrift data make indian-pines -o scene --archives packages
    """
    card = find_card(name)
    if card.front.undrift.views:
        raise _cannot(card)
    options = {key: value for key, value in given.items() if value is not None}
    if items is not None:
        options["items"] = [item.strip() for item in items.split(",") if item.strip()]
    done = _maker(card).make(name, output, options, overwrite)
    for path, status in done.items():
        if as_json:
            click.echo(json.dumps({"output": str(path), "status": status}))
    written = sum(status == "written" for status in done.values())
    skipped = len(done) - written
    hint = " (there already; --overwrite replaces them)" if skipped else ""
    click.echo(f"{output}: {written} written, {skipped} skipped{hint}", err=True)


def _maker(card: DataCard) -> Any:
    """The module `makers` of the card's domain; `common` imports no domain, so by its name."""
    name = f"undrift.{card.front.undrift.domain}.makers"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    raise _cannot(card)


def _cannot(card: DataCard) -> UsageError:
    how = card.prose["How to get it"].strip()
    return UsageError(f"{card.id} cannot be made here; its card says:\n{how}")
