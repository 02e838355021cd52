"""The shipped recipes, and training by `undrift train` on pictures of one's own."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from undrift.cli import main
from undrift.common.card_schema import DOMAINS
from undrift.common.cards import card_paths
from undrift.common.config import load
from undrift.common.errors import InputError
from undrift.common.solvers import build_solver
from undrift.common.training.recipe import Recipe
from undrift.common.training.recipes import find_recipe, read_recipe, recipe_paths
from undrift.common.weights.files import load_denoiser, read_settings
from undrift.restoration.data import Crops
from undrift.restoration.self_supervised.data import NoisyFolder, NoisySettings
from undrift.restoration.training import DataSettings, FolderSource, open_data, open_validation
from undrift.restoration.validation import TEST_CARD, ValidationSettings
from undrift.scientific.atmosphere.mean import WithMaps
from undrift.speech.signal import read_signal
from undrift.speech.storm import has_two_stages, two_stages

RECIPES = sorted(recipe_paths())
TINY = [
    *("-s", "network.params={inputs: 3, unshuffle: 2, widths: [8], depths: [1], features: 8}"),
    *("-s", "schedule={iterations: 3, decay: 0, batch: 2, save_every: 2}"),
    *("-s", "data.crop=16", "-s", "loss.kind=l1", "--device", "cpu"),
]


def draw(path: Path, height: int, width: int, seed: int) -> None:
    """A small smooth random picture."""
    random = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(random).resize((width, height), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for k in range(3):
        draw(tmp_path / "pictures" / f"{k}.png", 40, 48, k)
    return tmp_path / "pictures"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    for k in range(3):
        draw(tmp_path / "pairs/clean" / f"{k}.png", 48, 64, k)
        small = Image.open(tmp_path / "pairs/clean" / f"{k}.png").resize((32, 24))
        (tmp_path / "pairs/degraded").mkdir(exist_ok=True)
        small.save(tmp_path / "pairs/degraded" / f"{k}.png")
    return tmp_path / "pairs"


def test_the_default_models_have_recipes() -> None:
    assert {"leaves-denoise", "leaves-sr", "own-folder", "own-pairs"} <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_is_complete_and_builds(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.id == name and recipe.domain in DOMAINS
    with torch.device("meta"):
        denoiser = recipe.settings({}).build()
    x = torch.zeros(*_shape(recipe), device="meta")
    y = torch.zeros_like(x) if recipe.scaling.centre is None else None
    if has_two_stages(denoiser):
        denoiser = denoiser.with_network(two_stages(denoiser).given(x))
    if recipe.task == "atmos-mean" and recipe.network.params["inputs"] != 6:
        maps = torch.zeros(1, 6, 16, 16, device="meta")  # what sensors say, and where
        denoiser = denoiser.with_network(WithMaps(denoiser.network, maps))
    count = len(recipe.levels) or int(str(recipe.network.params.get("images", 0)))
    level = torch.zeros(1, count, device="meta") if count else None
    if recipe.task == "deform":  # the network gives a displacement and no signal
        assert denoiser.network(x, x.new_zeros(1)).shape == (1, 3, 16, 16, 16)
    else:
        assert denoiser(x, 0.5, y, level).x0.shape == x.shape
    assert set(recipe.presets) == {"fast", "balanced", "best"}
    for preset in recipe.presets.values():
        build_solver(preset.solver)


def _shape(recipe: Recipe) -> tuple[int, ...]:
    """A state: of pictures, of volumes, of cubes, or a spectrogram of 64 frames."""
    if recipe.domain == "restoration":
        return 1, 3, 16, 16
    if recipe.domain == "medical":
        channels = "inputs" if recipe.task == "deform" else "outputs"
        return 1, int(str(recipe.network.params[channels])), 16, 16, 16
    if recipe.task.startswith("atmos"):
        return 1, 3, 16, 16
    if recipe.task == "hsi-denoise":  # coefficients and their guesses, or voxels of four channels
        images = recipe.network.params.get("images")
        return (1, 2 * int(str(images)), 16, 16) if images else (1, 4, 16, 16, 16)
    return 1, 2, read_signal(recipe.signal).spectrogram.bins, 64


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("leaves")])
def test_what_a_recipe_trains_and_validates_on_has_a_card(name: str) -> None:
    recipe = read_recipe(name)
    data = load(DataSettings, recipe.data)
    assert data.source.kind in card_paths()
    card = load(ValidationSettings, recipe.validation).card
    assert card in card_paths() and card != TEST_CARD
    open_validation(recipe.validation, recipe)


@pytest.mark.parametrize("name", [name for name in RECIPES if name.startswith("own")])
def test_the_examples_are_short_and_need_only_a_folder(name: str) -> None:
    text = recipe_paths()[name].read_text()
    assert len([line for line in text.splitlines() if not line.startswith("#")]) <= 10
    recipe = read_recipe(name)
    schema = NoisySettings if recipe.task == "self-supervised" else DataSettings
    assert isinstance(load(schema, recipe.data).source, FolderSource | NoisyFolder)


def test_the_test_card_is_refused_for_validation() -> None:
    recipe = read_recipe("leaves-denoise", (f"validation.card={TEST_CARD}",))
    with pytest.raises(InputError, match=rf"validation\.card: {TEST_CARD} is for reporting"):
        open_validation(recipe.validation, recipe)


def test_extending_merges_sections_and_replaces_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "id: mine\nextends: leaves-denoise\nvalidation: {}\n"
        "schedule: {batch: 3}\ndata: {source: {kind: folder, path: x}}\n"
    )
    mine, parent = read_recipe(path, ("schedule.seed=5",)), read_recipe("leaves-denoise")
    assert mine.schedule == parent.schedule.model_copy(update={"batch": 3, "seed": 5})
    assert mine.data == {**parent.data, "source": {"kind": "folder", "path": "x"}}
    assert mine.network == parent.network and mine.validation == {}
    child = tmp_path / "child.yaml"
    child.write_text("id: child\nextends: mine.yaml\nschedule: {rate: 0.5}\n")
    assert read_recipe(child).schedule == mine.schedule.model_copy(update={"rate": 0.5, "seed": 0})
    path.write_text("extends: child.yaml\n")
    with pytest.raises(InputError, match="extends itself"):
        read_recipe(child)


def test_an_unknown_recipe_has_a_hint() -> None:
    with pytest.raises(
        InputError, match=r"no recipe 'leaves-denoize'.*did you mean 'leaves-denoise'"
    ):
        find_recipe("leaves-denoize")


def test_a_trial_makes_a_small_bank_that_is_thrown_away(tmp_path: Path) -> None:
    settings = {"source": {"kind": "leaves", "count": 1000, "size": 64}, "crop": 16}
    data = open_data(settings, "denoise", 0, tmp_path)
    assert data[0]["x0"].shape == (3, 16, 16)
    assert [len(np.load(path, mmap_mode="r")) for path in tmp_path.glob("*.npy")] == [4]


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_a_dry_run_tells_the_cost_and_writes_nothing(
    pictures: Path,
    tmp_path: Path,
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    command = ["train", "own-folder", "-s", "data.source.path=pictures", *TINY, "--dry-run"]
    assert main([*command, "-s", f"schedule.precision={precision}"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["recipe"] == "own-folder" and facts["precision"] == precision
    assert facts["sample"]["x0"] == [3, 16, 16] and facts["batch"] == 2
    assert len(facts["losses"]) == 2 and facts["peak_mb"] > 0
    assert 0 < facts["spread"] < 0.5
    assert sorted(tmp_path.rglob("*")) == before


def test_an_own_folder_trains_to_weights_that_load(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ["-s", f"data.source.path={pictures}"]
    held_out = ["-s", f"validation={{path: {pictures}, crop: 32, sigmas: [25]}}"]
    command = ["train", "own-folder", *source, *held_out, *TINY, "-o", str(tmp_path / "run")]
    assert main(command) == 0
    said = capsys.readouterr()
    path = Path(said.out.strip())
    assert path == tmp_path / "run/own-folder.safetensors"
    assert "validation sigma25" in said.err
    assert (tmp_path / "run/validation/0000003/sigma25.png").is_file()
    denoiser, settings = load_denoiser(path)
    assert settings.task == "denoise" and settings.record["iterations"] == 3
    assert denoiser(torch.rand(1, 3, 20, 20), 0.3).x0.shape == (1, 3, 20, 20)
    assert main([*command, "-s", "schedule.iterations=4"]) == 0  # goes on
    assert "goes on after iteration 3" in capsys.readouterr().err
    assert read_settings(path).record["iterations"] == 4
    assert main([*command, "-s", "schedule.rate=0.5"]) == 3
    assert "schedule.rate was 0.001, is 0.5" in capsys.readouterr().err
    assert main([*command, "-s", "schedule.rate=0.001", "--restart", "-q"]) == 0
    assert not capsys.readouterr().err


def test_an_interrupt_saves_and_exits_with_130(
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = Crops.__getitem__

    def interrupted(self: Crops, n: int) -> dict[str, torch.Tensor]:
        if n == 3:  # a sample of the second step
            os.kill(os.getpid(), signal.SIGINT)
        return whole(self, n)

    monkeypatch.setattr(Crops, "__getitem__", interrupted)
    run = tmp_path / "run"
    command = ["train", "own-folder", "-s", f"data.source.path={pictures}", *TINY, "-o", str(run)]
    assert main(command) == 130
    assert "holds iteration 2" in capsys.readouterr().err
    assert torch.load(run / "checkpoint.pt", weights_only=True)["iteration"] == 2
    assert read_settings(run / "own-folder.safetensors").record["iterations"] == 2


def test_own_pairs_train_and_validate(
    pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = "{inputs: 6, unshuffle: 2, widths: [8], depths: [1], features: 8, levels: 1}"
    sources = [f"data.source.path={pairs}", f"validation={{path: {pairs}, crop: 20}}"]
    settings = [*sources, f"network.params={network}"]
    overrides = [part for text in settings for part in ("-s", text)]
    assert main(["train", "own-pairs", *TINY, *overrides, "-o", str(tmp_path / "run")]) == 0
    path = Path(capsys.readouterr().out.strip())
    denoiser, header = load_denoiser(path)
    assert header.task == "paired" and header.presets["best"].back_projections == 0
    y = torch.rand(1, 3, 16, 16)
    assert denoiser(y, 1.0, y, torch.tensor([[0.5]])).x0.shape == y.shape
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    score = lines[-1]["validation"]["pairs"]
    # three steps change little: the enlarged degraded picture itself
    recipe = read_recipe("own-pairs", tuple(sources))
    validate = open_validation(recipe.validation, recipe)

    def identity(x: torch.Tensor, t: object, y: torch.Tensor, level: torch.Tensor) -> object:
        assert level.tolist() == [[0.5]]  # half the log2 of the scale 2
        return type("Estimate", (), {"x0": y})

    identity.parameters = lambda: iter([torch.zeros(())])  # type: ignore[attr-defined]
    assert score == pytest.approx(validate(identity, tmp_path)["pairs"], abs=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["no-such"], "no recipe 'no-such'"),
        (["own-folder", "-s", "data.source.path=nowhere"], "nowhere does not exist"),
        (
            ["own-folder", "-s", "schedule.batchs=3"],
            "schedule.batchs: unknown key; did you mean 'batch'",
        ),
        (["own-folder", "-s", "data.crops=3"], "data: crops: unknown key; did you mean 'crop'"),
        (["own-folder", "-s", "task=denoize"], "'denoize' is not one of denoise, sr, paired"),
        (["own-pairs", "-s", "validation.crop=30"], "validation.path: missing"),
        (["own-pairs", "-s", "validation.path=none"], "validation.path: none is not a folder"),
        (["own-folder", "-s", "batch"], "expected KEY=VALUE"),
    ],
)
def test_mistakes_are_told_and_nothing_is_written(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *arguments, "--device", "cpu"]) == 3
    assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
