"""Real cubes as the truth of the benchmark: which bands count, which pieces, what noise they get.

The cubes are made here, with noise that is known band by band.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from undrift.common.errors import InputError, UsageError
from undrift.scientific.hyperspectral.benchmark import suite
from undrift.scientific.hyperspectral.benchmark.cli import benchmark
from undrift.scientific.hyperspectral.benchmark.real import (
    CLEAN,
    PHOTONS,
    SENSOR,
    noisy,
    pieces,
    real_rows,
    real_scene,
)
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, brightness

BANDS, CLEAR, ROWS, COLUMNS = 40, 36, 96, 101
OWN = 0.004  # of their range, bands without faults


def scene_of(folder: Path, **changes: object) -> Path:
    """Three materials over a tilted plane, of range 1 or so; radiance, 7 + 30 x.

    Band 36 is noisy, 37 has a gap, 38 a dead column, 39 is called bad by the file.
    """
    rng = np.random.default_rng(4)
    r, c = np.mgrid[:ROWS, :COLUMNS] / 100
    maps = np.stack([r, c * r, np.sin(4 * c)])
    spectra = rng.uniform(0.3, 0.7, (BANDS, 3))
    clean = np.tensordot(spectra, maps, 1)
    clean /= np.ptp(clean.reshape(BANDS, -1), 1)[:, None, None]
    sigma = np.where(np.arange(BANDS) == 36, 0.02, OWN)
    seen = 7 + 30 * (clean + sigma[:, None, None] * rng.standard_normal(clean.shape))
    seen[37, 3, 5] = np.nan
    seen[38, :, 40] = 7
    good = np.arange(BANDS) != 39
    cube = Cube(seen.astype(np.float32), np.linspace(450, 900, BANDS), good=good)
    path = folder / "field.hdr"
    save_cube(replace(cube, **changes), path)
    return path


def test_bands_with_little_noise_and_no_fault_are_the_truth(tmp_path: Path) -> None:
    scene = real_scene(scene_of(tmp_path))
    assert scene.name == "field"
    assert scene.all_bands == BANDS
    assert scene.wavelengths is not None
    assert np.allclose(scene.wavelengths, np.linspace(450, 900, BANDS)[:CLEAR])
    assert np.allclose(scene.array.min((1, 2)), 0)
    assert np.allclose(scene.array.max((1, 2)), 1)
    # the fit of three materials by 39 bands adds 3 / 39 of the variance; noise widens the range
    assert np.median(scene.own) == pytest.approx(OWN, rel=0.05)
    assert scene.ceiling == pytest.approx(-20 * np.log10(OWN), abs=0.5)
    assert "36 of 40 bands taken for the truth, whose own noise allows an mpsnr of " in scene.about


def test_the_least_noise_of_the_cases_is_five_times_that_of_any_band(tmp_path: Path) -> None:
    assert pytest.approx(10 / 255 / 5) == CLEAN
    assert real_scene(scene_of(tmp_path)).own.max() <= CLEAN


def test_what_makes_no_truth_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    save_cube(Cube(rng.random((12, 64, 64), np.float32)), tmp_path / "noise.hdr")
    with pytest.raises(InputError, match=r"0 of 12 bands have noise of at most 0\.78%"):
        real_scene(tmp_path / "noise.hdr")
    with pytest.raises(InputError, match="no data beside it"):
        real_scene(tmp_path / "nothing.hdr")
    with pytest.raises(InputError, match=r"63 x 200 pixels; expected 64"):
        pieces(63, 200)


@pytest.mark.parametrize(
    ("rows", "columns", "side"), [(145, 145, 64), (64, 300, 32), (512, 217, 64), (101, 97, 48)]
)
def test_pieces_share_no_pixel_and_lie_each_in_its_quarter(
    rows: int, columns: int, side: int
) -> None:
    seen = np.zeros((rows, columns), int)
    for number, window in enumerate(pieces(rows, columns)):
        assert seen[window].shape == (side, side)
        seen[window] += 1
        middle = [(part.start + part.stop) / 2 for part in window]
        assert middle[0] == pytest.approx((0.25, 0.75)[number // 2] * rows, abs=1)
        assert middle[1] == pytest.approx((0.25, 0.75)[number % 2] * columns, abs=1)
    assert seen.max() == 1


def test_rows_have_four_items_with_the_noise_they_say(tmp_path: Path) -> None:
    scene = real_scene(scene_of(tmp_path))
    rows = {row.name: row for row in real_rows(scene)}
    assert list(rows) == [
        f"{noise}, field, 36 bands"
        for noise in (
            "non-iid", "stripe", "deadline", "impulse", "mixture", "pushbroom", "poisson",
        )
    ]  # fmt: skip
    row = rows["non-iid, field, 36 bands"]
    assert (row.kind, row.bands, row.count) == ("case", 36, 4)
    assert rows["pushbroom, field, 36 bands"].kind == "sensor"
    cases = [row.make("test", n) for n in range(row.count)]
    assert [case.item for case in cases] == [f"field-{n}" for n in (1, 2, 3, 4)]
    (r, c) = pieces(ROWS, COLUMNS)[2]
    assert np.array_equal(cases[2].truth, scene.array[:, r, c])
    assert cases[2].noisy.wavelengths is scene.wavelengths
    for case in cases:  # one of four deviations for each band, in 48 x 48 pixels
        found = (case.noisy.array - case.truth).std((1, 2)) * 255
        assert (abs(found[:, None] / [10, 30, 50, 70] - 1).min(1) < 0.06).all()
    again = row.make("test", 1)
    assert np.array_equal(again.noisy.array, cases[1].noisy.array)
    spread = [case.noisy.array - case.truth for case in cases]
    assert abs(np.corrcoef([x.ravel() for x in spread]) - np.eye(4)).max() < 0.05


def test_sensor_noise_is_four_times_that_of_simulated_rows() -> None:
    truth = np.full((3, 64, 64), 0.5, np.float32)
    waves = np.array([500.0, 600.0, 700.0])
    counted = noisy(truth, waves, "poisson", 900)
    assert PHOTONS == 2000 / 16
    assert np.allclose(counted.std((1, 2)), np.sqrt(0.5 / 125), rtol=0.05)
    swept = noisy(truth, waves, "pushbroom", 900)
    rows = swept - swept.mean(1, keepdims=True)  # without gains and offsets of columns
    expected = 4 / Pushbroom().snr / brightness(waves) * np.sqrt(0.25 + 0.75 * 0.5)
    assert np.allclose(np.median(rows.std(1), 1), expected, rtol=0.1)
    assert (SENSOR.gain, SENSOR.offset) == (0.04, 0.012)
    assert (SENSOR.dead, SENSOR.hot) == (Pushbroom().dead, Pushbroom().hot)
    assert np.isfinite(noisy(truth, None, "pushbroom", 900)).all()  # a file without wavelengths


def test_the_command_scores_a_real_cube_and_goes_on_only_with_the_same_one(tmp_path: Path) -> None:
    def run(path: Path, *words: str) -> list[dict]:
        told = ["--real", str(path), "--save", str(tmp_path), "--json", "-v", "-q", *words]
        done = CliRunner().invoke(benchmark, told, standalone_mode=False, catch_exceptions=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    words = ("--row", "non-iid", "--method", "noisy,pca", "--count", "1")
    first = run(scene_of(tmp_path), *words)
    about = first[0]["settings"]
    assert about["rows"] == ["non-iid, field, 36 bands"]
    assert about["truth"]["ceiling"] == pytest.approx(-20 * np.log10(OWN), abs=0.5)
    scores = {e["method"]: e["scores"] for e in first if e["record"] == "item"}
    assert scores["pca"]["mpsnr"] > scores["noisy"]["mpsnr"] + 6
    kept = (tmp_path / "scores.jsonl").read_bytes()
    assert run(tmp_path / "field.hdr", *words) == first
    assert (tmp_path / "scores.jsonl").read_bytes() == kept  # nothing was measured again
    cube = open_cube(tmp_path / "field.hdr")
    save_cube(cube.with_array(cube.array[:, ::-1]), tmp_path / "field.hdr")  # another scene
    assert run(tmp_path / "field.hdr", *words) != first
    text = CliRunner().invoke(benchmark, ["--real", str(tmp_path / "field.hdr"), *words]).output
    assert "cubes, field: 36 of 40 bands taken for the truth" in text
    assert "simulated scenes" not in text


def test_a_real_cube_is_for_the_test(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave out --split validation"):
        suite.plan("validation", real=scene_of(tmp_path))
    with pytest.raises(UsageError, match=r"no row 'stripes'.*stripe, field, 36 bands"):
        suite.plan(rows=("stripes",), real=tmp_path / "field.hdr")
