"""Pairs on disc: which files belong together, windows cut from them, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from undrift.common.errors import InputError
from undrift.speech.pairs import Named, PairFiles, folder_pairs, read_pair


def write(path: Path, wave: np.ndarray, rate: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate, subtype="FLOAT")
    return path


def ramp(count: int, start: int = 0) -> np.ndarray:
    return (np.arange(start, start + count) / 2**17).astype(np.float32)


def both(folder: Path, name: str, clean: np.ndarray, noisy: np.ndarray) -> None:
    write(folder / "clean" / name, clean)
    write(folder / "noisy" / name, noisy)


def test_windows_are_of_one_place_in_both_files(tmp_path: Path) -> None:
    both(tmp_path, "a.wav", ramp(5000), -ramp(5000))
    source = PairFiles(folder_pairs(tmp_path), 16000, 300)
    rng = np.random.default_rng(0)
    starts = set()
    for n in range(20):
        clean, noisy = source.pair(n, rng)
        assert clean.shape == noisy.shape == (300,)
        assert np.array_equal(clean, -noisy)
        start = round(float(clean[0]) * 2**17)
        assert np.array_equal(clean, ramp(300, start))
        starts.add(start)
    assert len(starts) > 10


def test_a_short_recording_lies_in_the_middle_of_zeros(tmp_path: Path) -> None:
    both(tmp_path, "a.wav", np.ones(11, np.float32), np.full(11, 0.5, np.float32))
    clean, noisy = PairFiles(folder_pairs(tmp_path), 16000, 20).pair(0, np.random.default_rng(0))
    assert clean.tolist() == [0.0] * 4 + [1.0] * 11 + [0.0] * 5
    assert noisy.tolist() == [0.0] * 4 + [0.5] * 11 + [0.0] * 5


def test_another_rate_is_changed(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    path = write(tmp_path / "a.wav", 0.5 * tone, 48000)
    clean, _ = read_pair(Named("a", path, path), 16000)
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert clean.shape == (16000,)
    assert np.abs(clean - expected)[1000:-1000].max() < 1e-4


def test_files_without_partner_are_named(tmp_path: Path) -> None:
    both(tmp_path, "a.wav", ramp(10), ramp(10))
    write(tmp_path / "noisy" / "b.wav", ramp(10))
    with pytest.raises(InputError, match=r"clean/ and noisy/ .* no partner for b\.wav"):
        folder_pairs(tmp_path)
    with pytest.raises(InputError, match="no files"):
        folder_pairs(tmp_path / "nowhere")


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one.wav", ramp(100))
    longer = write(tmp_path / "longer.wav", ramp(101))
    wide = write(tmp_path / "wide.wav", np.zeros((100, 2)))
    with pytest.raises(InputError, match=r"100 samples at 16000 Hz, .* 101 samples at 16000 Hz"):
        read_pair(Named("a", one, longer), 16000)
    with pytest.raises(InputError, match=r"wide\.wav has 2 channels; expected one"):
        read_pair(Named("a", one, wide), 16000)


def test_the_same_number_gives_the_same_item(tmp_path: Path) -> None:
    from undrift.speech.data import Windows
    from undrift.speech.signal import read_signal

    both(tmp_path, "a.wav", ramp(9000), -ramp(9000))
    data = Windows(PairFiles(folder_pairs(tmp_path), 16000, 1024), read_signal({}))
    first, again, other = data[5], data[5], data[6]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["noise"], other["noise"])
    assert first["x0"].shape == (2, 256, 9)
