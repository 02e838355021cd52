"""`undrift speech metrics` and `evaluate` of sound: files, folders, CSV, JSON, exit codes."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from undrift.cli import main
from undrift.common.errors import PartialFailure, UndriftError, UsageError
from undrift.speech.metrics.cli import metrics as command

RATE = 16000


def save(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate, subtype="FLOAT" if path.suffix == ".wav" else "PCM_24")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Estimates that are 0.9 of the truth: 20 dB of snr, endless si_sdr up to rounding."""
    generator = np.random.default_rng(0)
    for name, channels in (("a.wav", 1), ("sub/b.wav", 2)):
        truth = generator.uniform(-0.5, 0.5, (channels, RATE))
        save(tmp_path / "clean" / name, truth)
        save(tmp_path / "out" / name, 0.9 * truth)
    return tmp_path / "clean", tmp_path / "out"


def run(*words: str | Path) -> tuple[str, str, UndriftError | None]:
    result = CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)
    assert result.exception is None or isinstance(result.exception, UndriftError), result.exception
    return result.stdout, result.stderr, result.exception


def test_folders_are_scored_by_name(folders: tuple[Path, Path], tmp_path: Path) -> None:
    save(folders[1] / "alone.wav", np.ones((1, 10)))
    out, err, error = run(*folders, "--metrics", "snr,lsd", "--json", "--csv", tmp_path / "s.csv")
    assert error is None
    assert "1 without reference, not scored: alone.wav" in err
    records = [json.loads(line) for line in out.splitlines()]
    items = {r["item"]: r["scores"] for r in records if r["record"] == "item"}
    assert set(items) == {"a.wav", "sub/b.wav"}
    for scores in items.values():
        assert scores["snr"] == pytest.approx(20, abs=1e-4)
        assert scores["lsd"] == pytest.approx(-20 * math.log10(0.9), abs=1e-4)
    summary = next(r for r in records if r["record"] == "method")["snr"]
    assert (summary["n"], summary["mean"]) == (2, pytest.approx(20, abs=1e-4))
    assert summary["low"] is not None
    with (tmp_path / "s.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["snr"]) for line in lines] == [items[line["item"]]["snr"] for line in lines]
    _, _, error = run(*folders, "--csv", tmp_path / "s.csv")
    assert isinstance(error, UsageError)


def test_evaluate_knows_sound_by_its_suffix(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    clean, out = map(str, folders)
    assert main(["evaluate", out, "--ref", clean, "--metrics", "snr"]) == 0
    assert "20.00" in capsys.readouterr().out
    assert main(["evaluate", out, "--ref", clean, "--crop-border", "4"]) == 2
    assert "--crop-border does not fit a sound" in capsys.readouterr().err


def test_other_formats_match_and_sizes_must(folders: tuple[Path, Path]) -> None:
    clean, out = folders
    truth, _ = soundfile.read(clean / "a.wav")
    (out / "a.wav").unlink()
    save(out / "a.flac", 0.9 * truth[None])
    save(out / "sub/b.wav", np.ones((2, 9)))
    stdout, _, error = run(clean, out, "--metrics", "snr", "-v")
    assert isinstance(error, PartialFailure)
    assert error.exit_code == 4
    assert "16000 samples, the estimate 2 channels of 9" in stdout
    assert "a.flac" in stdout


def test_other_rates_and_broken_files_fail_alone(folders: tuple[Path, Path]) -> None:
    clean, out = folders
    save(out / "a.wav", np.zeros((1, RATE)), rate=8000)
    (out / "sub/b.wav").write_bytes(b"RIFF no sound")
    stdout, _, error = run(clean, out, "--metrics", "snr")
    assert isinstance(error, PartialFailure)
    assert "the reference has 16000 Hz, the estimate 8000" in stdout
    assert "b.wav: " in stdout
