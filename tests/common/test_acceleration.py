"""The script of the page on acceleration runs, and the page shows what it measures."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    if not (DOCS / "acceleration.py").is_file():
        pytest.skip("docs/ is not beside tests/")
    kept = list(sys.path)
    spec = importlib.util.spec_from_file_location("acceleration", DOCS / "acceleration.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["acceleration"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    sys.path[:] = kept
    return module


@pytest.fixture
def small(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Drawn pictures, one of them grey, in place of photographs."""
    made = sys.modules["acceleration_problems"]
    rng = np.random.default_rng(0)
    ramp = np.linspace(0.2, 0.8, 32, dtype=np.float32)
    colour = (ramp[:, None] * ramp + 0.02 * rng.standard_normal((3, 32, 32))).astype(np.float32)
    drawn = [("one", colour), ("two", colour[:1]), ("three", colour[::-1].copy())]
    monkeypatch.setattr(made, "load_photos", lambda card: drawn)
    return script


@pytest.mark.parametrize("kind", ["FINAL", pytest.param("CHOICE", marks=pytest.mark.slow)])
def test_every_method_runs_and_counts_its_calls(small: ModuleType, kind: str) -> None:
    for case in getattr(small, kind):
        kept = {name: m for name, m in case.methods.items() if name != "torch.compile"}
        with torch.inference_mode():
            found = small.measured(small.Case(case.title, case.settings, kept), "drawn", 1)
        assert found.keys() == {"plain", *kept}
        plain = found["plain"]
        assert (plain[:, 1] == case.settings[2]).all()
        for name, rows in found.items():
            assert rows.shape == (3, 4) and np.isfinite(rows).all() and (rows[:, 0] > 0).all()
            if "guidance" in name and "until" not in name:
                assert (rows[:, 1] == 2 * plain[:, 1]).all()


def test_a_stream_gives_the_pictures_that_single_runs_give(small: ModuleType) -> None:
    with torch.inference_mode():
        line = small.stream_line(1)
    assert line.startswith("stream of 2 frames, 5 calls each")
    assert float(line.split("differ by ")[1].split()[0]) < 1e-5


def test_the_page_has_a_row_for_every_method(script: ModuleType) -> None:
    page = (DOCS / "acceleration.md").read_text(encoding="utf-8")
    for case in (*script.FINAL, *script.CHOICE):
        assert f"| **{case.title}** |" in page
        for name in case.methods:
            assert f"\n| {name} |" in page
