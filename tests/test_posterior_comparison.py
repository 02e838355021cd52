"""The page that compares posterior samplers shows what was measured, and its tables count right."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pages import DOCS


def script(name: str) -> ModuleType:
    place = DOCS / f"{name}.py"
    if not place.is_file():
        pytest.skip("docs/ is not beside tests/")
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return script("posterior_comparison_table")


def run(method: str, calls: int, photo: str, psnr: float, chi: float = 1.0) -> dict[str, Any]:
    return {
        "record": "run", "method": method, "calls": calls, "operator": "blur", "photo": photo,
        "psnr": psnr, "ssim": 0.5, "haarpsi": 0.25, "chi": chi, "seconds": 0.5,
    }  # fmt: skip


def test_the_page_shows_what_was_measured(tables: ModuleType) -> None:
    text = tables.PAGE.read_text(encoding="utf-8")
    assert tables.filled(text, tables.read()) == text, (
        "run python docs/posterior_comparison.py --page"
    )


def test_the_settings_are_those_of_the_sweeps(tables: ModuleType) -> None:
    settings = script("posterior_comparison_settings")
    sweeps = tables.read(DOCS / "results" / "posterior-comparison-tuning.jsonl")
    assert tables.best_places(sweeps) == settings.CHOSEN
    tried = {(r["method"], r["place"]) for r in sweeps}
    grids = {name: range(len(method.grid)) for name, method in settings.METHODS.items()}
    assert tried == {(name, place) for name, places in grids.items() for place in places}


def test_differences_are_paired_and_the_rival_is_the_best_one(tables: ModuleType) -> None:
    records = [
        *(run("undrift, default", 20, p, v) for p, v in zip("ab", (30.0, 20.0), strict=True)),
        *(run("deepinv, DPS", 100, p, v, 9.0) for p, v in zip("ba", (19.0, 29.0), strict=True)),
        *(run("deepinv, DDRM", 100, p, v) for p, v in zip("ab", (10.0, 11.0), strict=True)),
        *(run("deepinv, DDRM", 20, p, v) for p, v in zip("ab", (40.0, 40.0), strict=True)),
    ]
    lines = tables.verdict(records).splitlines()
    assert lines[2] == (
        "| blur | psnr | 25.00 | 24.00 (DPS) | +1.00 [+1.00, +1.00] | 1.00 | 9.00 |"
    )
    table = tables.scores(records)
    assert "| **undrift, default** | 20 | 25.00 ± 7.07 | 0.500 ± 0.000 |" in table
    assert table.index("DDRM | 20") < table.index("DDRM | 100")
    lost = [*records, {k: v for k, v in run("deepinv, DPS", 10, "a", 0).items() if k != "psnr"}]
    assert "| deepinv, DPS | 10 | 1 of 1 failed |" in tables.scores(lost)


def test_the_interval_is_that_of_the_mean(tables: ModuleType) -> None:
    gaps = np.random.default_rng(3).normal(2.0, 1.0, 400)
    low, high = tables.bootstrap(gaps)
    middle, half = gaps.mean(), 1.96 * gaps.std() / 20  # the normal interval
    assert abs(low - (middle - half)) < 0.02 and abs(high - (middle + half)) < 0.02


def test_the_best_place_is_chosen_by_mean_psnr(tables: ModuleType) -> None:
    records = [
        {"record": "tuning", "method": "m", "calls": 20, "operator": "blur", "photo": photo,
         "place": place, "psnr": psnr}
        for place, pair in enumerate([(20.0, 20.0), (30.0, 12.0), (19.0, 25.0)])
        for photo, psnr in zip("ab", pair, strict=True)
    ]  # fmt: skip
    records.append({**records[0], "place": 3, "psnr": float("nan")})
    assert tables.best_places(records) == {("m", 20): {"blur": 2}}
