"""The machine of benchmarks on cases whose scores are known: it goes on, records, tells."""

import json
from pathlib import Path
from typing import ClassVar

import click
import pytest
from click.testing import CliRunner

from undrift.common.benchmark.command import carry_out
from undrift.common.benchmark.loop import run, scored
from undrift.common.benchmark.options import choosing_options, keeping_options, showing_options
from undrift.common.benchmark.plan import Line, Plan, check_any, check_words, left_out
from undrift.common.benchmark.sheet import Sheet, by_item
from undrift.common.errors import InputError, MissingExtraError, PartialFailure, UsageError


class Numbers(Sheet):
    columns: ClassVar = {"off": 3, "far": 1}
    brief = "off"

    def heading(self, asked: Plan) -> list[str]:
        return [f"numbers, {asked.split}"]


def score(method: str, case: int):
    def restore() -> float:
        if method == "broken" and case > 0:
            raise InputError("cannot")
        return case + {"exact": 0.0, "above": 0.25, "broken": 1.0}[method]

    return scored(f"n{case}", "row", method, restore, lambda made: {"off": made - case})


def asked(*methods: str, count: int = 2, identity: str = "a") -> Plan:
    """A row whose case n is the number n."""
    line = Line("row", count, dict.fromkeys(methods, identity), lambda n: n)
    return Plan(split="test", seed=0, rows=[line], score=score, about={"domain": "numbers"},
                missing={"far one": "not here"}, noted=lambda case: {"unit": "m"})  # fmt: skip


def test_scores_are_kept_under_what_they_depend_on(tmp_path: Path) -> None:
    new: list[str] = []

    def measure(plan: Plan, fresh: bool = False) -> list[str]:
        new.clear()
        list(run(plan, save=tmp_path, fresh=fresh, watch=lambda e: new.append(e.item + e.method)))
        return new

    assert measure(asked("exact", count=1)) == ["n0exact"]
    assert measure(asked("exact", "above")) == ["n0above", "n1exact", "n1above"]
    assert measure(asked("exact", "above")) == []
    assert measure(asked("exact", identity="b")) == ["n0exact", "n1exact"]
    assert measure(asked("exact"), fresh=True) == ["n0exact", "n1exact"]
    lines = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert len(lines) == 8 and {line["unit"] for line in lines} == {"m"}
    assert lines[1]["scores"] == {"off": 0.25}


def test_what_failed_is_measured_again_and_apart_from_means(tmp_path: Path) -> None:
    plan = asked("exact", "broken")
    first = list(run(plan, save=tmp_path))
    assert [e.error for e in first] == [None, None, None, "cannot"]
    seen = []
    list(run(plan, save=tmp_path, watch=seen.append))
    assert [e.error for e in seen] == ["cannot"]
    assert Numbers().summaries(first, "row", "broken")["off"].n == 1
    assert by_item(first, "row", "off") == {"exact": {"n0": 0, "n1": 0}, "broken": {"n0": 1}}


def test_a_case_is_made_once_and_only_where_something_is_new(tmp_path: Path) -> None:
    made: list[int] = []
    line = Line("row", 2, {"exact": 1, "above": 1}, lambda n: made.append(n) or n)
    plan = Plan(split="test", seed=0, rows=[line], score=score, about={}, missing={})
    list(run(plan, save=tmp_path))
    list(run(plan, save=tmp_path))
    assert made == [0, 1]


def test_a_missing_package_stops_the_run() -> None:
    def restore() -> float:
        raise MissingExtraError("none")

    with pytest.raises(MissingExtraError):
        scored("n", "row", "m", restore, lambda made: {})


def test_the_table_has_mean_spread_and_number() -> None:
    plan = asked("exact", "above")
    lines = Numbers().as_text(plan, list(run(plan))).splitlines()
    assert lines[:3] == ["numbers, test", "", "row"]
    cells = [line.split("  ") for line in lines[3:6]]
    assert [[c.strip() for c in row if c][:4] for row in cells] == [
        ["method", "off", "far", "n"],
        ["exact", "0.000 ± 0.000", "-", "2"],
        ["above", "0.250 ± 0.000", "-", "2"],
    ]
    assert lines[6:] == ["left out far one: not here"]


@click.command()
@choosing_options(split="Split.", rows="Rows.", count="Items.", most=3)
@keeping_options
@showing_options()
def command(split: str, rows: tuple[str, ...], methods: tuple[str, ...], count: int, **told):
    assert split == "test" and not rows
    carry_out(asked(*methods, count=count), Numbers(), **told)


def test_the_command_prints_records_notes_and_ends_with_what_failed(tmp_path: Path) -> None:
    given = ["--method", "exact,broken", "--count", "2", "--save", str(tmp_path)]
    result = CliRunner().invoke(command, [*given, "--json"])
    assert isinstance(result.exception, PartialFailure)
    assert "1 of 4 scores failed, the first: row n1 broken: cannot" in str(result.exception)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [r["record"] for r in records] == ["table", "method", "method", "item"]
    assert records[0]["settings"] == {"domain": "numbers"} and records[2]["off"]["n"] == 1
    assert "undrift: left out far one: not here" in result.stderr
    assert "row  n0  exact  off 0.000, 0.0 s" in result.stderr
    quiet = CliRunner().invoke(command, [*given, "-q"])
    assert quiet.stderr == "undrift: row  n1  broken  cannot\n"
    assert CliRunner().invoke(command, ["--count", "4"]).exit_code == 2


def test_unknown_words_are_told_with_those_there_are() -> None:
    check_words("test", ("test",), ("nlm",), ("nlm", "tv"))
    with pytest.raises(UsageError, match="no split 'train' \\(there are: test\\)"):
        check_words("train", ("test",), None, ())
    with pytest.raises(UsageError, match="no method 'nml'; did you mean 'nlm'"):
        check_words("test", ("test",), ("nml",), ("nlm", "tv"))


def test_what_is_not_here_is_left_out_with_its_reason() -> None:
    missing: dict[str, str] = {}
    for name, error in (("a", InputError("no file")), ("b", None)):
        with left_out(missing, name):
            if error:
                raise error
    assert missing == {"a": "no file"}
    with pytest.raises(UsageError, match="no method can run here: no file"):
        check_any([], missing)
    with pytest.raises(ValueError), left_out(missing, "c"):
        raise ValueError
