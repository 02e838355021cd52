"""Configurations are strict, and tell all that is wrong with them."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from undrift.common.config import Strict, load, override, read_yaml, write_yaml
from undrift.common.errors import InputError


class Solver(Strict):
    name: Literal["heun", "ancestral"] = "heun"
    steps: int = Field(default=10, ge=1)


class Cats(Strict):
    kind: Literal["cats"]
    claws: int = 1


class Dogs(Strict):
    kind: Literal["dogs"]
    bark: float = 1.0


class Recipe(Strict):
    rate: float
    solver: Solver = Solver()
    parts: list[Solver] = Field(default_factory=list)
    named: dict[str, Solver] = Field(default_factory=dict)
    pet: Annotated[Cats | Dogs, Field(discriminator="kind")] | None = None


def test_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("rate: 1e-4\nsolver: {name: ancestral}\npet: {kind: dogs}\n")
    recipe = load(Recipe, path)
    assert recipe == Recipe(rate=1e-4, solver=Solver(name="ancestral"), pet=Dogs(kind="dogs"))
    with pytest.raises(ValidationError, match="frozen"):
        recipe.rate = 2  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "rate: missing"),
        ({"rate": 1, "solvr": 1}, "solvr: unknown key; did you mean 'solver'?"),
        ({"rate": 1, "solver": {"stepz": 1}}, "solver.stepz: unknown key; did you mean 'steps'?"),
        ({"rate": 1, "parts": [{}, {"nam": 1}]}, "parts.1.nam: unknown key; did you mean 'name'?"),
        ({"rate": 1, "named": {"a": {"nme": 1}}}, "did you mean 'name'?"),
        ({"rate": 1, "solver": {"name": "huen"}}, "did you mean 'heun'?"),
        ({"rate": 1, "solver": {"steps": 0}}, "solver.steps: Input should be greater than or"),
        ({"rate": "fast"}, "rate: Input should be a valid number"),
        ({"rate": "fast"}, "got 'fast'"),
        ({"rate": 1, "pet": {"kind": "dog"}}, "did you mean 'dogs'?"),
        ({"rate": 1, "pet": {"kind": "dogs", "brk": 2}}, "did you mean 'bark'?"),
        ({"rate": 1, "qqq": 1}, "known: named, parts, pet, rate, solver"),
    ],
)
def test_each_problem_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as error:
        load(Recipe, given, source="mine.yaml")
    assert str(error.value).startswith("mine.yaml: ")
    assert said in str(error.value)


def test_all_problems_at_once() -> None:
    with pytest.raises(InputError) as error:
        load(Recipe, {"solver": {"steps": 0, "x": 1}, "y": 2})
    lines = str(error.value).splitlines()
    assert lines[0] == "4 problems"
    assert {line.split(":")[0].strip() for line in lines[1:]} == {
        "rate",
        "solver.steps",
        "solver.x",
        "y",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "not valid YAML"),
        ("- 1", "expected keys and values, got a list"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "'c' twice"),
        ("a: !!python/object:os.system {}", "not valid YAML"),
    ],
)
def test_bad_yaml(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_yaml(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(Recipe, tmp_path / "gone.yaml")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "empty.yaml") == {}


def test_overrides_do_not_change_what_was_given() -> None:
    given = {"solver": {"steps": 10}}
    assert override(given, ["solver.steps=20", "rate=1e-3", "a.b=[1, x]"]) == {
        "solver": {"steps": 20},
        "rate": "1e-3",
        "a": {"b": [1, "x"]},
    }
    assert given == {"solver": {"steps": 10}}
    for bad, said in (("steps", "KEY=VALUE"), ("solver.steps.x=1", "steps is a value")):
        with pytest.raises(InputError, match=said):
            override(given, [bad])


def test_yaml_round_trip(tmp_path: Path) -> None:
    value = {"b": 1, "a": {"text": "ü", "list": [1, 2.5, None]}}
    path = tmp_path / "a.yaml"
    path.write_text(write_yaml(value), encoding="utf-8")
    assert read_yaml(path) == value
    assert list(read_yaml(path)) == ["b", "a"]
