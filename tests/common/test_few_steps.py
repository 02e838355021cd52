"""The table of few steps runs, and says what it is known to say."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "docs" / "few_steps.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if not SCRIPT.is_file():
        pytest.skip("docs/ is not beside tests/")
    kept = list(sys.path)
    spec = importlib.util.spec_from_file_location("few_steps", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["few_steps"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    sys.path[:] = kept
    return module


def test_the_distance_is_a_distance(script: ModuleType) -> None:
    points = torch.randn(50, 3, dtype=torch.float64)
    assert script.distance(points, points.flip(0)) < 1e-15
    shift = torch.tensor([0.3, 0.0, 0.0], dtype=torch.float64)
    # The mean of |<direction, shift>| over the sphere is half the length of the shift.
    assert script.distance(points, points + shift) == pytest.approx(0.15, rel=0.2)


def test_every_method_improves_with_calls(script: ModuleType) -> None:
    for method in script.methods():
        few, many = (4, 15) if "own 4" in method.name else (2, 12)
        start, end = (script.measure(method.run, n, 300, 1)[0] for n in (few, many))
        assert end < start, method


def test_the_angle_serves_every_process_alike(script: ModuleType) -> None:
    """DDIM with auto at 5 calls: about .046 for all of them, far below uniform t."""
    found = {m.process: script.measure(m.run, 5, 1000, 2)[0] for m in script.methods()
             if m.name == "**ours: DDIM, auto**"}  # fmt: skip
    assert max(found.values()) < 1.25 * min(found.values()) < 0.08
    uniform = [m for m in script.methods() if m.name == "DDIM, uniform t"]
    for method in uniform:
        assert script.measure(method.run, 5, 1000, 2)[0] > 1.5 * found[method.process]


def test_the_table_is_one_of_markdown(script: ModuleType) -> None:
    lines = list(script.table((2,), 60, 2))
    assert len({line.count("|") for line in lines}) == 1
    assert len(lines) == 3 + len(list(script.methods()))
