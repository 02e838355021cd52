"""Command `undrift medical simulate`: brains in several contrasts, and CT, with records."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from undrift.common.option_types import Names, Numbers
from undrift.medical.notice import NOTICE

if TYPE_CHECKING:
    from undrift.medical.simulate.simulating import Scan


@click.command(epilog=NOTICE)
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path),
              help="Folder of the data set.")  # fmt: skip
@click.option("--kind", type=click.Choice(["brain", "ct"]), default="brain", show_default=True)
@click.option("--count", type=click.IntRange(1), default=1, show_default=True,
              help="Number of subjects; each is one seed.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True,
              help="Of the first subject.")  # fmt: skip
@click.option("--law", default="training", show_default=True,
              help="training, shifted (other shapes and tissues) or unvaried.")  # fmt: skip
@click.option("--grid", type=Numbers(), metavar="X,Y,Z", help="Voxels.  [default: 96,112,96; "
              "CT 96,96,32]")  # fmt: skip
@click.option("--spacing", type=Numbers(), metavar="X,Y,Z", help="Millimetres.  [default: 2,2,2; "
              "CT the whole body]")  # fmt: skip
@click.option("--contrasts", type=Names(), default="T1w,T2w,FLAIR,PDw", show_default=True,
              help="CT too: of the same head, in HU.")  # fmt: skip
@click.option("--tesla", type=float, default=1.5, show_default=True, help="Field, up to 3.")
@click.option("--snr", type=float, help="White matter over noise; none by default.")
@click.option("--bias", type=click.FloatRange(0, 0.9), default=0.2, show_default=True,
              help="Of the coil's shading.")  # fmt: skip
@click.option("--thick", type=click.IntRange(1), default=1, show_default=True,
              help="Slices taken as one: adds thick ones.")  # fmt: skip
@click.option("--lesions/--healthy", default=True, show_default=True)
@click.option("--region", type=click.Choice(["head", "chest", "abdomen"]),
              help="Of CT; by turns by default.")  # fmt: skip
@click.option("--dose", type=float, help="Share of the full dose: adds scans, low and clean.")
@click.option("--replay", type=click.Path(path_type=Path), metavar="FILE.jsonl",
              help="Make again what an earlier run recorded.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for every file.")
def simulate(
    output: Path, count: int, seed: int, replay: Path | None, overwrite: bool, as_json: bool,
    **asked: Any,
) -> None:  # fmt: skip
    """Make phantoms of heads (MR) and bodies (CT): NIfTI in a tree of BIDS, with their labels.

    \b
    Examples:
      undrift medical simulate -o brains/ --count 10
      undrift medical simulate -o test/ --law shifted --seed 200000 --snr 20 --contrasts T1w,T2w
      undrift medical simulate -o pairs/ --contrasts T1w,CT --count 5
      undrift medical simulate -o ct/ --kind ct --region chest --dose 0.1
      undrift medical simulate -o again/ --replay brains/simulation.jsonl

    OUTPUT/simulation.jsonl records all that makes a subject again.
    """
    from undrift.common.console import Console
    from undrift.medical.simulate.simulating import (
        read_record,
        save_record,
        start_folder,
        write_subject,
    )

    if replay is None:
        scan = _asked(asked)
        subjects = {number: scan for number in range(seed, seed + count)}
    else:
        subjects = read_record(replay)
    console = Console(as_json=as_json)
    start_folder(output, next(iter(subjects.values())))
    files: list[str] = []
    for number, scan in subjects.items():
        done = write_subject(scan, number, output, overwrite)
        save_record(output, {number: scan})
        for name, status in done.items():
            console.record({"file": name, "seed": number, "status": status})
            files.append(status)
    kept = files.count("kept")
    console.note(
        f"{len(subjects)} subject(s), {files.count('written')} volumes written to {output}"
        + (f", {kept} kept that were there (--overwrite replaces them)" if kept else "")
    )


def _asked(asked: dict[str, Any]) -> "Scan":
    from undrift.common.errors import UsageError
    from undrift.medical.simulate.simulating import Scan

    ct = asked["kind"] == "ct"
    for name in ("grid", "spacing"):
        given = asked[name]
        if given is None:
            default = {"grid": (96, 96, 32) if ct else (96, 112, 96),
                       "spacing": None if ct else (2.0, 2.0, 2.0)}  # fmt: skip
            asked[name] = default[name]
        elif len(given) != 3 or min(given) <= 0 or (name == "grid" and any(n % 1 for n in given)):
            raise UsageError(f"--{name} {given}: expected three numbers above 0, as 96,112,96")
        elif name == "grid":
            asked[name] = tuple(int(n) for n in given)
    return Scan(**{**asked, "contrasts": tuple(asked["contrasts"])})
