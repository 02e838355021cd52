"""A data set that is not as its card says: each mistake is told with the file and what to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from layouts import by_pattern, draw, matlab_blocks, matlab_photographs, views, with_views

from undrift.common import cards
from undrift.common.cards import cards_folder, find_card, load_card
from undrift.common.data_cli import data
from undrift.common.errors import InputError
from undrift.restoration.datasets.check import check_views
from undrift.restoration.datasets.dataset import CardData


def run(*args: object) -> Result:
    return CliRunner().invoke(data, [str(arg) for arg in args], standalone_mode=False)


def div2k(root: Path) -> Path:
    by_pattern(root, next(v for v in views("div2k") if v.name == "bicubic-x4"))
    (root / "DIV2K_train_LR_bicubic/X4/00001x4.png").unlink()
    return root


def flickr2k(root: Path) -> Path:
    by_pattern(root / "Flickr2K", views("flickr2k")[0])
    return root


def gopro(root: Path) -> Path:
    by_pattern(root, views("gopro")[0])
    return root / "train"


def realsr(root: Path) -> Path:
    by_pattern(root, views("realsr")[0])
    draw(root / "w0/Train/4/00000_LR4.png", 0, (8, 13))
    return root


def ffhq(root: Path) -> Path:
    by_pattern(root, views("ffhq")[0])
    return root


def imagenet(root: Path) -> Path:
    by_pattern(root, views("imagenet-test")[0])
    shutil.rmtree(root / "lq")
    return root


def lol(root: Path) -> Path:
    by_pattern(root, views("lol")[0])
    path = root / "our485/low/00001.png"
    path.write_bytes(path.read_bytes()[:60])
    return root


def istd(root: Path) -> Path:
    by_pattern(root, views("istd")[1])
    draw(root / "test/test_B/00000.png", 255, (8, 8))
    return root


def raindrop(root: Path) -> Path:
    by_pattern(root, views("raindrop")[0])
    draw(root / "train/gt/00000_clean.jpg", 0)
    return root


def rain100h(root: Path) -> Path:
    by_pattern(root, views("rain100h")[1])
    (root / "Rain100H/norain-00000.png").unlink()
    return root


def rain100l(root: Path) -> Path:
    by_pattern(root, views("rain100l")[0])
    (root / "RainTrainL/rain-00001.png").rename(root / "RainTrainL/rain1.png")
    return root


def sidd(root: Path) -> Path:
    for side, lead in (("Gt", (2, 3)), ("Noisy", (2, 2))):
        name = f"Validation{side}BlocksSrgb"
        matlab_blocks(root / f"{name}.mat", name, 100, lead)
    return root


def dnd(root: Path) -> Path:
    matlab_photographs(root, [[1, 1, 4, 600]])
    return root


def cbsd68(root: Path) -> Path:
    by_pattern(root, next(v for v in views("cbsd68") if v.name == "noisy25"))
    draw(root / "CBSD68/noisy25/00001.png", 0, (12, 8))
    return root


def set5(root: Path) -> Path:
    draw(root / "Set5/baby.png", 0)
    return root


def set14(root: Path) -> Path:
    by_pattern(root, views("set14")[0])
    (root / "Set14/GTmod12/00001.png").write_text("<html>Sign in</html>")
    return root


WRONG: list[tuple[str, Callable[[Path], Path], list[str]]] = [
    ("div2k", div2k, ["DIV2K_train_HR/00001.png has no degraded partner",
                      "DIV2K_train_LR_bicubic/X4/00001x4.png; add it, or remove the file"]),
    ("flickr2k", flickr2k, ["fits Flickr2K_HR/{item}.png; found below", "/Flickr2K: use that"]),
    ("gopro", gopro, ["/train fits train/{scene}/sharp/{frame}.png; found below"]),
    ("realsr", realsr, ["00000_LR4.png is 8 x 13 (height x width) and",
                        "expected clean = 4 x degraded: get both from the same release"]),
    ("ffhq", ffhq, ["00000.png is 8 x 12 (height x width); the card says 1024 x 1024",
                    "has 2 items; the card says 60000"]),
    ("imagenet-test", imagenet, ["no degraded file at all",
                                 "lq/{item}.png matches nothing; add"]),
    ("lol", lol, ["our485/low/00001.png:", "has 2 items; the card says 485"]),
    ("istd", istd, ["test_B/00000.png is 8 x 8 (height x width), unlike its picture"]),
    ("raindrop", raindrop, ["00000_clean.jpg and", "are both clean of 00000; keep one"]),
    ("rain100h", rain100h, ["rain-00000.png has no clean partner",
                            "Rain100H/norain-00000.png; add"]),
    ("rain100l", rain100l, ["norain-00001.png has no degraded partner"]),
    ("sidd", sidd, ["different numbers of blocks", "ValidationNoisyBlocksSrgb.mat (2, 2)",
                    "get both from the same release"]),
    ("dnd", dnd, ["0001.mat: the box (0, 0, 4, 600) does not fit its 20 x 30 pixels"]),
    ("cbsd68", cbsd68, ["noisy25/00001.png is 12 x 8 (height x width)"]),
    ("set5", set5, ["fits Set5/GTmod12/{item}.png; see the card's layout"]),
    ("set14", set14, ["Set14/GTmod12/00001.png:"]),
]  # fmt: skip


@pytest.mark.parametrize(("card", "make", "said"), WRONG, ids=[row[0] for row in WRONG])
def test_a_wrong_folder_is_told_with_the_file_and_what_to_do(
    tmp_path: Path, card: str, make: Callable[[Path], Path], said: list[str]
) -> None:
    error = run("verify", card, "--root", make(tmp_path)).exception
    assert isinstance(error, InputError), error
    for words in said:
        assert words in str(error), str(error)


def test_every_card_with_views_has_a_wrong_folder() -> None:
    assert with_views() == {card for card, _, _ in WRONG}


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    div2k(tmp_path)
    draw(tmp_path / "DIV2K_train_HR/00001.png", 0)
    by_pattern(tmp_path, next(v for v in views("div2k") if v.name == "bicubic-x2"), 1)
    draw(tmp_path / "DIV2K_train_LR_bicubic/X2/00007x2.png", 0)
    said = str(run("verify", "div2k", "--root", tmp_path).exception)
    assert "train/hr has 2 items; the card says 800" in said
    assert "train/bicubic-x2 " in said and "00007x2.png has no clean partner" in said
    assert "train/bicubic-x4 " in said
    assert "valid/" not in said and "x3" not in said  # nothing is there of these
    with pytest.raises(InputError, match=r"div2k:\n  .*00007x2\.png"):
        CardData("div2k", tmp_path, "train", "bicubic-x2")


def test_another_arrangement_is_found_one_folder_below(tmp_path: Path) -> None:
    by_pattern(tmp_path / "data", next(v for v in views("set5") if v.name == "srf-x2"))
    said = str(run("verify", "set5", "--root", tmp_path).exception)
    assert f"found below {tmp_path / 'data'}: use that as the root" in said


def test_many_problems_of_one_kind_are_counted(tmp_path: Path) -> None:
    by_pattern(tmp_path, views("lol")[0], 12)
    for path in (tmp_path / "our485/low").iterdir():
        if path.stem != "00000":
            path.unlink()
    said = str(run("verify", "lol", "--root", tmp_path).exception)
    assert said.count("has no degraded partner") == 8
    assert "and 3 more without degraded partner" in said


def test_a_whole_set_verifies_and_shows_its_views(tmp_path: Path) -> None:
    for view in views("set5"):
        if view.name in ("mod12", "mod12-x2"):
            by_pattern(tmp_path, view, 5)
    assert "set5: all is there" in run("verify", "set5", "--root", tmp_path).stderr
    rows = [check.name for check in check_views(find_card("set5"), tmp_path)]
    assert rows == ["test/mod12", "test/mod12-x2"]
    assert "split train: an unknown number of items, for train" in run("show", "sidd").stdout
    shown = run("show", "set5").stdout
    assert "view test/srf-x4: clean Set5/image_SRF_4/img_{item}_SRF_4_HR.png, degraded" in shown


def test_verify_needs_a_root_and_making_is_not_offered(tmp_path: Path) -> None:
    assert "say where its data lie: --root DIR" in str(run("verify", "lol").exception)
    said = str(run("make", "lol", "-o", tmp_path / "out").exception)
    assert "lol cannot be made here; its card says:" in said and "our485" in said


def test_a_scene_in_two_splits_is_a_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = cards.card_paths()["gopro"].read_text(encoding="utf-8")
    for number in (2103, 1111):
        text = text.replace(f"items: {number}", "items: null")
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/gopro.md").write_text(text.replace("size: [720, 1280]", "scale: 1"))
    monkeypatch.setattr(cards, "cards_folder", lambda: tmp_path / "cards")
    root = tmp_path / "root"
    by_pattern(root, views("gopro")[0])
    assert "all is there" in run("verify", "gopro", "--root", root).stderr
    shutil.copytree(root / "train/w1", root / "test/w1")
    said = str(run("verify", "gopro", "--root", root).exception)
    assert "w1 lies in the splits test, train: a leak" in said and "w0" not in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("split: test", "split: tset", "no split is named 'tset'"),
        ("low/{item}.png", "low/{itm}.png", "degraded lacks {item}, which item or group needs"),
        ("size: [400, 600]", "size: [400]", "size needs two numbers"),
        ("size: [400, 600]", "reader: boxes", "the reader boxes, and no other, needs boxes"),
        ("name: pairs\n      split: test", "name: pairs\n      split: train", "share a name"),
    ],
)
def test_mistakes_in_views_are_mistakes_of_the_card(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = (cards_folder() / "lol.md").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "lol.md").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_card(tmp_path / "lol.md")
    assert said in str(caught.value)


def test_matlab_files_that_cannot_serve_are_named(tmp_path: Path) -> None:
    name = "BenchmarkNoisyBlocksSrgb"
    (tmp_path / f"{name}.mat").write_bytes(b"not MATLAB" * 20)
    with pytest.raises(InputError, match=rf"{name}\.mat is no readable MATLAB file"):
        CardData("sidd", tmp_path, "benchmark")
    matlab_blocks(tmp_path / f"{name}.mat", "Other", 1)
    with pytest.raises(InputError, match=rf"{name}\.mat holds no variable {name}"):
        CardData("sidd", tmp_path, "benchmark")
    matlab_photographs(tmp_path / "dnd", [[1, 1, 4, 4]], 1)
    (tmp_path / "dnd/images_srgb/0001.mat").rename(tmp_path / "dnd/images_srgb/0002.mat")
    with pytest.raises(InputError, match="has boxes for 1 pictures, none for 0002"):
        CardData("dnd", tmp_path / "dnd")
    (tmp_path / "dnd/info.mat").unlink()
    with pytest.raises(InputError, match=r"info\.mat cannot be read"):
        CardData("dnd", tmp_path / "dnd")


def test_whole_numbers_beyond_bytes_are_refused(tmp_path: Path) -> None:
    from scipy.io import savemat

    name = "BenchmarkNoisyBlocksSrgb"
    savemat(tmp_path / f"{name}.mat", {name: np.zeros((2, 4, 4, 3), np.uint16)})
    with pytest.raises(InputError, match="expected uint8 or floats"):
        CardData("sidd", tmp_path, "benchmark")[0]
