"""Papers on cubes: files of the published layout, made here; runs on them; parts of smoke runs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from paper_task import task
from parity.hir_diff_cases import small_network

from undrift.cli import main
from undrift.common.errors import InputError
from undrift.common.reproduce.papers import find_paper
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import save_cube
from undrift.scientific.hyperspectral.datasets import CubeData
from undrift.scientific.hyperspectral.hir_diff.factors import choose_bands, singular_vectors
from undrift.scientific.hyperspectral.metrics import mpsnr
from undrift.scientific.hyperspectral.noise.finch import add_finch, striped
from undrift.scientific.papers import hir_diff_runs, hir_diff_smoke, hsi_diffusion_smoke
from undrift.scientific.papers.hir_diff import BEST, LAST
from undrift.scientific.papers.hir_diff_files import read_problem
from undrift.scientific.papers.hsi_diffusion_runs import tables as cube_tables

HOUSTON = "Houston18/test/gauss_50/Houston_channel_cropped.mat"
SALINAS = "Salinas/test/gauss_inpainting_0.8/Salinas_channel_cropped.mat"
WDC = "WDC/test/gauss_sr_0.25/wdc_cropped.mat"


def truth() -> np.ndarray:
    """(6, 16, 16) in [0, 1], mixed from three of its bands."""
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), 6)
    shares[[0, 2, 5]] = np.eye(3)
    return np.tensordot(shares, rng.random((3, 16, 16)), 1)


def write(path: Path, y: np.ndarray, **more: object) -> None:
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"input": y.transpose(1, 2, 0), "gt": truth().transpose(1, 2, 0)}
    savemat(path, {**arrays, "sigma": 0.0, **more})


def everything(root: Path) -> np.ndarray:
    """All three files; the mask of the second."""
    mask = (np.random.default_rng(1).random((6, 16, 16)) < 0.5).astype(np.float64)
    write(root / HOUSTON, truth())
    write(root / SALINAS, mask * truth(), mask=mask.transpose(1, 2, 0))
    write(root / WDC, truth()[:, ::4, ::4], scale=0.25)
    return mask


@pytest.mark.parametrize("name", ["hir-diff", "hsi-diffusion"])
def test_descriptions_say_what_is_missing(
    name: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = find_paper(name)
    assert paper.domain == "scientific"
    assert not paper.whole
    assert main(["reproduce", "show", name]) == 0
    told = capsys.readouterr().out
    assert "missing" in told
    assert main(["cite", paper.citation]) == 0


def test_problems_are_read_bands_first(tmp_path: Path) -> None:
    mask = everything(tmp_path)
    for file, factor in ((HOUSTON, 1), (SALINAS, 1), (WDC, 4)):
        found = read_problem(tmp_path / file)
        np.testing.assert_array_equal(found.truth, truth())
        assert found.factor == factor
    np.testing.assert_array_equal(read_problem(tmp_path / SALINAS).mask, mask)
    write(tmp_path / "wrong.mat", truth()[:, ::2, ::2], scale=0.25)
    with pytest.raises(InputError, match="a factor of 4"):
        read_problem(tmp_path / "wrong.mat")
    (tmp_path / "cut.mat").write_bytes((tmp_path / HOUSTON).read_bytes()[:300])
    with pytest.raises(InputError, match="cannot be read"):
        read_problem(tmp_path / "cut.mat")


def test_the_card_reads_the_published_layout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything(tmp_path)
    data = CubeData("hirdiff-cubes", tmp_path)
    names = {item.name: item.group for item in data}
    assert names["Houston18/gauss_50/Houston_channel_cropped"] == "Houston18"
    item = next(item for item in data if item.group == "WDC")
    assert item.open("input").array.shape == (6, 4, 4)
    assert not [c.problem for c in __import__("undrift.scientific.makers", fromlist=["check"])
                .check(data.card, tmp_path) if c.problem]  # fmt: skip
    from scipy.io import savemat

    savemat(tmp_path / HOUSTON, {"gt": truth()})
    assert main(["data", "verify", "hirdiff-cubes", "--root", str(tmp_path)]) == 3
    assert "input" in capsys.readouterr().err


def test_a_prior_that_knows_the_bands_restores_the_cubes(cache: Path) -> None:
    everything(cache / "papers/hirdiff-cubes")
    bands = choose_bands(singular_vectors(truth()))
    known = torch.from_numpy(2 * truth()[bands] - 1)[None].float()

    def eps_of(x: torch.Tensor, abar: float) -> torch.Tensor:
        return (x - abar**0.5 * known) / (1 - abar) ** 0.5

    found = list(hir_diff_runs.measured(task(cache, "denoise-houston"), eps_of))
    assert [(m.row, m.column) for m in found] == [
        (row, column) for row in ("exponential", "cosine", "linear") for column in (BEST, LAST)
    ]
    assert min(m.value for m in found) > 60
    tables = ("sr-wdc", "equal-steps-houston")
    others = {m.table: m.value for m in hir_diff_runs.measured(task(cache, *tables), eps_of)}
    assert set(others) == set(tables)
    assert others["equal-steps-houston"] < 40  # the prior knows other bands


def test_merging_keeps_what_is_constant() -> None:
    operator = hir_diff_runs.merged((2, 32, 32), 4)
    seen = operator(torch.full((1, 2, 32, 32), 0.3, dtype=torch.float64))
    assert seen.shape == (1, 2, 8, 8)
    torch.testing.assert_close(seen[..., 3:5, 3:5], torch.full((1, 2, 2, 2), 0.3).double())
    assert float(seen[0, 0, 0, 0]) < 0.25  # zeros around


def test_published_weights_are_read_by_name(tmp_path: Path) -> None:
    network = small_network()
    stored = {f"denoise_fn.{name}": value for name, value in network.state_dict().items()}
    torch.save({**stored, "betas": torch.ones(3)}, tmp_path / "gen.pth")
    shape = {"width": 8, "multipliers": (1, 2, 2), "depth": 1, "attention": (8,), "groups": 4,
             "side": 32}  # fmt: skip
    found = hir_diff_runs.load_network(tmp_path / "gen.pth", "cpu", **shape)
    x, level = torch.ones(1, 3, 8, 8).double(), torch.full((1, 1), 0.5).double()
    torch.testing.assert_close(found(x, level), network(x, level))
    with pytest.raises(InputError, match="are missing"):
        hir_diff_runs.load_network(tmp_path / "gen.pth", "cpu", **{**shape, "depth": 2})
    (tmp_path / "gen.pth").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as weights"):
        hir_diff_runs.load_network(tmp_path / "gen.pth", "cpu")


def test_exact_parts_of_the_smoke_runs(tmp_path: Path) -> None:
    for paper, found in (
        ("hir-diff", hir_diff_smoke._fixed()), ("hsi-diffusion", hsi_diffusion_smoke._fixed())
    ):  # fmt: skip
        table = find_paper(paper).of("smoke")[0]
        figures = [(table.figure(m.row, m.column), m.value) for m in found]
        assert figures
        assert all(figure and figure.met(value) for figure, value in figures)
    assert hsi_diffusion_smoke._there_and_back() < 1e-9
    path = hir_diff_smoke.write_cube(tmp_path / HOUSTON, 3)
    found = read_problem(path)
    assert mpsnr(found.truth, found.y) == pytest.approx(20 * np.log10(255 / 50), abs=0.1)


def test_restored_cubes_are_scored_by_name(cache: Path) -> None:
    clean = truth().astype(np.float32)
    for folder, array in (("truth", clean), ("restored", clean + np.float32(0.1))):
        (cache / "papers/hsi-diffusion" / folder).mkdir(parents=True)
        save_cube(Cube(array), cache / "papers/hsi-diffusion" / folder / "a.mat")
    found = {m.column: m.value for m in cube_tables(task(cache, "finch"))}
    assert found["MPSNR"] == pytest.approx(20, abs=1e-4)
    assert set(found) == {"MPSNR", "MSSIM", "SAM"}
    (cache / "papers/hsi-diffusion/restored/a.mat").unlink()
    with pytest.raises(InputError, match=r"has no a.mat"):
        list(cube_tables(task(cache, "finch")))


def test_faults_of_finch_are_as_many_as_was_said() -> None:
    cube = np.random.default_rng(5).uniform(0.2, 0.8, (12, 200, 60)).astype(np.float32)
    before = cube.copy()
    made = add_finch(cube, 0.3, 0.3, seed=1)
    np.testing.assert_array_equal(cube, before)
    assert ((made.stripes > 0).sum(1) == 18).all()
    assert made.salt.mean() == pytest.approx(0.01, abs=1e-3)
    assert made.pepper.mean() == pytest.approx(0.01, abs=1e-3)
    top = cube.max((1, 2)).astype(float)
    np.testing.assert_allclose(
        made.cube[made.salt], np.broadcast_to(top[:, None, None], cube.shape)[made.salt], rtol=1e-6
    )
    assert not made.cube[made.pepper].any()
    rest = ~(made.salt | made.pepper)
    left = (made.cube - cube - made.stripes[:, None]) / top[:, None, None]
    assert left[rest].mean() == pytest.approx(0.05, abs=1e-3)
    assert left[rest].std() == pytest.approx(0.1, abs=1e-3)
    plain = add_finch(cube, 0.3, 0.3, seed=1, biased=False)
    np.testing.assert_allclose(
        (made.cube - plain.cube)[rest],
        np.broadcast_to(0.05 * top[:, None, None], cube.shape)[rest],
        atol=1e-6,
    )


def test_stripes_have_the_deviation_that_was_asked() -> None:
    cube = np.zeros((40, 2, 500), np.float32)
    cube[:, 0] = 1  # each band has the range 1
    found = add_finch(cube, 0.3, 0.9, seed=2).stripes
    size = np.sqrt((found[found > 0] ** 2).mean())
    assert size == pytest.approx(np.sqrt(0.3**2 + 0.1**2 / 12), rel=0.03)
    with pytest.raises(InputError, match="expected in"):
        add_finch(cube, 0.3, 1.2)


def test_half_of_the_striped_columns_may_lie_in_clusters() -> None:
    rng = np.random.default_rng(3)
    for count in (0, 1, 18, 60):
        assert len(set(striped(60, count, rng).tolist())) == count


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hir-diff", "hsi-diffusion"])
def test_smoke_runs_meet_their_tables(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", "run", name, "--smoke", "--check", "-o", str(tmp_path),
                 "--device", "cpu"]) == 0  # fmt: skip
