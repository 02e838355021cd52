"""Papers on posterior sampling: their tables, the known field, and their smoke runs."""

import json
from pathlib import Path

import pytest
import torch
from gaussian_posterior import arrays

from undrift.cli import main
from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.papers import find_paper
from undrift.restoration.papers import dps, idm, known_field
from undrift.restoration.papers.posterior_smoke import levels, on_field, shipped_prior

NAMES = ["red-diff", "dps", "stsl", "gdp", "idm"]


@pytest.mark.parametrize("name", NAMES)
def test_they_are_partial_and_say_what_is_missing(name: str) -> None:
    paper = find_paper(name)
    assert not paper.whole
    for table in paper.of("run"):
        assert table.missing()
        assert all(need.what and need.how for need in table.needs)
    [smoke] = paper.of("smoke")
    assert not smoke.needs
    assert paper.trains == (name == "idm")


def test_the_published_tables_say_what_the_papers_say_of_them() -> None:
    """DPS is best of its tables on faces; IDM is best everywhere, by up to 2.64 dB, as it says."""
    for rows in (dps.FFHQ, dps.PHASE, dps.BENT):
        for column, own in enumerate(rows["DPS"]):
            others = [row[column] for name, row in rows.items() if name != "DPS"]
            assert own is not None
            assert all(value is None or own < value for value in others)
    gains = []
    for column, own in enumerate(idm.PSNR["IDM"]):
        others = [row[column] for name, row in idm.PSNR.items() if name != "IDM"]
        assert own is not None
        gains.append(own - max(value for value in others if value is not None))
    assert min(gains) > 0
    assert max(gains) == pytest.approx(2.64)


def test_the_field_is_the_reference_problem() -> None:
    p = arrays("gaussian_problem")
    mean, covariance = known_field.prior()
    torch.testing.assert_close(mean, p["prior_mean"], rtol=0, atol=1e-12)
    torch.testing.assert_close(covariance, p["prior_cov"], rtol=0, atol=1e-12)
    torch.testing.assert_close(known_field.measurement().flatten(), p["sr2_y"], rtol=0, atol=1e-12)
    mean, covariance = known_field.posterior()
    torch.testing.assert_close(mean, p["sr2_post_mean"], rtol=0, atol=1e-12)
    torch.testing.assert_close(covariance, p["sr2_post_cov"], rtol=0, atol=1e-12)


def test_exact_draws_of_the_field_are_at_no_distance() -> None:
    mean, covariance = known_field.posterior()
    root = torch.linalg.cholesky(covariance)
    normals = known_field.draws(20_000)(0).flatten(1)
    samples = (mean + normals @ root.T).reshape(-1, *known_field.SHAPE)
    distance, ratio = known_field.distance(samples)
    assert distance < 0.04
    assert ratio == pytest.approx(1, abs=0.01)
    point = mean.reshape(1, *known_field.SHAPE).expand(4, -1, -1, -1)
    assert known_field.distance(point)[0] == pytest.approx(1, abs=1e-6)


def test_levels_begin_and_end_where_the_denoiser_was_trained() -> None:
    prior = shipped_prior("cpu")
    t = torch.tensor(levels(prior, 9), dtype=torch.float64)
    ratio = prior.process.s(t) / prior.process.a(t)
    expected = torch.logspace(0.30103, -1.69897, 9, dtype=torch.float64)
    torch.testing.assert_close(ratio, expected, rtol=1e-4, atol=0)


def test_twenty_steps_of_the_samplers_on_the_field() -> None:
    """Numbers of an independent implementation, as the smoke tables give them."""
    from undrift.common.posterior.gdp import GDP
    from undrift.common.posterior.red_diff import RedDiff

    found = {
        "red-diff": on_field(RedDiff, 20, rate=0.1, weight=0.25, official=True),
        "gdp": on_field(GDP, 20, weight=0.1),
    }
    for name, values in found.items():
        [smoke] = find_paper(name).of("smoke")
        asked = [figure for figure in smoke.figures if figure.row.startswith("field, 20")]
        assert len(asked) == 2
        assert all(f.met(v) for f, v in zip(asked, values, strict=True)), (name, values)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_smoke_runs_meet_their_figures(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", "run", name, "--smoke", "-q", "-o", str(tmp_path)]) == 0
    [table] = json.loads((tmp_path / f"{name}-smoke.json").read_text())["tables"]
    paper: Paper = find_paper(name)
    [smoke] = paper.of("smoke")
    asked = [figure for figure in table["figures"] if figure["asked"]]
    assert len(asked) == len(smoke.figures)
    assert all(figure["ok"] for figure in asked)
