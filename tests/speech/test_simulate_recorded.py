"""Banks of recorded noises: filled rows, made of the recordings, the same for the same seed."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from undrift.common.errors import InputError
from undrift.speech.simulate.banks import Bank, joined, speech_bank
from undrift.speech.simulate.noise_recorded import Recorded, make_recorded_bank
from undrift.speech.sources import open_recorded

RATE = 16000
SAMPLES = 2 * RATE
rng = np.random.default_rng(5)


def tone(hz: float, seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


def click() -> np.ndarray:
    """A twentieth of a second of noise between half seconds of silence."""
    quiet = np.zeros(RATE // 2)
    return np.concatenate([quiet, rng.normal(0, 0.1, RATE // 20).clip(-1, 1), quiet])


def peak_hz(wave: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(np.asarray(wave, np.float64)))
    return float(np.argmax(spectrum) * RATE / len(wave))


def test_rows_have_unit_level_and_no_silent_second(tmp_path: Path) -> None:
    sounds = speech_bank([click(), tone(440, 8), tone(1000, 0.2)], RATE, ["a", "b", "c"])
    bank = make_recorded_bank(tmp_path, 30, 2.0, 3, sounds)
    rows = np.asarray(bank.rows[:], np.float64)
    assert rows.shape == (30, SAMPLES)
    np.testing.assert_allclose(np.sqrt(np.mean(rows**2, axis=1)), 1, atol=2e-3)
    second = np.lib.stride_tricks.sliding_window_view(rows**2, RATE, axis=1)[:, :: RATE // 10]
    assert second.mean(axis=2).min() > 1e-3  # 30 dB below the row's level
    used = {group for row in bank.about for group in row["groups"]}
    assert used == {"a", "b", "c"}
    assert all(1 <= len(row["groups"]) <= 3 for row in bank.about)


def test_a_row_is_the_recording_at_one_of_its_speeds() -> None:
    recorded = Recorded(speech_bank([tone(1000, 8)], RATE, ["tone"]))
    found = {round(peak_hz(recorded.row(SAMPLES, np.random.default_rng(i))[0])) for i in range(40)}
    lengths = (1, 4 / 5, 5 / 4, 7 / 8, 8 / 7)
    allowed = {round(1000 / length) for length in lengths}
    assert len(found) > 2
    assert found <= allowed


def test_a_row_is_a_function_of_seed_and_index(tmp_path: Path) -> None:
    sounds = speech_bank([click(), tone(440, 8)], RATE, ["a", "b"])
    few = make_recorded_bank(tmp_path / "few", 3, 2.0, 3, sounds)
    more = make_recorded_bank(tmp_path / "more", 5, 2.0, 3, sounds)
    np.testing.assert_array_equal(few.rows[:], more.rows[:3])
    other = make_recorded_bank(tmp_path / "other", 3, 2.0, 4, sounds)
    assert not np.array_equal(few.rows[:], other.rows[:])


def test_silent_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="silent"):
        make_recorded_bank(tmp_path, 1, 2.0, 0, speech_bank([np.zeros(RATE)], RATE, trim=False))


def test_a_bank_is_made_once_for_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "noises"
    (folder / "birds").mkdir(parents=True)
    soundfile.write(folder / "birds" / "a.wav", tone(2000, 3), RATE)
    first = open_recorded([folder], RATE, tmp_path / "banks", 2, 2.0, 0)
    kept = sorted((tmp_path / "banks").rglob("noise.npy"))
    (when,) = (path.stat().st_mtime_ns for path in kept)
    again = open_recorded([folder], RATE, tmp_path / "banks", 2, 2.0, 0)
    assert kept[0].stat().st_mtime_ns == when
    np.testing.assert_array_equal(first.rows[:], again.rows[:])
    soundfile.write(folder / "birds" / "b.wav", tone(300, 3), RATE)
    open_recorded([folder], RATE, tmp_path / "banks", 2, 2.0, 0)
    assert len(sorted((tmp_path / "banks").rglob("noise.npy"))) == 2


def test_recordings_of_another_rate_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(2000, 3), RATE)
    with pytest.raises(InputError, match="16000 Hz; expected 48000"):
        open_recorded([tmp_path], 48000, tmp_path / "banks", 2, 2.0, 0)


def test_joined_banks_hold_the_rows_of_all(tmp_path: Path) -> None:
    one = Bank(np.ones((2, 8), np.float16), ({"family": "a"}, {"family": "b"}), RATE, "m")
    two = Bank(np.full((3, 8), 2, np.float16), ({"family": "c"},) * 3, RATE, "n")
    both = joined([one, two])
    assert both.rows.shape == (5, 8)
    assert [both.rows[i, 2:4].tolist() for i in (1, 2, 4)] == [[1, 1], [2, 2], [2, 2]]
    assert [row["family"] for row in both.about] == ["a", "b", "c", "c", "c"]
    assert both.mark not in (one.mark, two.mark)
    with pytest.raises(IndexError):
        both.rows[5, 0:1]
    with pytest.raises(InputError, match="rates and lengths"):
        joined([one, Bank(np.ones((1, 9), np.float16), ({},), RATE, "o")])
