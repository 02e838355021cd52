"""The page about enhanced files: spectrograms of known sounds, facts, and a real browser."""

import base64
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from chromium import chromium, find_chromium
from PIL import Image

from undrift.cli import main
from undrift.speech.audio import Audio
from undrift.speech.metrics.blind import estimate_snr
from undrift.speech.overview import overview
from undrift.speech.report import averaged
from undrift.speech.tasks import enhance
from undrift.speech.triptych import DEPTH, SPAN, panels, triptych

RATE = 16000


def tone(hertz: float, seconds: float, amplitude: float = 0.5) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * math.pi * hertz * t)).astype(np.float32)[None]


def test_a_tone_stands_in_its_bin_and_its_time() -> None:
    sound = np.concatenate([np.zeros((1, RATE), np.float32), tone(1000, 1)], axis=1)
    seen = overview(Audio(sound, RATE), columns=50)
    assert seen.powers.shape == (257, 50)
    assert (seen.seconds, seen.highest, seen.step) == (2, 8000, 31.25)
    assert (seen.powers[:, :24] == 0).all()
    assert (seen.powers[:, 26:49].argmax(axis=0) == 1000 / 31.25).all()
    level = seen.decibels()
    assert level.max() == 0
    assert level.min() == -DEPTH


@pytest.mark.parametrize("samples", [1, 100, 511, 512, 513, 5000])
def test_every_length_has_columns_of_its_own(samples: int) -> None:
    seen = overview(Audio(np.ones((2, samples), np.float32), RATE))
    assert seen.powers.shape[1] == math.ceil(samples / 256)
    assert np.isfinite(seen.powers).all()


def test_blocks_of_a_file_are_seen_as_the_whole(tmp_path: Path) -> None:
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 300_000)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound.T, 48000, subtype="FLOAT")  # two blocks of reading
    here, there = overview(Audio(sound, 48000)), overview(tmp_path / "a.wav")
    np.testing.assert_allclose(here.powers, there.powers, rtol=1e-9)
    # and its own noise is what the estimate of whole arrays finds
    mono = overview(Audio(sound[:1], 48000)).snr
    assert mono == pytest.approx(estimate_snr(sound[0], 48000), abs=0.1)


def test_the_difference_of_a_gain_is_one_colour() -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1, RATE)).astype(np.float32)
    before, after = overview(Audio(noise, RATE)), overview(Audio(noise / np.float32(2), RATE))
    shown = panels(before, after)
    assert [panel.title for panel in shown] == ["before", "after", "after - before"]
    share = 20 * math.log10(2) / SPAN  # of the way from white to blue
    expected = [245 + share * (end - 245) for end in (33, 94, 168)]
    np.testing.assert_allclose(shown[2].pixels.reshape(-1, 3), [expected] * 257 * 63, atol=1)
    page = triptych(shown, before.seconds, before.highest)
    assert page.dtype == np.uint8
    assert page.shape[0] == 3


def test_another_rate_is_shown_up_to_the_lower_half_rate() -> None:
    before = overview(Audio(tone(1000, 1), RATE))
    after = overview(Audio(tone(1000, 1)[:, ::2].copy(), RATE // 2))
    assert {panel.pixels.shape for panel in panels(before, after)} == {(129, 63, 3)}


@pytest.mark.parametrize("rate", [RATE // 2, RATE, 3 * RATE])
def test_deviations_of_samples_are_a_fourth_panel_at_their_frequencies(rate: int) -> None:
    seen = overview(Audio(tone(1000, 1), rate))
    spread = np.zeros((256, 10))  # of a model that hears up to 8 kHz
    spread[3, 5] = 0.25
    last = panels(seen, seen, spread, heard=8000)[3]
    assert last.ends == ("0", ">= 0.25")
    rows = 256 * rate // RATE
    assert [int(i[0]) for i in np.nonzero(last.pixels.sum(-1) > 100)] == [rows - 1 - 3, 5]


def test_deviations_are_averaged_into_columns() -> None:
    spread = np.arange(24, dtype=np.float32).reshape(2, 2, 6)
    assert averaged(spread, 3).tolist() == [[6.5, 8.5, 10.5], [12.5, 14.5, 16.5]]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).standard_normal((1, 2 * RATE)) * 0.01
    for name in ("talk.wav", "<b>.flac"):
        (tmp_path / "in").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "in" / name, (tone(440, 2) + noise).T, RATE)
    words = ["-o", str(tmp_path / "out"), "--report", str(tmp_path / "page.html")]
    code = main(["speech", "enhance", str(tmp_path / "in"), "--method", "wiener", *words])
    assert code == 0
    return tmp_path / "page.html"


def test_the_page_says_what_every_file_is(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for word in ("talk.wav", "&lt;b&gt;.flac", "snr before", "loudness after", "rtf", "16000"):
        assert word in text, word
    assert "<b>.flac" not in text
    pictures = re.findall(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)", text)
    assert len(pictures) == 2 * 3  # before and after under a slider, and the triptych
    sizes = [Image.open(io.BytesIO(base64.b64decode(p))).size for p in pictures]
    assert max(width for width, _ in sizes) > 1000


def test_a_result_plots_itself() -> None:
    pytest.importorskip("matplotlib").use("agg")
    figure = enhance(tone(440, 0.5)[0], rate=RATE, method="wiener").plot()
    assert [axis.get_title()[:6] for axis in figure.axes] == ["before", "after ", "after "]


@pytest.mark.slow
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium")
def test_the_page_in_a_browser(page: Path, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as browser:
        browser.open(page)
        assert [a for a in browser.asked if not a.startswith("data:")] == [page.as_uri()]
        assert browser.said == []
        shown = browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert shown
        wide = browser.run("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0  # nothing sticks out
        slider = "document.querySelector('input[type=range]')"
        browser.run(f"{slider}.focus()")
        browser.key("ArrowRight")
        assert browser.run(f"{slider}.value") == "51"
