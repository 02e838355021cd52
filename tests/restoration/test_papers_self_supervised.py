"""C-BSN, SDAP and ScoreDVI: their tables, what they miss, and their smoke runs."""

import json
from pathlib import Path

import pytest
import torch

from undrift.cli import main
from undrift.common.cite import cite
from undrift.common.reproduce.papers import find_paper
from undrift.common.training.recipes import read_recipe
from undrift.restoration.papers.blind_spot_smoke import RECIPE, SDAP, SIGMA, camera_noise
from undrift.restoration.papers.self_supervised_parts import PUBLISHED

NAMES = ["c-bsn", "sdap", "score-dvi"]


@pytest.mark.parametrize("name", NAMES)
def test_they_are_partial_and_say_what_is_missing(name: str) -> None:
    paper = find_paper(name)
    assert not paper.whole
    for table in paper.of("run"):
        assert {need.kind for need in table.missing()} >= {"code"}
        assert all(need.what and need.how for need in table.missing())
    assert paper.citation in cite(paper.citation)


def test_the_published_order_is_that_of_the_papers() -> None:
    """Supervised above self-supervised above BM3D, on both benchmarks, but for one print of DND."""
    for column in (0, 1):
        values = {name: row[column] for name, row in PUBLISHED.items()}
        assert max(values, key=values.__getitem__) == "DANet, supervised"
        assert min(values, key=values.__getitem__) == "BM3D"
    assert "approximate" in find_paper("c-bsn").of("run")[0].source


def test_the_noise_of_the_smoke_run_is_correlated() -> None:
    noise = camera_noise("test") / SIGMA
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    assert float((noise[..., 1:] * noise[..., :-1]).mean()) == pytest.approx(0.5, abs=0.05)
    assert float((noise[..., 2:] * noise[..., :-2]).mean()) == pytest.approx(0, abs=0.05)


def test_the_recipes_differ_as_the_papers_do() -> None:
    c_bsn = read_recipe(RECIPE, ("data.source.path=x",)).settings({}).build().network
    sdap = read_recipe(RECIPE, ("data.source.path=x", *SDAP)).settings({}).build().network
    assert (c_bsn.blind, c_bsn.stride) == (False, 1)
    assert (sdap.blind, sdap.stride) == (True, 2)
    assert sum(v.numel() for v in c_bsn.parameters()) == sum(v.numel() for v in sdap.parameters())
    assert sdap(torch.rand(1, 3, 9, 8)).shape == (1, 3, 9, 8)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_smoke_runs_meet_their_figures(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", "run", name, "--smoke", "-q", "-o", str(tmp_path)]) == 0
    [table] = json.loads((tmp_path / f"{name}-smoke.json").read_text())["tables"]
    asked = [figure for figure in table["figures"] if figure["asked"]]
    [smoke] = find_paper(name).of("smoke")
    assert len(asked) == len(smoke.figures)
    assert all(figure["ok"] for figure in asked)
