"""Prints every parity case with its largest error, as a Markdown table.

Run `python tests/parity/table.py` in a checkout, or where undrift is installed. `--summary` prints
one row for each process and official program; words after it keep the processes that contain one.
"""

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from parity.case import Case, every_case  # noqa: E402

Row = tuple[Case, float]


def rows(words: list[str]) -> list[Row]:
    """Cases of the processes asked for, with their errors, grouped by process."""
    chosen = [c for c in every_case() if not words or any(w in c.group for w in words)]
    return [(c, c.error()) for c in sorted(chosen, key=lambda c: c.group)]


def full(found: list[Row]) -> list[str]:
    """One row a case."""
    lines = [
        "| process | official code | run | largest error | tolerance |",
        "|---|---|---|---|---|",
    ]
    for case, error in found:
        lines.append(
            f"| {case.group} | {case.source} | {case.name} | {error:.1e} | {case.tolerance:.0e} |"
        )
    return lines


def summary(found: list[Row]) -> list[str]:
    """One row for each process and official program, by tolerance."""
    lines = [
        "| process | official code | cases | largest error | tolerance |",
        "|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str, float], list[float]] = {}
    for case, error in found:
        groups.setdefault((case.group, case.program, case.tolerance), []).append(error)
    for (group, program, tolerance), errors in groups.items():
        lines.append(
            f"| {group} | {program} | {len(errors)} | {max(errors):.1e} | {tolerance:.0e} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary", action="store_true", help="one row a process and program")
    parser.add_argument("process", nargs="*", help="only processes whose name contains a word")
    options = parser.parse_args()
    found = rows(options.process)
    print("\n".join(summary(found) if options.summary else full(found)))


if __name__ == "__main__":
    main()
