"""`undrift reproduce`: descriptions, runs, exit codes and results on a toy paper."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import undrift_paper
from pydantic import ValidationError

from undrift.cli import main
from undrift.common.cite import METHODS
from undrift.common.errors import InputError
from undrift.common.reproduce.outcome import compare
from undrift.common.reproduce.paper import Figure, Measured, Need, Table
from undrift.common.reproduce.papers import PAPERS, find_paper

GOOD = {
    "published/ours/1 call": 2.05,
    "published/ours/5 calls": 0.5,
    "smoke/training/steps": 240,
    "smoke/training/loss falls by": 3.5,
}


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    """The toy paper under the id "toys", its good numbers, and an empty cache."""
    monkeypatch.setitem(PAPERS, "toys", "undrift_paper:PAPER")
    monkeypatch.setattr(undrift_paper, "NUMBERS", dict(GOOD))
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return undrift_paper.NUMBERS


@pytest.mark.parametrize("name", PAPERS)
def test_shipped_papers_are_described_whole(name: str) -> None:
    paper = find_paper(name)
    assert paper.id == name
    assert paper.citation in METHODS
    assert callable(paper.load())
    assert all(table.source for table in paper.tables)


def test_list_shows_the_extent_and_loads_nothing_heavy(
    toys: dict[str, float], capsys: pytest.CaptureFixture[str], environment: dict[str, str]
) -> None:
    assert main(["reproduce", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in rows] == list(PAPERS)
    toy = rows[-1]
    assert toy == {"id": "toys", "domain": "common", "extent": "partial", "title": "A Toy Paper"}
    assert main(["reproduce", "list"]) == 0
    assert "A Toy Paper" in capsys.readouterr().out.splitlines()[-1]
    code = (
        "import sys; from undrift.cli import main; main(['reproduce', 'list'])\n"
        "import json; print(json.dumps(sorted(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert not {"torch", "scipy", "numpy", "diffusers"} & {*json.loads(out.stdout.splitlines()[-1])}


def test_show_tells_numbers_protocol_and_what_is_missing(
    toys: dict[str, float], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["reproduce", "show", "toys"]) == 0
    told = capsys.readouterr().out
    for part in ("2 ± 0.1", "at most 1", "look at them", "the toy weights: ask the toy maker"):
        assert part in told
    assert "partial" in told
    (tmp_path / "cache/papers").mkdir(parents=True)
    (tmp_path / "cache/papers/toy.safetensors").touch()
    assert main(["reproduce", "show", "toys"]) == 0
    told = capsys.readouterr().out
    assert "whole" in told
    assert "nothing is missing" in told
    assert main(["reproduce", "show", "toys", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["citation"] == "ddim"


def test_run_puts_measured_beside_published_and_keeps_both_files(
    toys: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "run", "toys", "-o", "out", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["ok"]
    assert {*Path("out").iterdir()} == {Path("out/toys.json"), Path("out/toys.md")}
    assert json.loads(Path("out/toys.json").read_text()) == result
    first = result["tables"][0]["figures"][0]
    assert first == {
        "row": "ours", "column": "1 call", "measured": 2.05, "half": 0.01,
        "asked": "2 ± 0.1", "ok": True,
    }  # fmt: skip
    assert result["tables"][1]["missing"] == ["papers/toy.safetensors"]
    page = Path("out/toys.md").read_text()
    assert "2.05 ± 0.01 (2 ± 0.1)" in page
    assert "ask the toy maker" in page
    assert "outside" not in page


def test_check_fails_outside_the_tolerance_and_still_writes(
    toys: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    toys["published/ours/1 call"] = 2.2
    assert main(["reproduce", "run", "toys", "-q"]) == 0
    assert "**outside**" in capsys.readouterr().out
    assert main(["reproduce", "run", "toys", "-q", "--check"]) == 4
    told = capsys.readouterr()
    assert "published: ours, 1 call" in told.err
    assert "**outside**" in told.out
    assert not json.loads(Path("reproduced/toys/toys.json").read_text())["ok"]
    toys["published/ours/1 call"] = float("nan")
    assert main(["reproduce", "run", "toys", "-q", "--check", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["tables"][0]["figures"][0]["measured"] == "nan"


def test_a_figure_that_was_not_measured_fails_the_check(
    toys: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    del toys["published/ours/5 calls"]
    assert main(["reproduce", "run", "toys", "--check"]) == 4
    assert "published: ours, 5 calls" in capsys.readouterr().err


def test_smoke_is_always_checked(toys: dict[str, float]) -> None:
    assert main(["reproduce", "run", "toys", "--smoke"]) == 0
    assert Path("reproduced/toys/toys-smoke.json").is_file()
    toys["smoke/training/loss falls by"] = 1.2
    assert main(["reproduce", "run", "toys", "--smoke"]) == 4


def test_a_run_that_breaks_leaves_earlier_results(
    toys: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "run", "toys"]) == 0
    before = Path("reproduced/toys/toys.json").read_bytes()
    toys["bug/a/b"] = 1
    assert main(["reproduce", "run", "toys"]) == 1
    assert Path("reproduced/toys/toys.json").read_bytes() == before
    del toys["bug/a/b"]
    toys["nowhere/a/b"] = 1
    assert main(["reproduce", "run", "toys"]) == 3
    assert "nowhere" in capsys.readouterr().err
    assert len([*Path("reproduced/toys").iterdir()]) == 2


def test_nothing_at_hand_says_how_to_get_it(
    toys: dict[str, float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = [table.model_dump() for table in undrift_paper.PAPER.tables]
    tables[0]["needs"] = [undrift_paper.WEIGHTS.model_dump()]
    monkeypatch.setattr(undrift_paper, "PAPER", undrift_paper.describe(tables=tables))
    assert main(["reproduce", "run", "toys"]) == 5
    assert "ask the toy maker" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["show", "run"])
def test_an_unknown_paper_names_the_nearest(
    verb: str, toys: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", verb, "toyz"]) == 2
    assert "did you mean 'toys'?" in capsys.readouterr().err


def test_an_absent_device_is_a_usage_error(toys: dict[str, float]) -> None:
    assert main(["reproduce", "run", "toys", "--device", "cuda:99"]) == 2
    assert not Path("reproduced").exists()


@pytest.mark.parametrize(
    ("figure", "found", "met"),
    [
        (Figure(row="", column="", value=1, tolerance=0.1), 1.1, True),
        (Figure(row="", column="", value=1, tolerance=0.1), 0.89, False),
        (Figure(row="", column="", value=1, kind="at most"), -5, True),
        (Figure(row="", column="", value=1, tolerance=0.1, kind="at most"), 1.2, False),
        (Figure(row="", column="", value=1, kind="at least"), 1.0, True),
        (Figure(row="", column="", value=1, tolerance=0.1, kind="at least"), 0.8, False),
        (Figure(row="", column="", value=1, kind="at most"), float("nan"), False),
        (Figure(row="", column="", value=1, kind="at least"), float("nan"), False),
    ],
)
def test_tolerances(figure: Figure, found: float, met: bool) -> None:
    assert figure.met(found) == met


def test_needs() -> None:
    def need(kind: str, name: str) -> Need:
        return Need.model_validate({"kind": kind, "name": name, "what": "x", "how": "y"})

    assert need("package", "json").at_hand()
    assert not need("package", "no_such_package").at_hand()
    assert not need("code", "json").at_hand()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"domain": "poetry"}, "domain"),
        ({"colour": "red"}, "colour"),
        ({"tables": []}, "tables"),
    ],
)
def test_descriptions_are_strict(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        undrift_paper.describe(**changes)


@pytest.mark.parametrize(
    ("place", "value", "said"), [(0, 100, "200 steps"), (1, 1.0, "loss that falls")]
)
def test_a_smoke_run_must_train_and_learn(place: int, value: float, said: str) -> None:
    tables = [table.model_dump() for table in undrift_paper.PAPER.tables]
    tables[2]["figures"][place]["value"] = value
    with pytest.raises(ValidationError, match=said):
        undrift_paper.describe(tables=tables)
    del tables[2]["figures"][place]
    with pytest.raises(ValidationError, match=said):
        undrift_paper.describe(tables=tables)
    with pytest.raises(ValidationError, match="no smoke table"):
        undrift_paper.describe(tables=tables[:2])


def test_figures_and_tables_stand_once() -> None:
    twice = [Figure(row="a", column="b", value=1)] * 2
    with pytest.raises(ValidationError, match="twice"):
        Table(name="t", title="t", source="s", figures=twice)
    tables = undrift_paper.PAPER.tables
    with pytest.raises(ValidationError, match="same name"):
        undrift_paper.describe(tables=[*tables, tables[0]])
    number = Measured("published", "ours", "1 call", 2.0)
    with pytest.raises(InputError, match="unexpected"):
        compare(undrift_paper.PAPER, False, [number, number], {})
