"""What a run found beside what was published, as Markdown for people and JSON for programs."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from undrift.common.errors import InputError
from undrift.common.reproduce.paper import Figure, Measured, Paper, Table


@dataclass(frozen=True)
class Cell:
    """One place of a table. verdict: None where nothing is asked, or nothing was measured."""

    row: str
    column: str
    asked: Figure | None
    found: Measured | None

    @property
    def verdict(self) -> bool | None:
        """Whether the measured number is within the tolerance."""
        if self.asked is None or self.found is None:
            return None
        return self.asked.met(self.found.value)


@dataclass(frozen=True)
class Compared:
    """A table with its cells, row by row. skipped: it needs what is not at hand."""

    table: Table
    cells: tuple[Cell, ...]
    skipped: bool

    @property
    def failed(self) -> list[Cell]:
        """Cells outside their tolerance, and asked ones that a run should have measured."""
        if self.skipped:
            return []
        return [c for c in self.cells if c.asked and (c.found is None or not c.verdict)]


@dataclass(frozen=True)
class Outcome:
    """A finished run; `about` holds versions, device, seconds."""

    paper: Paper
    smoke: bool
    tables: tuple[Compared, ...]
    about: dict[str, Any]

    @property
    def failed(self) -> list[tuple[str, Cell]]:
        """(name of the table, cell) of all that is outside its tolerance."""
        return [(t.table.name, cell) for t in self.tables for cell in t.failed]

    def record(self) -> dict[str, Any]:
        """For JSON; numbers that are not finite become text."""
        tables = [
            {
                "table": t.table.name,
                "title": t.table.title,
                "source": t.table.source,
                "missing": [need.name for need in t.table.missing()] if t.skipped else [],
                "figures": [_record(cell) for cell in t.cells],
            }
            for t in self.tables
        ]
        head = {"v": 1, "paper": self.paper.id, "smoke": self.smoke, **self.about}
        return {**head, "ok": not self.failed, "tables": tables}

    def json(self) -> str:
        """One line."""
        return json.dumps(self.record(), allow_nan=False)

    def markdown(self) -> str:
        """Every table with measured numbers, and beside them what was published or claimed."""
        kind = "smoke run" if self.smoke else "run"
        facts = ", ".join(f"{key} {value}" for key, value in self.about.items())
        parts = [f"# {self.paper.title}: {kind}", facts, *map(_section, self.tables)]
        return "\n\n".join(parts) + "\n"


def compare(paper: Paper, smoke: bool, found: Iterable[Measured], about: dict[str, Any]) -> Outcome:
    """Puts what was measured beside what is asked.

    Raises InputError if a number belongs to no table of this kind of run, or comes twice.
    """
    tables = paper.of("smoke" if smoke else "run")
    numbers: dict[tuple[str, str, str], Measured] = {}
    for number in found:
        place = number[:3]
        if place in numbers or number.table not in {table.name for table in tables}:
            raise InputError(f"{paper.id}: unexpected number at {', '.join(place)}")
        numbers[place] = number
    return Outcome(paper, smoke, tuple(_compared(table, numbers) for table in tables), about)


def _compared(table: Table, numbers: dict[tuple[str, str, str], Measured]) -> Compared:
    own = [number for number in numbers.values() if number.table == table.name]
    places = [(f.row, f.column) for f in table.figures] + [(n.row, n.column) for n in own]
    cells = tuple(
        Cell(row, column, table.figure(row, column), numbers.get((table.name, row, column)))
        for row, column in dict.fromkeys(places)
    )
    return Compared(table, cells, skipped=bool(table.missing()) and not own)


def _record(cell: Cell) -> dict[str, Any]:
    asked, found = cell.asked, cell.found
    return {
        "row": cell.row,
        "column": cell.column,
        "measured": None if found is None else _finite(found.value),
        "half": None if found is None or found.half is None else _finite(found.half),
        "asked": None if asked is None else asked.asks(),
        "ok": cell.verdict,
    }


def _finite(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _section(compared: Compared) -> str:
    table = compared.table
    lines = [f"## {table.title}", "", f"Source: {table.source}", ""]
    if compared.skipped:
        needs = "; ".join(f"{need.what}: {need.how}" for need in table.missing())
        lines += [f"Not measured, for want of: {needs}", ""]
    return "\n".join([*lines, grid(compared.cells)])


def grid(cells: Sequence[Cell]) -> str:
    """A Markdown table: measured, and in brackets what is asked; "outside" where it is missed."""
    if not cells:
        return "No figure is entered."
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    places = {(cell.row, cell.column): cell for cell in cells}
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for row in rows:
        texts = [_text(places.get((row, column))) for column in columns]
        lines.append(f"| {row} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _text(cell: Cell | None) -> str:
    if cell is None:
        return ""
    parts = []
    if cell.found is not None:
        half = "" if cell.found.half is None else f" ± {cell.found.half:.2g}"
        parts.append(f"{cell.found.value:.4g}{half}")
    if cell.asked is not None:
        parts.append(f"({cell.asked.asks()})")
    if cell.verdict is False:
        parts.append("**outside**")
    return " ".join(parts)
