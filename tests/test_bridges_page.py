"""The page on bridges and regression shows what was measured, and its differences are paired."""

from types import ModuleType
from typing import Any

import pytest
from pages import page_script


@pytest.fixture(scope="module")
def page() -> ModuleType:
    return page_script("bridges_and_regression_page")


def test_the_page_shows_what_was_measured(page: ModuleType) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    kinds = {(found[1], found[2]) for found in page.BLOCK.findall(text)}
    assert kinds == {(task, table) for task in ("jpeg10", "sr4") for table in page.TABLES}
    assert page.filled(text) == text, "run python docs/bridges_and_regression_page.py"


def test_differences_are_paired_and_counted_in_the_direction_of_the_score(page: ModuleType) -> None:
    def line(entrant: str, item: str, psnr: float, crps: float) -> dict[str, Any]:
        keys = [key for key, *_ in page.COLUMNS if key not in ("spread", "error", "chi")]
        values = {key: psnr for key in keys} | {"crps": crps}
        head = {"part": "test", "entrant": entrant, "calls": 1, "way": "1 call", "item": item}
        return {**head, **values}

    lines = [line("bridge", "a", 31.0, 5.0), line("bridge", "b", 30.0, 6.0),
             line("regression", "b", 31.0, 8.0), line("regression", "a", 29.0, 4.0)]  # fmt: skip
    cells = page.differences(lines).splitlines()[2].split(" | ")
    assert cells[0] == "| bridge" and cells[2] == "+0.50 [-1.00, +2.00], 1"
    assert cells[-1] == "-0.50 [-2.00, +1.00], 1 |"
    assert page.scores(lines).splitlines()[2].startswith("| regression | 1 call | 2 | 30.00 ± 1.41")
