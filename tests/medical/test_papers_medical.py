"""Papers on MRI and CT: their descriptions, exact parts of the smoke runs, runs on folders."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from paper_task import task

from undrift.cli import main
from undrift.common.errors import InputError
from undrift.common.reproduce.paper import Task
from undrift.common.reproduce.papers import find_paper
from undrift.medical.papers.drdm_runs import folding
from undrift.medical.papers.selfrdb_runs import pairs, psnr, slice_scores
from undrift.medical.papers.small import discs
from undrift.medical.volumes import Volume, write_volume

PAPERS = ("lefusion", "drdm", "medforj", "selfrdb", "ads")


@pytest.mark.parametrize("name", PAPERS)
def test_descriptions_say_what_is_missing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    paper = find_paper(name)
    assert paper.domain == "medical"
    assert not paper.whole
    assert callable(paper.load())
    assert main(["cite", paper.citation]) == 0
    assert paper.citation in capsys.readouterr().out
    assert main(["reproduce", "show", name]) == 0
    assert "missing" in capsys.readouterr().out


def test_columns_and_their_particles(tmp_path: Path) -> None:
    (found,) = find_paper("ads").load()(Task(True, "cpu", tmp_path, ("smoke",), print))
    assert found.value == 8


def test_the_ratio_of_an_offset() -> None:
    truth = np.linspace(0, 2, 100).reshape(10, 10)
    assert psnr(truth, truth - 0.02) == pytest.approx(40)
    volume = np.stack([truth + 1, 0 * truth, truth + 2], -1)
    found = slice_scores(volume, 3 * volume)  # each divided by its mean
    assert found["PSNR"] > 200  # rounding, or infinite
    assert found["SSIM"] == pytest.approx(1)
    with pytest.raises(InputError, match="no slice"):
        slice_scores(0 * volume, volume)


def test_translated_volumes_are_scored_by_name(cache: Path) -> None:
    rng = np.random.default_rng(0)
    truth = (1 + rng.random((16, 16, 3))).astype(np.float32)
    made = truth * np.float32(2)
    made += (0.1 * rng.random(truth.shape)).astype(np.float32)
    for folder, array in (("ixi", truth), ("selfrdb/ixi", made)):
        write_volume(cache / "papers" / folder / "a.nii.gz", Volume(array, np.eye(4)), "float32")
    found = {m.column: m.value for m in pairs(task(cache, "ixi"))}
    assert found == pytest.approx(slice_scores(truth, made))
    (cache / "papers" / "ixi" / "a.nii.gz").rename(cache / "papers" / "ixi" / "b.nii.gz")
    with pytest.raises(InputError, match="name results like"):
        list(pairs(task(cache, "ixi")))


def test_folds_of_stored_fields_are_counted(cache: Path) -> None:
    field = np.zeros((8, 8, 8, 3), np.float32)
    field[4:, ..., 0] = -4.0  # 4 mm are two voxels back: the cells between 3 and 4 fold
    place = cache / "papers" / "drdm" / "folding" / "f.nii.gz"
    write_volume(place, Volume(field, np.diag([2.0, 1.0, 1.0, 1.0])), "float32")
    (found,) = folding(task(cache, "folding"))
    assert found.value == pytest.approx(100 / 7)
    assert find_paper("drdm").tables[0].figures[0].met(found.value) is False


def test_heads_of_ellipses_reverse_their_contrast() -> None:
    source, target = discs(4, 24, 0)
    assert source.shape == target.shape == (4, 1, 24, 24)
    for one, two in ((0.9, -0.2), (0.3, 0.2), (-0.6, 0.9), (-1.0, -1.0)):
        at = np.isclose(source.numpy(), one)
        assert at.any()
        assert np.allclose(target.numpy()[at], two)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
def test_smoke_runs_meet_their_tables(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", "run", name, "--smoke", "--check", "-o", str(tmp_path),
                 "--device", "cpu"]) == 0  # fmt: skip
    found = json.loads((tmp_path / f"{name}-smoke.json").read_text())
    assert all(math.isfinite(row["value"]) for row in found["figures"])
