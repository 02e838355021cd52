"""Papers on picture restoration: losses and samplers against official numbers, descriptions."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.cli import main
from undrift.common.cards import card_paths, find_card
from undrift.common.open_views import find_view
from undrift.common.predictions import target, weights
from undrift.common.processes import RDDM
from undrift.common.processes.process import over
from undrift.common.processes.residual_shift import input_scale
from undrift.common.reproduce.papers import PAPERS, find_paper
from undrift.restoration.papers import ir_sde, picture_losses, picture_samplers, rddm, resfusion
from undrift.restoration.papers.picture_damage import DAMAGE
from undrift.restoration.papers.picture_losses import Drawn, Lesson
from undrift.restoration.papers.shadow_scores import REGIONS

NAMES = ["resshift", "ir-sde", "rddm", "resfusion"]
LESSONS = {
    "resshift, 15": picture_losses.resshift(15),
    "resshift, 4": picture_losses.resshift(4),
    "ir-sde": picture_losses.ir_sde(10),
    "rddm": picture_losses.rddm(1.0),
    "resfusion": picture_losses.resfusion(),
}


def official(name: str) -> dict[str, Tensor]:
    with np.load(Path(__file__).parents[1] / "reference" / f"{name}.npz") as file:
        return {key: torch.as_tensor(file[key]).double() for key in file.files}


def first_net(x: Tensor, y: Tensor, t: Tensor, steps: int) -> Tensor:
    """The stand-ins with which the official programs were run."""
    return torch.tanh(0.3 * x + 0.5 * y) * (1 + 0.1 * over(t, x) / steps)


def second_net(x: Tensor, y: Tensor, t: Tensor, steps: int) -> Tensor:
    return torch.tanh(0.2 * x - 0.4 * y) * (1 - 0.05 * over(t, x) / steps)


def drawn(lesson: Lesson, data: dict[str, Tensor], index: list[int]) -> Drawn:
    """The state of the official arrays at integer times, counted from 0."""
    t = (torch.tensor(index).double() + 1) / lesson.steps
    x0, y, eps = data["x0"], data["y"], data["eps"]
    a, b, s = (over(f(t), x0) for f in (lesson.process.a, lesson.process.b, lesson.process.s))
    return Drawn(x0, y, t, eps, a * x0 + b * y + s * eps)


def test_the_loss_of_ir_sde_is_the_official_one() -> None:
    """Their run is in float32: its most likely state is off by up to 2e-5."""
    data = official("irsde_functions")
    lesson = picture_losses.ir_sde(float(data["max_sigma"]))
    x0, y = (data[name].expand(8, -1, -1, -1) for name in ("x0", "mu"))
    state = Drawn(x0, y, data["ts"] / data["T"], data["eps"], data["xt"])
    found = picture_losses.of_state(lesson.process, [data["net_noise"]], state)
    assert float(found) == pytest.approx(float(data["loss_l1_matching"]), rel=2e-4)
    least = picture_losses.of_state(lesson.process, [data["noise_minimising_ml_loss"]], state)
    assert float(least) < 2e-6


def test_the_least_loss_of_ir_sde_is_that_of_the_prediction_state_matching() -> None:
    lesson = LESSONS["ir-sde"]
    x0, y, noise = torch.rand(3, 6, 3, 4, 4, dtype=torch.float64)
    state = lesson.draw(x0, y, torch.tensor([0.0, 0.1, 0.35, 0.6, 0.8, 0.999]), noise)
    output = target(weights("state-matching", lesson.process, state.t), x0, y, noise)
    assert float(lesson.loss(lesson.process, [output], state)) < 1e-12
    assert float(lesson.loss(lesson.process, [output + 0.1], state)) > 1e-6


def test_the_loss_of_rddm_is_the_official_one() -> None:
    data, lesson = official("rddm_restoration"), LESSONS["rddm"]
    state = drawn(lesson, data, [123, 777])
    index = state.t * 1000 - 1
    heads = [net(state.x, state.y, index, 1000) for net in (first_net, second_net)]
    found = lesson.loss(lesson.process, heads, state)
    assert float(found) == pytest.approx(float(data["loss.pred_res_noise.l1"]), rel=1e-5)


def test_the_loss_of_resshift_is_the_official_one() -> None:
    data, lesson = official("resshift"), LESSONS["resshift, 15"]
    state = drawn(lesson, data, [3, 11])
    scale = over(input_scale(lesson.process, state.t), state.x)  # type: ignore[arg-type]
    out = first_net(state.x / scale, state.y, state.t * 15 - 1, 15)
    found = lesson.loss(lesson.process, [out], state)
    assert float(found) == pytest.approx(float(data["loss.xstart.plain.f64"].mean()), rel=1e-9)


def test_the_target_of_resfusion_is_the_official_one() -> None:
    data, lesson = official("resfusion"), LESSONS["resfusion"]
    assert lesson.steps == int(data["LinearPro.T12.T_acc"]) == 5
    for index in (0, 2, 4):
        state = drawn(lesson, data, [index, index])
        expected = data[f"LinearPro.T12.resnoise.t{index}.f64"]
        assert float(lesson.loss(lesson.process, [expected], state)) < 1e-18
        assert float(lesson.loss(lesson.process, [expected + 0.1], state)) == pytest.approx(0.01)


@pytest.mark.parametrize("name", LESSONS)
def test_times_are_uniform_over_the_integer_steps(name: str) -> None:
    lesson = LESSONS[name]
    x0, y, noise = torch.zeros(3, 2, 3, 2, 2)
    state = lesson.draw(x0, y, torch.tensor([0.0, 0.9999999]), noise)
    assert state.t.tolist() == pytest.approx([1 / lesson.steps, 1.0])
    assert float(state.x0.max()) == (0 if lesson.unit else -1)
    assert lesson.inputs(state.x, state.y, state.t).shape == (2, 6, 2, 2)


@pytest.mark.parametrize("name", LESSONS)
def test_a_perfect_network_is_sampled_to_the_clean_picture(name: str) -> None:
    """By every sampler; IR-SDE's last step still adds the noise of its chain."""
    lesson = LESSONS[name]
    process = lesson.process
    x0, y = 0.8 * torch.rand(2, 1, 3, 4, 4, dtype=torch.float64) - (0 if lesson.unit else 0.4)
    predictions = ("state-matching",) if name == "ir-sde" else lesson.heads

    def network(x: Tensor, degraded: Tensor | None, t: float) -> Tensor | list[Tensor]:
        time = torch.tensor(t, dtype=torch.float64)
        noise = (x - process.a(time) * x0 - process.b(time) * y) / process.s(time)
        found = [target(weights(p, process, time), x0, y, noise) for p in predictions]
        return found[0] if len(found) == 1 else found

    def draw(index: int) -> Tensor:
        generator = torch.Generator().manual_seed(index)
        return torch.randn(x0.shape, generator=generator, dtype=torch.float64)

    if name == "ir-sde":
        found = picture_samplers.ir_sde(network, process, y, draw)
    elif isinstance(process, RDDM):
        found = picture_samplers.rddm(network, process, y, draw)
        with_clip = picture_samplers.rddm(
            lambda x, d, t: [torch.full_like(x, 1.5), torch.zeros_like(x)], process, y, draw
        )
        assert float((with_clip - x0).abs().max()) > 0.1
    else:
        found = picture_samplers.whole_chain(
            network, process, lesson.steps, lesson.heads[0], y, draw
        )
    torch.testing.assert_close(found, x0, rtol=0, atol=2e-3 if name == "ir-sde" else 1e-6)


def test_damages_are_functions_of_picture_and_number() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    for name, damage in DAMAGE.items():
        found = damage(picture, 7)
        assert (found.dtype, found.shape) == (np.uint8, picture.shape)
        assert np.array_equal(found, damage(picture, 7))
        assert not np.array_equal(found, picture), name
    holes = (DAMAGE["holes"](picture | 1, 3) == 0).all(2)
    assert 0.2 < holes.mean() < 0.4


@pytest.mark.parametrize("name", NAMES)
def test_they_are_partial_and_say_what_is_missing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    paper = find_paper(name)
    assert not paper.whole
    for table in paper.of("run"):
        needs = table.missing()
        assert needs == table.needs
        folder, _, card = needs[0].name.partition("/")
        assert folder == "papers"
        assert (card in card_paths()) == (f"undrift data show {card} " in needs[0].how)
        assert card in card_paths() or "below the cache folder" in needs[0].how
    assert main(["reproduce", "run", name, "-q", "-o", str(tmp_path / "out")]) == 5


@pytest.mark.parametrize("name", NAMES)
def test_every_open_table_has_a_run_that_gives_its_columns(name: str) -> None:
    paper = find_paper(name)
    runs = importlib.import_module(paper.measure.partition(":")[0]).RUNS
    tables = {t.name: t for t in paper.of("run") if all(n.kind != "code" for n in t.needs)}
    assert tables.keys() == runs.keys()
    regions = {f"{score} {region}" for score in ("PSNR", "SSIM", "MAE") for region in REGIONS}
    for key, run in runs.items():
        given = regions if run.protocol is None else {"PSNR", "SSIM"}
        figures = tables[key].figures
        assert {figure.row for figure in figures} <= {run.row}
        assert {figure.column for figure in figures} in (given, set())
        assert tables[key].needs[0].name == f"papers/{run.card}"
        if run.card in card_paths():
            view = find_view(find_card(run.card), run.split, run.view)
            assert view.patterns.keys() >= {"clean", "degraded"}
            assert run.protocol is not None or view.mask


def test_the_published_tables_say_what_the_papers_say_of_them() -> None:
    """Resfusion is above RDDM everywhere at 256 pixels but outside of shadow; inputs are worst."""
    ours, other = ({t.name: t for t in find_paper(n).of("run")} for n in ("resfusion", "rddm"))
    rows = {"istd-256": rddm.ROW, "lol-256": rddm.RESIDUAL_ROW, "raindrop-256": rddm.ROW}
    for name, row in rows.items():
        for figure in ours[name].figures:
            rival, start = (
                tables[place].figure(which, figure.column)
                for tables, place, which in ((other, name, row), (other, f"{name}-input", "input"))
            )
            assert rival and start
            assert figure.row == resfusion.ROW
            if figure.column.startswith("PSNR"):
                assert start.value < rival.value < figure.value
    assert {name for name in ir_sde.PUBLISHED} == {
        "rain100h", "rain100l", "gopro", "div2k", "celeba-hq"
    }  # fmt: skip


def test_the_page_of_papers_names_every_paper() -> None:
    page = (Path(__file__).parents[2] / "docs/papers.md").read_text()
    assert all(f"| `{name}` |" in page for name in PAPERS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_smoke_runs_meet_their_figures(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", "run", name, "--smoke", "-q", "-o", str(tmp_path)]) == 0
    [table] = json.loads((tmp_path / f"{name}-smoke.json").read_text())["tables"]
    [smoke] = find_paper(name).of("smoke")
    asked = [figure for figure in table["figures"] if figure["asked"]]
    assert len(asked) == len(smoke.figures)
    assert all(figure["ok"] for figure in asked)
