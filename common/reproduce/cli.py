"""`undrift reproduce`: list, show and run the papers that are described here."""

import json
from pathlib import Path

import click

from undrift.common.errors import PartialFailure
from undrift.common.reproduce.outcome import compare, grid
from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.papers import PAPERS, find_paper
from undrift.common.reproduce.run import run_paper, wanted

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one line an entry.")


@click.group()
def reproduce() -> None:
    """Repeat published numbers, or as much of them as can be had.

    \b
    undrift reproduce list
    undrift reproduce show mrs
    undrift reproduce run mrs --smoke
    """


@reproduce.command("list")
@as_json
def list_(as_json: bool) -> None:
    """List the papers: id, domain, whole or partial, title.

    Whole means that all numbers can be measured with what is at hand.
    """
    papers = [find_paper(name) for name in PAPERS]
    rows = [(p.id, p.domain, "whole" if p.whole else "partial", p.title) for p in papers]
    if as_json:
        for row in rows:
            names = ("id", "domain", "extent", "title")
            click.echo(json.dumps(dict(zip(names, row, strict=True))))
        return
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    for *cells, title in rows:
        padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
        click.echo("  ".join([*padded, title]))


@reproduce.command()
@click.argument("name", metavar="PAPER")
@as_json
def show(name: str, as_json: bool) -> None:
    """Show the published numbers of PAPER, the protocol, and what is missing."""
    paper = find_paper(name)
    if as_json:
        click.echo(paper.model_dump_json())
        return
    for line in _lines(paper):
        click.echo(line)


def _lines(paper: Paper) -> list[str]:
    extent = "whole" if paper.whole else "partial"
    lines = [f"{paper.title} ({paper.id}), {paper.domain}, {extent}", f"Claim: {paper.claim}"]
    lines += [f"Protocol: {paper.protocol}", f"BibTeX: undrift cite {paper.citation}"]
    for smoke in (False, True):
        for entry in compare(paper, smoke, [], {}).tables:
            head = f"\n## {entry.table.title}{' (smoke run)' * smoke}"
            lines += [head, f"Source: {entry.table.source}", grid(entry.cells)]
    return [*lines, "", wanted(paper) or "nothing is missing"]


@reproduce.command()
@click.argument("name", metavar="PAPER")
@click.option("--smoke", is_flag=True, help="The short run, whose figures are always checked.")
@click.option("--check", is_flag=True, help="Fail (exit 4) if a number is outside its tolerance.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Default: reproduced/PAPER.")
@click.option("--device", default="auto", metavar="auto|cpu|cuda|mps", help="Device.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON line.")
def run(
    name: str,
    smoke: bool,
    check: bool,
    output: Path | None,
    device: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the protocol of PAPER; puts what it finds beside the published numbers.

    Results replace those of an earlier run in the same folder.

    \b
    undrift reproduce run mrs --check
    undrift reproduce run solver-comparison -o tables/
    """
    from undrift.common.console import Console

    paper = find_paper(name)
    folder = output or Path("reproduced") / paper.id
    outcome = run_paper(paper, folder, smoke=smoke, device=device, console=Console(quiet))
    click.echo(outcome.json() if as_json else outcome.markdown())
    if (check or smoke) and outcome.failed:
        places = [f"{table}: {c.row}, {c.column}" for table, c in outcome.failed]
        raise PartialFailure(f"{len(places)} outside their tolerance: {'; '.join(places)}")
