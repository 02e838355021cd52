"""The contest of processes: split, scores with known answers, and a whole one on tiny pictures."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.restoration.contest.contest import Rules, contest
from undrift.restoration.contest.degraded import open_pairs
from undrift.restoration.contest.scores import calibration, crps, scored
from undrift.restoration.contest.split import names_of, place, split, subset
from undrift.restoration.contest.tables import paired_rows, score_rows
from undrift.restoration.sources import Pairs

TINY = (
    "network.params={inputs: 6, outputs: 3, unshuffle: 4, widths: [8], depths: [1], levels: 1}",
    "schedule.batch=2",
    "data.crop=16",
)


def draw(path: Path, seed: int, size: tuple[int, int] = (48, 44)) -> None:
    """A small smooth random picture."""
    random = np.random.default_rng(seed).integers(0, 256, (12, 11, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random).resize(size, Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(20):
        path = tmp_path / "pairs/clean" / f"{k:02}.png"
        draw(path, k)
        (tmp_path / "pairs/degraded").mkdir(exist_ok=True)
        Image.open(path).quantize(6).convert("RGB").save(tmp_path / "pairs/degraded" / path.name)
    return tmp_path / "pairs"


def test_pairs_are_split_by_name_and_stay_where_they_are() -> None:
    names = [f"picture-{k}" for k in range(400)]
    parts = split(names, 3, (0.7, 0.15, 0.15))
    assert sorted(k for part in parts.values() for k in part) == list(range(400))
    assert [len(part) for part in parts.values()] == pytest.approx([280, 60, 60], abs=25)
    fewer = split(names[::2], 3, (0.7, 0.15, 0.15))
    for part, numbers in fewer.items():
        assert {names[::2][k] for k in numbers} <= {names[k] for k in parts[part]}
    other = split(names, 4, (0.7, 0.15, 0.15))
    assert other["test"] != parts["test"]
    assert min(place(name, 3) for name in names) >= 0 and max(place(n, 3) for n in names) < 1
    with pytest.raises(InputError, match=r"of 1 pairs none fell to .*another split seed"):
        split(["alone"], 0, (0.7, 0.15, 0.15))
    with pytest.raises(InputError, match="sum to 1"):
        split(names, 0, (0.7, 0.7, 0.1))


def test_a_subset_keeps_pairs_together(folder: Path) -> None:
    pairs = Pairs(folder)
    part = subset(pairs, [7, 2])
    assert names_of(part) == ["07", "02"] and len(part) == 2
    assert [file.name for file in part.degraded.files] == ["07.png", "02.png"]
    assert part.scale(1) == 1


def test_crps_is_that_of_the_definition_and_the_error_of_a_single_sample() -> None:
    generator = torch.Generator().manual_seed(0)
    samples, x0 = (torch.rand(n, 3, 4, 5, generator=generator) for n in (5, 1))
    between = (samples[:, None] - samples[None]).abs().double().mean((2, 3, 4)).sum()
    expected = float((samples - x0).abs().double().mean()) - float(between) / (2 * 5 * 4)
    assert crps(samples, x0) == pytest.approx(expected, rel=1e-9)
    assert crps(samples[:1], x0) == pytest.approx(float((samples[0] - x0[0]).abs().mean()))


def test_scores_of_gaussian_samples_have_their_closed_forms() -> None:
    """Truth and samples from N(m, s^2): crps = s/sqrt(pi), chi = 1; with half the spread, 2.

    E(mean - x0)^2 = s^2 + r^2/K for samples of deviation r, so chi^2 = (K s^2/r^2 + 1)/(K + 1).
    """
    generator = torch.Generator().manual_seed(1)
    x0 = 0.5 + 0.05 * torch.randn(1, 3, 200, 200, generator=generator)
    exact = 0.5 + 0.05 * torch.randn(4, 3, 200, 200, generator=generator)
    assert crps(exact, x0) == pytest.approx(0.05 / math.sqrt(math.pi), rel=0.01)
    found = calibration(exact, x0)
    assert found["chi"] == pytest.approx(1, rel=0.01)
    assert found["spread"] == pytest.approx(0.05 * 255, rel=0.01)
    narrow = 0.5 + 0.5 * (exact - 0.5)
    assert calibration(narrow, x0)["chi"] == pytest.approx(math.sqrt(17 / 5), rel=0.01)
    point = scored(torch.full((1, 3, 64, 64), 0.5), x0[..., :64, :64])
    assert point["crps"] == pytest.approx(255 * 0.05 * math.sqrt(2 / math.pi), rel=0.02)
    assert "chi" not in point and point["psnr_one"] == point["psnr_mean"] and "vif_one" in point
    assert calibration(torch.zeros(3, 3, 2, 2), torch.ones(1, 3, 2, 2))["chi"] == math.inf


def test_a_contest_from_the_command_line_goes_on_where_it_was(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["contest", str(folder), "-o", str(tmp_path / "out"), "--processes", "ir-sde"]
    words += ["--iterations", "3", "--steps", "2", "--samples", "2", "--device", "cpu", "-q"]
    words += [word for value in TINY for word in ("-s", value)]
    assert main([*words, "--shares", "50,25,25", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["process"] for line in lines] == ["regression", "ir-sde"]
    assert list(lines[0]["scores"]) == ["1 call"] and lines[1]["way"]["calls"] == 2
    for line in lines:
        for scores in line["scores"].values():
            assert all(math.isfinite(v) for item in scores.values() for v in item.values())
    page = (tmp_path / "out/contest.html").read_text()
    assert "minus regression" in page and "ir-sde" in page
    before = (tmp_path / "out/ir-sde/scores.json").stat().st_mtime_ns
    assert main([*words, "--shares", "50,25,25"]) == 0
    assert "regression" in capsys.readouterr().out
    assert (tmp_path / "out/ir-sde/scores.json").stat().st_mtime_ns == before
    assert main([*words, "--shares", "60,20,20"]) == 3
    assert "trained with another split" in capsys.readouterr().err


def test_entrants_are_equal_but_for_the_process_and_see_the_same_batches(folder: Path) -> None:
    from undrift.restoration.contest.entrants import crops, recipes

    pairs = Pairs(folder)
    made = recipes(("regression", "rddm", "resfusion"), pairs, 3, 5, TINY)
    varying = {"id", "process", "prediction", "times"}
    dumps = [recipe.model_dump(exclude=varying) for recipe in made.values()]
    assert dumps[0] == dumps[1] == dumps[2] and dumps[0]["scaling"]["sigma_d"] > 0
    first, second = (crops(made[name], pairs)[3] for name in ("regression", "rddm"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_pairs_are_made_of_clean_pictures_once(folder: Path, tmp_path: Path) -> None:
    pairs = open_pairs(folder / "clean", tmp_path / "out", "jpeg", 0)
    first = {file: file.read_bytes() for file in pairs.degraded.files}
    assert names_of(pairs) == [f"{k:02}" for k in range(20)] and pairs.scale(0) == 1
    assert np.abs(pairs.clean.pixels(0) - pairs.degraded.pixels(0)).max() > 0.01
    again = open_pairs(folder / "clean", tmp_path / "out", "jpeg", 0)
    assert {file: file.read_bytes() for file in again.degraded.files} == first
    assert open_pairs(folder, tmp_path / "out", None, 0).degraded.folder == folder / "degraded"
    with pytest.raises(InputError, match="holds degraded/ already"):
        open_pairs(folder, tmp_path / "out", "jpeg", 0)
    with pytest.raises(InputError, match="name a --degradation"):
        open_pairs(folder / "clean", tmp_path / "out", None, 0)
    with pytest.raises(InputError, match="did you mean 'rain'"):
        open_pairs(folder / "clean", tmp_path / "out", "rian", 0)


def test_rules_say_what_they_expect() -> None:
    assert Rules(("rddm", "regression")).entrants == ("regression", "rddm")
    with pytest.raises(UsageError, match="no process 'irsde'"):
        Rules(("irsde",))
    with pytest.raises(UsageError, match="samples from 2"):
        Rules(samples=1)


@pytest.mark.slow
def test_all_processes_hold_a_contest(folder: Path, tmp_path: Path) -> None:
    rules = Rules(
        iterations=20, steps=(2, 3), samples=3, shares=(0.5, 0.25, 0.25), assignments=TINY
    )
    results, tested = contest(Pairs(folder), tmp_path, rules)
    assert [result.process for result in results] == list(rules.entrants) and len(results) == 6
    for result in results[1:]:
        assert set(result.scores) == {"1 call", str(result.way)}
        assert all(len(scores) == len(tested) for scores in result.scores.values())
        assert min(result.validation, key=result.validation.__getitem__) == str(result.way)
    assert len(score_rows(results)) == 1 + 1 + 2 * 5 and len(paired_rows(results)) == 1 + 2 * 5
