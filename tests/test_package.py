"""The package has one import name, and each part is loaded only when asked for."""

import ast
import doctest
import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import undrift

PARTS = ("common", "medical", "restoration", "scientific", "speech")
HEAVY = ("torch", "numpy", "scipy", "click", "pydantic", "yaml", "PIL", "diffusers", "monai")


def modules() -> Iterator[str]:
    for part in PARTS:
        package = importlib.import_module(f"undrift.{part}")
        yield package.__name__
        for module in pkgutil.walk_packages(package.__path__, f"undrift.{part}."):
            yield module.name


def loaded(code: str, environment: dict[str, str]) -> set[str]:
    """Names of the modules a fresh interpreter has after `code`."""
    code += "; import json, sys; print(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(json.loads(out.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", sorted(undrift.LAZY))
def test_lazy_names_are_the_real_objects(name: str) -> None:
    home = importlib.import_module(undrift.LAZY[name])
    assert getattr(undrift, name) is getattr(home, name)
    assert name in dir(undrift)


def test_the_front_door_lists_all_and_only_what_it_has() -> None:
    assert set(undrift.__all__) == {*undrift.LAZY, *PARTS}
    for part in PARTS:
        assert getattr(undrift, part) is importlib.import_module(f"undrift.{part}")
    with pytest.raises(AttributeError, match="no attribute 'denoize'"):
        _ = undrift.denoize  # pyright: ignore[reportAttributeAccessIssue]


def test_importing_undrift_loads_nothing_heavy(environment: dict[str, str]) -> None:
    names = loaded("import undrift", environment)
    assert "undrift" in names
    assert not names & {*HEAVY, "undrift.common"}


def test_every_example_in_a_docstring_holds() -> None:
    tried = 0
    for name in modules():
        result = doctest.testmod(importlib.import_module(name))
        assert result.failed == 0, name
        tried += result.attempted
    assert tried > 5


def sources() -> list[Path]:
    roots = [Path(next(iter(importlib.import_module(f"undrift.{p}").__path__))) for p in PARTS]
    own = Path(undrift.__file__).parent
    return [own / "__init__.py", own / "cli.py", *(p for r in roots for p in r.rglob("*.py"))]


def test_house_rules_that_a_machine_can_check() -> None:
    broken = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        if text.count("\n") > 300:
            broken.append(f"{path}: over 300 lines")
        if text.strip() and not ast.get_docstring(tree):
            broken.append(f"{path}: no docstring at the top")
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                broken.append(f"{path}:{node.lineno}: assert")
            if isinstance(node, ast.ImportFrom) and node.level:
                broken.append(f"{path}:{node.lineno}: relative import")
    assert len(sources()) > 20
    assert not broken, "\n".join(broken)
