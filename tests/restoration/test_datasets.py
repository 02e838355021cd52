"""Public data sets are read by their cards, under the names of the real archives."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from layouts import (
    by_pattern,
    draw,
    lay_out,
    level,
    matlab_blocks,
    matlab_photographs,
    views,
    with_views,
)

from undrift.common.card_views import View
from undrift.common.cards import find_card
from undrift.common.errors import InputError, UsageError
from undrift.common.open_views import find_view
from undrift.common.view_files import fill, matches
from undrift.restoration.data import Crops
from undrift.restoration.datasets.dataset import CardData
from undrift.restoration.sources import Pairs
from undrift.restoration.training import open_data

SIDD = "Data/0001_001_S6_00100_00060_3200_L/"
# card, split, view, scale, names, groups, and the files of two items as archives name them
REAL = [
    ("div2k", "train", "bicubic-x4", 4, ["0001", "0800"], [None, None],
     [{"clean": f"DIV2K_train_HR/{n}.png", "degraded": f"DIV2K_train_LR_bicubic/X4/{n}x4.png"}
      for n in ("0001", "0800")]),
    ("flickr2k", "train", "unknown-x2", 2, ["000001", "002650"], [None, None],
     [{"clean": f"Flickr2K_HR/{n}.png", "degraded": f"Flickr2K_LR_unknown/X2/{n}x2.png"}
      for n in ("000001", "002650")]),
    ("gopro", "train", None, 1, ["GOPR0372_07_00/000047", "GOPR0374_11_01/000047"],
     ["GOPR0372_07_00", "GOPR0374_11_01"],
     [{"clean": f"train/{s}/sharp/000047.png", "degraded": f"train/{s}/blur_gamma/000047.png"}
      for s in ("GOPR0372_07_00", "GOPR0374_11_01")]),
    ("realsr", "test", None, 4, ["Canon_001", "Nikon_001"], [None, None],
     [{"clean": f"{c}/Test/4/{c}_001_HR.png", "degraded": f"{c}/Test/4/{c}_001_LR4.png"}
      for c in ("Canon", "Nikon")]),
    ("ffhq", "val", None, 1, ["60000", "69999"], [None, None],
     [{"clean": "images1024x1024/60000/60000.png"}, {"clean": "images1024x1024/69000/69999.png"}]),
    ("imagenet-test", "test", None, 4,
     ["ILSVRC2012_val_00000067", "ILSVRC2012_val_00049999"], [None, None],
     [{"clean": f"gt/{n}.png", "degraded": f"lq/{n}.png"}
      for n in ("ILSVRC2012_val_00000067", "ILSVRC2012_val_00049999")]),
    ("lol", "test", None, 1, ["1", "22"], [None, None],
     [{"clean": f"eval15/high/{n}.png", "degraded": f"eval15/low/{n}.png"} for n in (1, 22)]),
    ("istd", "train", None, 1, ["1-1", "1-10"], [None, None],
     [{"clean": f"train/train_C/{n}.png", "degraded": f"train/train_A/{n}.png",
       "mask": f"train/train_B/{n}.png"} for n in ("1-1", "1-10")]),
    ("raindrop", "train", None, 1, ["0", "860"], [None, None],
     [{"clean": f"train/gt/{n}_clean.png", "degraded": f"train/data/{n}_rain.png"}
      for n in (0, 860)]),
    ("raindrop", "test-b", None, 1, ["0", "10"], [None, None],
     [{"clean": f"test_b/gt/{n}_clean.jpg", "degraded": f"test_b/data/{n}_rain.jpg"}
      for n in (0, 10)]),
    ("rain100h", "train", None, 1, ["1", "1800"], [None, None],
     [{"clean": f"RainTrainH/norain-{n}.png", "degraded": f"RainTrainH/rain-{n}.png"}
      for n in (1, 1800)]),
    ("rain100h", "test", "rainy", 1, ["001", "100"], [None, None],
     [{"clean": f"Rain100H/norain-{n}.png", "degraded": f"Rain100H/rainy/rain-{n}.png"}
      for n in ("001", "100")]),
    ("rain100l", "test", "rain", 1, ["001", "100"], [None, None],
     [{"clean": f"Rain100L/norain-{n}.png", "degraded": f"Rain100L/rain-{n}.png"}
      for n in ("001", "100")]),
    ("sidd", "train", "medium", 1, ["0001/010", "0001/011"], ["001", "001"],
     [{"clean": f"SIDD_Medium_Srgb/{SIDD}0001_GT_SRGB_{n}.PNG",
       "degraded": f"SIDD_Medium_Srgb/{SIDD}0001_NOISY_SRGB_{n}.PNG"} for n in ("010", "011")]),
    ("sidd", "train", "small", 1, ["0001/010", "0200/010"], ["001", "010"],
     [{"clean": f"SIDD_Small_sRGB_Only/Data/{f}/GT_SRGB_010.PNG",
       "degraded": f"SIDD_Small_sRGB_Only/Data/{f}/NOISY_SRGB_010.PNG"}
      for f in ("0001_001_S6_00100_00060_3200_L", "0200_010_GP_01600_03200_5500_N")]),
    ("sidd", "train", "full", 1, ["0001/001", "0002/150"], ["0001", "0002"],
     [{"clean": f"{n}_GT_SRGB/{n}_GT_SRGB_{k}.PNG",
       "degraded": f"{n}_NOISY_SRGB/{n}_NOISY_SRGB_{k}.PNG"}
      for n, k in (("0001", "001"), ("0002", "150"))]),
    ("cbsd68", "test", "noisy25", 1, ["0000", "0067"], [None, None],
     [{"clean": f"CBSD68/original_png/{n}.png", "degraded": f"CBSD68/noisy25/{n}.png"}
      for n in ("0000", "0067")]),
    ("set5", "test", "srf-x4", 4, ["001", "005"], [None, None],
     [{"clean": f"Set5/image_SRF_4/img_{n}_SRF_4_HR.png",
       "degraded": f"Set5/image_SRF_4/img_{n}_SRF_4_LR.png"} for n in ("001", "005")]),
    ("set14", "test", "mod12-x3", 3, ["baboon", "zebra"], [None, None],
     [{"clean": f"Set14/GTmod12/{n}.png", "degraded": f"Set14/LRbicx3/{n}.png"}
      for n in ("baboon", "zebra")]),
]  # fmt: skip
ARRAYS = {"dnd", "sidd"}  # have views inside MATLAB files, tested below
NAMED = with_views()
VIEWS = [
    pytest.param(name, view, id=f"{name}-{view.split}-{view.name}")
    for name in sorted(NAMED)
    for view in views(name)
    if view.reader == "files"
]


def even(picture: np.ndarray, value: int) -> bool:
    """Whether every pixel has the value, 0 to 255 (JPEG may be one off)."""
    return bool(np.abs(picture * 255 - value).max() < 1.5)


def test_every_card_with_views_is_tried_with_real_names() -> None:
    assert len(NAMED) == 16
    assert {row[0] for row in REAL} | ARRAYS == NAMED


@pytest.mark.parametrize(
    ("card", "split", "view", "scale", "names", "groups", "files"),
    REAL,
    ids=[f"{row[0]}-{row[1]}-{row[2]}" for row in REAL],
)
def test_the_names_of_the_archives_pair_up(
    tmp_path: Path, card: str, split: str, view: str, scale: int, names: list, groups: list,
    files: list,
) -> None:  # fmt: skip
    lay_out(tmp_path, files, scale)
    draw(tmp_path / "Thumbs.png", 0)  # what lies about does not matter
    data = CardData(card, tmp_path, split, view)
    assert [entry.name for entry in data.entries] == names
    assert [entry.group for entry in data.entries] == groups
    for k, item in enumerate(data):
        assert item.clean is not None and even(item.clean, level("clean", k))
        assert item.clean.shape == (3, 8 * scale, 12 * scale) and item.clean.dtype == np.float32
        if "degraded" in files[k]:
            assert item.degraded is not None and even(item.degraded, level("degraded", k))
            assert item.degraded.shape == (3, 8, 12)
        assert (item.mask is not None) == ("mask" in files[k])
        if item.mask is not None:
            assert item.mask.dtype == bool and item.mask.shape == (8, 12) and item.mask.all()


@pytest.mark.parametrize(("card", "view"), VIEWS)
def test_every_view_reads_what_its_patterns_say(tmp_path: Path, card: str, view: View) -> None:
    known = by_pattern(tmp_path, view)
    data = CardData(card, tmp_path, view.split, view.name)
    assert [entry.name for entry in data.entries] == [fill(view.item, one) for one in known]
    for k, entry in enumerate(data.entries):
        assert view.group is None or entry.group == fill(view.group, known[k])
        for side, pictures in data.sides.items():
            assert even(pictures.pixels(k), level(side, k))
    pairs = data.source()
    if isinstance(pairs, Pairs):
        assert pairs.scale(0) == view.scale
        assert pickle.loads(pickle.dumps(pairs)).degraded.name(1) == pairs.degraded.name(1)


def test_blocks_of_matlab_files_are_items(tmp_path: Path) -> None:
    for side, value in (("Gt", 100), ("Noisy", 200)):
        name = f"Validation{side}BlocksSrgb"
        matlab_blocks(tmp_path / f"{name}.mat", name, value)
    data = CardData("sidd", tmp_path, "validation")
    assert [entry.name for entry in data.entries] == ["00-00", "00-01", "00-02", "01-00", "01-01",
                                                      "01-02"]  # fmt: skip
    item = data[5]
    assert item.group == "01" and item.clean is not None and item.degraded is not None
    assert item.clean.shape == (3, 8, 12) and even(item.clean, 105) and even(item.degraded, 205)
    pairs = data.source()
    assert isinstance(pairs, Pairs) and pairs.scale(5) == 1
    assert "ValidationGtBlocksSrgb.mat::ValidationGtBlocksSrgb[1, 2]" in pairs.clean.name(5)


def test_boxes_of_photographs_are_items(tmp_path: Path) -> None:
    picture = matlab_photographs(tmp_path, [[1, 1, 4, 6], [11, 21, 20, 30]])
    data = CardData("dnd", tmp_path)
    assert [entry.name for entry in data.entries] == ["0001_01", "0001_02", "0002_01", "0002_02"]
    assert [entry.group for entry in data.entries] == ["0001", "0001", "0002", "0002"]
    item = data[3]
    assert item.clean is None and item.degraded is not None
    # MATLAB's rows 11 to 20 and columns 21 to 30, counted from 1, ends included
    np.testing.assert_array_equal(item.degraded, picture[10:20, 20:30].transpose(2, 0, 1))
    first = data[0].degraded
    assert first is not None and first.shape == (3, 4, 6)


def test_words_repeat_and_case_does_not_matter(tmp_path: Path) -> None:
    for name in ("a_1/a_x.PNG", "a_1/b_x.PNG", "b_2/b_y.png", ".hidden/a.png"):
        draw(tmp_path / name, 0)
    found = [(w, p.name) for w, p in matches(tmp_path, "{who}_{n}/{who}_{shot}.png")]
    assert found == [
        ({"who": "a", "n": "1", "shot": "x"}, "a_x.PNG"),
        ({"who": "b", "n": "2", "shot": "y"}, "b_y.png"),
    ]


def test_unknown_views_and_splits_are_told(tmp_path: Path) -> None:
    assert find_view(find_card("gopro"), "test").name == "gamma"
    with pytest.raises(
        UsageError, match=r"lol has no view tset/\*; did you mean 'test'.*train/pairs"
    ):
        CardData("lol", tmp_path, "tset")
    with pytest.raises(UsageError, match="leaves has no views"):
        CardData("leaves", tmp_path)
    with pytest.raises(InputError, match="nowhere is not a folder"):
        CardData("lol", tmp_path / "nowhere")


def lol(root: Path) -> dict[str, object]:
    random = np.random.default_rng(0)
    from PIL import Image

    for part in ("high", "low"):
        for k in (1, 2):
            path = root / "our485" / part / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    return {"source": {"kind": "dataset", "card": "lol", "root": str(root)}, "crop": 16}


def test_training_cuts_the_same_crops_as_from_two_folders(tmp_path: Path) -> None:
    settings = lol(tmp_path / "lol")
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs/clean").symlink_to(tmp_path / "lol/our485/high")
    (tmp_path / "pairs/degraded").symlink_to(tmp_path / "lol/our485/low")
    by_card, by_folder = (
        open_data(settings, "paired", 7),
        Crops(tmp_path / "pairs", "paired", 16, 7),
    )
    for n in range(4):
        for key, value in by_folder[n].items():
            np.testing.assert_array_equal(by_card[n][key], value)
    clean = open_data(settings, "denoise", 7)[0]
    assert "y" not in clean
    np.testing.assert_array_equal(
        clean["x0"], Crops(tmp_path / "lol/our485/high", "denoise", 16, 7)[0]["x0"]
    )


def test_training_on_pairs_needs_pairs(tmp_path: Path) -> None:
    by_pattern(tmp_path, views("ffhq")[0])
    settings = {"source": {"kind": "dataset", "card": "ffhq", "root": str(tmp_path)}, "crop": 16}
    with pytest.raises(InputError, match=r"needs pairs; .* holds one side only"):
        open_data(settings, "paired", 0)
    with pytest.raises(UsageError, match="no view trian"):
        open_data({"source": {**settings["source"], "split": "trian"}}, "denoise", 0)  # type: ignore[dict-item]
