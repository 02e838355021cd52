"""The description of a paper that can be repeated: its numbers, protocol, and what they need.

A `Figure` is one published or claimed number with the tolerance of a repetition; a `Table` is a
grid of them with its source and its `Need`s; a `Paper` ties tables to the function that measures
them. Everything is strict: a mistake in a description is an error when it is read. The modules that
describe papers import nothing that computes, so that listing them stays quick.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from undrift.common.config import Strict

Kind = Literal["near", "at most", "at least"]
STEPS, FALL = ("training", "steps"), ("training", "loss falls by")
_LEAST_STEPS = 200


class Measured(NamedTuple):
    """A number that a run found. half: half of a 95 % interval, where it was repeated."""

    table: str
    row: str
    column: str
    value: float
    half: float | None = None


class Task(NamedTuple):
    """What a measuring function is told. folder: for throw-away files; say: for progress."""

    smoke: bool
    device: str
    folder: Path
    tables: tuple[str, ...]
    say: Callable[[str], None]


Measure = Callable[[Task], Iterable[Measured]]


class Figure(Strict):
    """A number to be met: near value, or at most, or at least, give or take the tolerance."""

    row: str
    column: str
    value: float
    tolerance: float = Field(default=0.0, ge=0)
    kind: Kind = "near"

    def met(self, found: float) -> bool:
        """Whether `found` is within the tolerance; NaN never is."""
        low = self.kind == "at most" or found >= self.value - self.tolerance
        high = self.kind == "at least" or found <= self.value + self.tolerance
        return low and high and found == found

    def asks(self) -> str:
        """The figure in words: "0.079 ± 0.005", "at most 1.07"."""
        if self.kind != "near":
            bound = self.value + (self.tolerance if self.kind == "at most" else -self.tolerance)
            return f"{self.kind} {bound:g}"
        return f"{self.value:g} ± {self.tolerance:.2g}"


class Need(Strict):
    """Something a table cannot do without.

    kind "files": `name` is a path below the cache folder; "package": an importable module; "code":
    a part that undrift does not have, so that nothing the reader could fetch is enough.
    """

    kind: Literal["files", "package", "code"]
    name: str
    what: str
    how: str

    def at_hand(self) -> bool:
        """Whether it is here."""
        if self.kind == "package":
            return importlib.util.find_spec(self.name) is not None
        if self.kind == "code":
            return False
        from undrift.common.files import cache_folder

        return (cache_folder() / self.name).exists()


class Table(Strict):
    """Numbers of one kind. when: measured by a whole run, or by the smoke run."""

    name: str
    title: str
    source: str
    when: Literal["run", "smoke"] = "run"
    needs: list[Need] = Field(default_factory=list)
    figures: list[Figure] = Field(default_factory=list)

    @model_validator(mode="after")
    def _once(self) -> "Table":
        places = [(figure.row, figure.column) for figure in self.figures]
        if len(places) != len({*places}):
            raise ValueError(f"table {self.name} gives a figure twice")
        return self

    def missing(self) -> list[Need]:
        """What is not at hand."""
        return [need for need in self.needs if not need.at_hand()]

    def figure(self, row: str, column: str) -> Figure | None:
        """The figure at a place, if there is one."""
        return next((f for f in self.figures if (f.row, f.column) == (row, column)), None)


class Paper(Strict):
    """See the module's docstring.

    citation: a key of `undrift cite`. measure: "module:function", a `Measure`. trains: whether the
    smoke run trains; then its table asks for 200 steps or more, and for a loss that falls.
    """

    id: str
    title: str
    domain: Literal["common", "restoration", "medical", "speech", "scientific"]
    citation: str
    claim: str
    protocol: str
    measure: str
    trains: bool
    tables: list[Table] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> "Paper":
        names = [table.name for table in self.tables]
        if len(names) != len({*names}):
            raise ValueError("two tables have the same name")
        smoke = self.of("smoke")
        if not any(table.figures and not table.needs for table in smoke):
            raise ValueError("no smoke table with figures and without needs")
        if self.trains:
            found = {(f.row, f.column): f for table in smoke for f in table.figures}
            steps, fall = found.get(STEPS), found.get(FALL)
            if steps is None or steps.kind != "at least" or steps.value < _LEAST_STEPS:
                raise ValueError(f"the smoke run must ask for {_LEAST_STEPS} steps or more")
            if fall is None or fall.kind != "at least" or fall.value - fall.tolerance <= 1:
                raise ValueError("the smoke run must ask for a loss that falls")
        return self

    def of(self, when: str) -> list[Table]:
        """The tables of a whole run, or of the smoke run."""
        return [table for table in self.tables if table.when == when]

    @property
    def whole(self) -> bool:
        """Whether everything that all tables need is at hand."""
        return not any(table.missing() for table in self.tables)

    def load(self) -> Measure:
        """The function that measures; imports what it needs."""
        module, _, attribute = self.measure.partition(":")
        return getattr(importlib.import_module(module), attribute)
