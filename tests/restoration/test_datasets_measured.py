"""Benchmarks on data sets that lie on disc."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from layouts import by_pattern, views
from PIL import Image

from undrift.common.errors import InputError, UsageError
from undrift.common.resize import bicubic
from undrift.restoration.benchmark import benchmark
from undrift.restoration.datasets.measured import Measured
from undrift.restoration.scoring_cli import benchmark as command

torch = pytest.importorskip("torch")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Set5 of one picture of noise: its own small picture is the mean of 4 x 4 pixels."""
    clean = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    small = clean.reshape(12, 4, 16, 4, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    for folder, pixels in (("GTmod12", clean), ("LRbicx4", small)):
        (tmp_path / "Set5" / folder).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "Set5" / folder / "baby.png")
    return tmp_path


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((a.astype(np.float64) - b) ** 2)))


def test_the_small_pictures_are_the_data_sets_own(root: Path) -> None:
    table = benchmark("set5", "sr", scale=4, methods=["bicubic"], root=root, view="mod12-x4")
    (entry,) = table.scores
    assert entry.item == "baby" and "x4 as given" in table.settings["conditions"]
    ((_, clean),) = Measured("set5", root, view="mod12-x4")
    small = Measured("set5", root, view="mod12-x4").degraded("baby")
    large = bicubic(torch.from_numpy(small), (48, 64)).numpy().clip(0, 1)
    inside = (slice(None), slice(4, -4), slice(4, -4))
    assert entry.scores["psnr"] == pytest.approx(psnr(large[inside], clean[inside]), abs=1e-3)
    own = benchmark("set5", "sr", scale=4, methods=["bicubic"], root=root, view="mod12")
    assert own.scores[0].scores["psnr"] != pytest.approx(entry.scores["psnr"], abs=1e-3)


def test_other_tasks_degrade_the_clean_pictures(root: Path) -> None:
    table = benchmark("set5", "denoise", sigmas=[25], methods=["identity"], root=root)
    # white noise of deviation 25 / 255, clipped: no worse than unclipped
    assert 20 * np.log10(255 / 25) < table.scores[0].scores["psnr"] < 24


def test_the_split_for_tests_is_the_default(tmp_path: Path) -> None:
    for view in views("gopro"):
        if view.name == "gamma":
            by_pattern(tmp_path, view)
    assert Measured("gopro", tmp_path).data.view.split == "test"
    assert Measured("gopro", tmp_path, "train").data.view.split == "train"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scale": 2}, "the view mod12-x4 is of scale 4, not 2"),
        ({"crop": 16}, "crop cuts clean pictures"),
        ({"items": ["babi"]}, "no item 'babi'; did you mean 'baby'"),
        ({"root": None}, "a view belongs to a data set on disc"),
        ({"view": "mod12-x44"}, "no view */mod12-x44; did you mean 'mod12-x4'"),
    ],
)
def test_what_does_not_fit_is_told(root: Path, given: dict, said: str) -> None:
    call = {"scale": 4, "root": root, "view": "mod12-x4", "methods": ["bicubic"], **given}
    with pytest.raises(UsageError) as caught:
        benchmark("set5", "sr", **call)
    assert said in str(caught.value)


def test_sets_without_references_are_refused(tmp_path: Path) -> None:
    from layouts import matlab_photographs

    matlab_photographs(tmp_path, [[1, 1, 8, 8]])
    with pytest.raises(UsageError, match=r"dnd benchmark/srgb has no clean pictures"):
        Measured("dnd", tmp_path)


def test_the_command_takes_root_and_view(root: Path) -> None:
    arguments = ["set5", "--root", str(root), "--view", "mod12-x4", "--task", "sr"]
    done = CliRunner().invoke(command, [*arguments, "--method", "bicubic", "-q"])
    assert done.exit_code == 0 and "x4 as given" in done.stdout
    refused = CliRunner().invoke(
        command, ["set5", "--root", str(root), "--task", "all"], standalone_mode=False
    )
    assert isinstance(refused.exception, UsageError)
    assert "--root and --view belong to one task" in str(refused.exception)
    with pytest.raises(InputError, match="nowhere is not a folder"):
        benchmark("set5", "sr", root=root / "nowhere", methods=["bicubic"])
