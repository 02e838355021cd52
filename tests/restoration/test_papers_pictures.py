"""Papers on picture restoration: losses and samplers against official numbers, and whole runs."""

import importlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from undrift.cli import main
from undrift.common.cards import card_paths, find_card
from undrift.common.predictions import target, weights
from undrift.common.processes import RDDM
from undrift.common.processes.process import over
from undrift.common.processes.residual_shift import input_scale
from undrift.common.reproduce.papers import PAPERS, find_paper
from undrift.common.resize import upscale
from undrift.restoration.datasets.dataset import find_view
from undrift.restoration.papers import ir_sde, picture_losses, picture_samplers, rddm, resfusion
from undrift.restoration.papers.picture_damage import DAMAGE
from undrift.restoration.papers.picture_losses import Drawn, Lesson
from undrift.restoration.papers.picture_runs import as_bytes
from undrift.restoration.papers.picture_scores import Protocol
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


def textured(contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """A grey pattern, and the same with noise that gives 25.01 dB of luma; uint8 (3, 64, 64)."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((64, 64))
    noise *= 255 * 10 ** (-25.01 / 20) * 255 / 219 / np.sqrt((noise**2).mean())
    wave = np.sin(np.arange(64) * 0.9)[:, None] * np.cos(np.arange(64) * 0.7)
    clean = np.rint(128 + contrast * wave).astype(np.uint8)
    spoilt = np.rint(np.clip(clean + noise, 0, 255)).astype(np.uint8)
    return (np.stack([clean] * 3), np.stack([spoilt] * 3))


def pair_of_published_scores() -> tuple[np.ndarray, np.ndarray]:
    """(clean, restored) with the PSNR and SSIM of ResShift's table, found by bisection."""
    low, high = 5.0, 70.0
    for _ in range(12):
        middle = (low + high) / 2
        clean, restored = textured(middle)
        similarity = Protocol("rounded luma").scores(restored, clean)["SSIM"]
        low, high = (low, middle) if similarity > 0.677 else (middle, high)
    return textured(low)


def save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture.transpose(1, 2, 0)).save(path)


def imagenet(root: Path, pairs: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """A test set of ResShift with the layout of its card: 64 pixels, and 16."""
    clean, restored = pair_of_published_scores()
    made = []
    for k in range(pairs):
        turned = (np.rot90(clean, k, (1, 2)), np.rot90(restored, k, (1, 2)))
        save(root / f"papers/imagenet-test/gt/{k}.png", turned[0])
        save(root / f"papers/imagenet-test/lq/{k}.png", turned[0][:, 1::4, 1::4])
        made.append(turned)
    return made


def measured(folder: Path, paper: str, table: str) -> dict[str, object]:
    """Column -> number of a table of a run."""
    tables = json.loads((folder / f"{paper}.json").read_text())["tables"]
    [found] = [entry for entry in tables if entry["table"] == table]
    return {cell["column"]: cell["measured"] for cell in found["figures"]}


def test_check_of_a_folder_in_the_real_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Restored pictures with the published scores pass; the clean ones themselves do not."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    pairs = imagenet(tmp_path, 3)
    results = tmp_path / "papers/resshift/imagenet-test/results"
    command = ["reproduce", "run", "resshift", "--check", "-q", "-o", str(tmp_path / "out")]
    for k, (_, restored) in enumerate(pairs):
        save(results / f"{k}.png", restored)
    assert main(command) == 0
    found = measured(tmp_path / "out", "resshift", "imagenet-test")
    expected = [Protocol("rounded luma").scores(restored, clean) for clean, restored in pairs]
    assert found == pytest.approx(
        {name: np.mean([e[name] for e in expected]) for name in ("PSNR", "SSIM")}
    )
    for k, (clean, _) in enumerate(pairs):
        save(results / f"{k}.png", clean)
    assert main(command) == 4
    assert "imagenet-test: ResShift, 15 steps, PSNR" in capsys.readouterr().err
    assert measured(tmp_path / "out", "resshift", "imagenet-test")["PSNR"] == "inf"


def test_a_model_restores_where_there_are_no_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain_sr_model: str
) -> None:
    """A network that gives 0 enlarges by the bicubic rule."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    pairs = imagenet(tmp_path, 1)
    folder = tmp_path / "papers/resshift/imagenet-test"
    folder.mkdir(parents=True)
    shutil.copy(plain_sr_model, folder / "model.safetensors")
    assert main(["reproduce", "run", "resshift", "-q", "-o", str(tmp_path / "out")]) == 0
    [(clean, _)] = pairs
    small = torch.from_numpy(clean[:, 1::4, 1::4] / 255.0)
    expected = Protocol("rounded luma").scores(as_bytes(upscale(small, 4).numpy()), clean)
    found = measured(tmp_path / "out", "resshift", "imagenet-test")
    assert found == pytest.approx(expected, abs=1e-2)
    (folder / "results").mkdir()
    assert main(["reproduce", "run", "resshift", "-q", "-o", str(tmp_path / "out")]) == 3


def test_shadows_and_dark_pictures_are_scored_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ISTD and LOL in their layouts: closed forms of constant pictures."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    mask = np.zeros((3, 24, 32), np.uint8)
    mask[:, :, :8] = 255
    clean = np.full((3, 24, 32), 120, np.uint8)
    shadowed = np.where(mask > 0, 60, clean).astype(np.uint8)
    for side, picture in {"A": shadowed, "B": mask, "C": clean}.items():
        save(tmp_path / f"papers/istd/test/test_{side}/1-1.png", picture)
    save(tmp_path / "papers/lol/eval15/high/1.png", clean)
    save(tmp_path / "papers/lol/eval15/low/1.png", clean // 2)
    assert main(["reproduce", "run", "resfusion", "-q", "-o", str(tmp_path / "out")]) == 0
    found = measured(tmp_path / "out", "resfusion", "istd-input")
    whole = 20 * np.log10(255 / 60) + 10 * np.log10(4)
    assert found["PSNR shadow"] == pytest.approx(whole)
    assert found["PSNR all"] == pytest.approx(whole)
    assert found["PSNR non-shadow"] == "inf"
    assert found["MAE non-shadow"] == 0
    dark = measured(tmp_path / "out", "resfusion", "lol-input")
    assert dark["PSNR"] == pytest.approx(20 * np.log10(255 / 60))
    luma = measured(tmp_path / "out", "resfusion", "lol-256-input")
    levels = [np.floor(16 + 219 / 255 * grey + 0.5) for grey in (120, 60)]
    assert luma["PSNR"] == pytest.approx(20 * np.log10(255 / (levels[0] - levels[1])))


def test_missing_and_double_pictures_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    pairs = imagenet(tmp_path, 2)
    save(tmp_path / "papers/resshift/imagenet-test/results/1.png", pairs[1][0])
    assert main(["reproduce", "run", "resshift", "-q", "-o", str(tmp_path / "out")]) == 3
    assert "no picture of 1 items: 0" in capsys.readouterr().err


def test_faces_without_a_card_are_read_from_a_plain_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A border of 4 pixels does not count, nor how the restored pictures are called besides."""
    monkeypatch.setenv("UNDRIFT_CACHE", str(tmp_path))
    clean, restored = np.zeros((2, 3, 32, 32), np.uint8)
    restored[:, :4] = 255
    restored[:, 8:] = 51
    (tmp_path / "papers/celeba-hq/clean").mkdir(parents=True)
    save(tmp_path / "papers/ir-sde/celeba-hq/results/7.png", restored)
    command = ["reproduce", "run", "ir-sde", "-q", "-o", str(tmp_path / "out")]
    assert main(command) == 3
    assert "holds no picture" in capsys.readouterr().err
    save(tmp_path / "papers/celeba-hq/clean/7.png", clean)
    assert main(command) == 0
    found = measured(tmp_path / "out", "ir-sde", "celeba-hq")["PSNR"]
    assert found == pytest.approx(20 * np.log10(5) - 10 * np.log10(20 / 24))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_smoke_runs_meet_their_figures(name: str, tmp_path: Path) -> None:
    assert main(["reproduce", "run", name, "--smoke", "-q", "-o", str(tmp_path)]) == 0
    [table] = json.loads((tmp_path / f"{name}-smoke.json").read_text())["tables"]
    [smoke] = find_paper(name).of("smoke")
    asked = [figure for figure in table["figures"] if figure["asked"]]
    assert len(asked) == len(smoke.figures)
    assert all(figure["ok"] for figure in asked)
