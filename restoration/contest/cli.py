"""`undrift contest FOLDER`: which process suits one's own pairs, and does any beat none?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click


def _numbers(context: Any, option: Any, value: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected whole numbers, such as 4,10") from None


def _shares(context: Any, option: Any, value: str) -> tuple[float, ...]:
    parts = _numbers(context, option, value)
    if len(parts) != 3 or min(parts) < 1:
        raise click.BadParameter(f"{value!r}: expected three positive numbers, such as 70,15,15")
    return tuple(part / sum(parts) for part in parts)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Kept here.")
@click.option("--processes", help="Names, with commas (default: all five); regression always runs.")
@click.option("--degradation", metavar="NAME", help="Of a folder with clean pictures only.")
@click.option("--iterations", type=click.IntRange(min=1), default=5000, show_default=True)
@click.option("--steps", default="4,10", show_default=True, callback=_numbers, help="Calls to try.")
@click.option("--samples", type=click.IntRange(min=2), default=4, show_default=True)
@click.option(
    "--shares",
    default="70,15,15",
    show_default=True,
    callback=_shares,
    help="Of training, validation and test.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "-s",
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a key of all recipes, such as data.crop=96.",
)
@click.option("--device", default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the processor.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON an entrant.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def contest(folder: Path, output: Path, **options: Any) -> None:
    """Train equal networks with several processes on FOLDER and compare them on held-out pictures.

    FOLDER holds clean/ and degraded/ under equal names, or clean pictures and a --degradation.
    One network learns each process, and one learns plain regression, on the same batches. The
    number of calls is chosen on validation pictures, the scores are of test pictures; which
    picture is which is a hash of its name. Run the same command again to go on.

    \b
    Examples:
      undrift contest pairs -o contest --iterations 8000
      undrift contest pictures -o contest --degradation rain --processes ir-sde,resfusion
    """  # fmt: skip
    from undrift.common.console import Console
    from undrift.common.devices import resolve_device
    from undrift.common.metrics.score_text import aligned
    from undrift.restoration.contest.contest import PROCESSES, Rules
    from undrift.restoration.contest.contest import contest as held
    from undrift.restoration.contest.degraded import open_pairs
    from undrift.restoration.contest.tables import NOTE, paired_rows, score_rows, write_page

    if options["threads"]:
        import torch

        torch.set_num_threads(options["threads"])
    console = Console(quiet=options["quiet"], as_json=options["as_json"])
    names = options["processes"]
    processes = tuple(part.strip() for part in names.split(",")) if names else PROCESSES
    same = ("iterations", "steps", "samples", "seed", "shares", "assignments")
    rules = Rules(processes, **{key: options[key] for key in same})
    device = resolve_device(options["device"])
    pairs = open_pairs(folder, output, options["degradation"], rules.seed)
    results, tested = held(pairs, output, rules, device, console)
    about = {"folder": str(folder), "degradation": options["degradation"], **asdict(rules)}
    write_page(output / "contest.html", results, tested, about, device)
    if console.as_json:
        for result in results:
            click.echo(json.dumps(asdict(result)))
    else:
        for rows in (score_rows(results), paired_rows(results)):
            click.echo("\n".join([*aligned(rows), ""]))
        click.echo(NOTE)
    console.note(f"page: {output / 'contest.html'}")
