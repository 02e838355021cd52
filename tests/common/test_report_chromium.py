"""The page in a real browser: the slider by keys and by dragging, and no request to anywhere."""

from pathlib import Path

import numpy as np
import pytest
from chromium import chromium, find_chromium

from undrift.common.report import Report, Row, write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine"),
]


def test_slider_moves_by_keys_and_mouse_and_nothing_is_requested(tmp_path: Path) -> None:
    flat = np.ones((3, 200, 300))
    row = Row("a.png", 0.2 * flat, 0.8 * flat, std=0.1 * flat, reference=0.5 * flat)
    page = tmp_path / "page.html"
    write_report(page, Report("Page", {"seed": 0}, [row], labels=("old", "new")))
    with chromium(tmp_path / "profile") as browser:
        browser.open(page)
        place = "getComputedStyle(document.querySelector('.split')).getPropertyValue('--at').trim()"
        browser.run("document.querySelector('input[type=range]').focus()")
        assert browser.run("document.activeElement.type") == "range"
        browser.key("ArrowRight")
        browser.key("ArrowRight")
        assert browser.run(place) == "52%"
        browser.key("Home")
        assert browser.run(place) == "0%"
        browser.run("document.querySelector('.split').scrollIntoView()")
        box = browser.run(
            "(({left, top, width, height}) => [left, top, width, height])"
            "(document.querySelector('.split').getBoundingClientRect())"
        )
        left, top, width, height = box
        browser.drag(left + 0.25 * width, left + 0.75 * width, top + height / 2)
        assert browser.run("+document.querySelector('input').value") == pytest.approx(75, abs=1)
        clip = "getComputedStyle(document.querySelector('img.before')).clipPath"
        assert "25" in browser.run(clip)  # a quarter on the right is not shown
        assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth)")
        assert all(address.startswith(("file:", "data:")) for address in browser.asked)
        assert browser.said == []
