"""Tiles of photographs: cut where and as they say, and mixed with drawn pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undrift.common.errors import InputError
from undrift.restoration.data import Crops
from undrift.restoration.sources import Bank, Folder, Together
from undrift.restoration.tiles import make_tiles
from undrift.restoration.training import open_data


def _ramp(path: Path, height: int, width: int) -> Path:
    """A picture whose red is the row and whose green is the column, each from 0 to 1."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([rows / height, columns / width, np.full((height, width), 0.5)], -1)
    Image.fromarray(np.rint(255 * pixels).astype(np.uint8)).save(path)
    return path


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "ramps"
    folder.mkdir()
    _ramp(folder / "a.png", 96, 160)
    _ramp(folder / "b.png", 80, 64)
    return folder


def test_a_tile_spans_between_1_6_and_4_of_its_size(photographs: Path, tmp_path: Path) -> None:
    files = sorted(photographs.iterdir())
    path = make_tiles(files, "ramps", 24, 16, 0, tmp_path / "cache")
    bank = np.load(path).astype(float) / 255
    assert path.name == "tiles-ramps-v1-16px-seed0-24.npy" and bank.shape == (24, 16, 16, 3)
    spans = []
    for index, tile in enumerate(bank):
        height, width = ((96, 160), (80, 64))[index % 2]  # photograph k gives i mod 2 = k
        down = np.polyfit(np.arange(6), tile[5:11, :, 0].mean(1), 1)[0] * height
        across = np.polyfit(np.arange(6), tile[:, 5:11, 1].mean(0), 1)[0] * width
        assert down == pytest.approx(across, abs=0.35)
        assert np.abs(tile[..., 2] - 0.5).max() < 1 / 100
        spans.append(down)
    assert 1.4 < min(spans) < 2.2 and 3.0 < max(spans) < 4.2


def test_the_same_seed_cuts_the_same_tiles(photographs: Path, tmp_path: Path) -> None:
    files = sorted(photographs.iterdir())
    one, two, other = (
        np.load(make_tiles(files, "ramps", 6, 16, seed, tmp_path / name))
        for seed, name in ((3, "one"), (3, "two"), (4, "other"))
    )
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_photographs_smaller_than_a_tile_are_refused(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"b\.png is 80 x 64 pixels, smaller than a tile of 72"):
        make_tiles(sorted(photographs.iterdir()), "ramps", 2, 72, 0, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npy"))


def test_sources_together_answer_for_their_parts(photographs: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.npy"
    np.save(
        drawn, np.arange(2 * 16 * 16 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 16, 16, 3)
    )
    tiles = make_tiles(sorted(photographs.iterdir()), "ramps", 3, 16, 0, tmp_path)
    both = Together([Bank(drawn), Bank(tiles), Folder(photographs)])
    assert len(both) == 2 + 3 + 2
    assert [both.synthetic(k) for k in range(7)] == [True] * 2 + [False] * 5
    assert both.size(1) == (16, 16) and both.size(6) == (80, 64)
    assert both.name(3) == f"{tiles} [1]" and both.name(6).endswith("b.png")
    assert np.array_equal(both.crop(4, 2, 3, 5, 6), Bank(tiles).crop(2, 2, 3, 5, 6))


def test_a_recipe_mixes_leaves_and_photographs(photographs: Path, tmp_path: Path) -> None:
    mixed = {
        "kind": "mixed",
        "parts": [
            {"kind": "leaves", "count": 2, "size": 64},
            {"kind": "tiles", "path": str(photographs), "count": 2, "size": 64},
        ],
    }
    crops = open_data({"source": mixed, "crop": 16}, "denoise", 0, tmp_path / "trial")
    assert isinstance(crops, Crops) and len(crops.pictures) == 4
    assert crops[0]["x0"].shape == (3, 16, 16)
    mixed["parts"][1]["path"] = str(tmp_path / "nowhere")
    with pytest.raises(InputError, match="undrift data make nowhere"):
        open_data({"source": mixed, "crop": 16}, "denoise", 0, tmp_path / "trial")
