"""The page of the hard tasks shows what was measured, and its tables count right."""

from types import ModuleType

import pytest
from pages import page_script


@pytest.fixture(scope="module")
def page() -> ModuleType:
    return page_script("hard_tasks_page")


def test_the_page_shows_what_was_measured(page: ModuleType) -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert {found[1] for found in page.BLOCK.findall(text)} == set(page.TABLES)
    assert page.filled(text, page.read()) == text, "run python docs/hard_tasks.py --page"


def test_differences_are_paired_and_losses_named(page: ModuleType) -> None:
    runs = [
        {"record": "run", "task": "t", "photo": photo, "psnr": psnr, "plain_psnr": plain,
         "ssim": 0.5, "plain_ssim": 0.25, "chi": 1.0, "seconds": 2.0, "found": psnr > 25,
         "correlation": 0.5}
        for photo, psnr, plain in (("a", 30.0, 20.0), ("b", 20.0, 22.0))
    ]  # fmt: skip
    row = page.scores(runs).splitlines()[2]
    assert row == (
        "| t | 2 | 21.00 ± 1.41 | 0.250 ± 0.000 | 25.00 ± 7.07 | 0.500 ± 0.000 | +4.00 ± 8.49 | "
        "1: b | 1.00 ± 0.00 | 2.0 |"
    )
    assert page.phase(runs).splitlines()[2] == "| t | 1 of 2 | 30.00 ± 0.00 | b 0.500 |"
    assert "| b | 22.0 → 20.0 |" in page.photographs(runs)
    text = "<!-- hard-tasks:scores -->\n\nold\n<!-- end -->"
    assert row in page.filled(text, runs) and page.MISSING in page.filled(text, [])
