"""Prints every parity case with its largest error, as a Markdown table.

Run `python tests/parity/table.py` in a checkout, or where undrift is installed.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from parity import bridge_cases, solver_cases  # noqa: E402


def main() -> None:
    print("| case | official code | largest error | tolerance |\n|---|---|---|---|")
    for case in (*bridge_cases.cases(), *solver_cases.cases()):
        print(f"| {case.name} | {case.source} | {case.error():.1e} | {case.tolerance:.0e} |")


if __name__ == "__main__":
    main()
