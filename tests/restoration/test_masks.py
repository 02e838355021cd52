"""Masks from files, folders and words, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undrift.common.errors import InputError
from undrift.restoration.masks import DRAWN, drawn_mask, grown, read_mask

SIZE = (40, 60)


def save(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((mask * 255).astype(np.uint8)).save(path)


@pytest.mark.parametrize("name", list(DRAWN))
def test_drawn_masks_repeat_and_differ(name: str) -> None:
    first = drawn_mask(name, SIZE, seed=1, item="a")
    assert first.dtype == bool
    assert first.shape == SIZE
    assert 0 < first.mean() < 1
    assert np.array_equal(first, drawn_mask(name, SIZE, seed=1, item="a"))
    assert not np.array_equal(first, drawn_mask(name, SIZE, seed=1, item="b"))


def test_the_share_of_random_masks_and_the_side_of_boxes() -> None:
    assert drawn_mask("random:0.7", (400, 400), seed=0, item="").mean() == pytest.approx(
        0.7, abs=0.006
    )
    assert drawn_mask("box:0.25", SIZE, seed=0, item="").sum() == 10 * 10


def test_growing_adds_a_disc() -> None:
    mask = np.zeros((21, 21), bool)
    mask[10, 10] = True
    rows, columns = np.mgrid[-10:11, -10:11]
    assert np.array_equal(grown(mask, 4), rows**2 + columns**2 <= 16)
    assert grown(mask, 0) is mask


def test_files_and_folders_by_stem(tmp_path: Path) -> None:
    mask = drawn_mask("box:0.4", SIZE, seed=0, item="")
    save(tmp_path / "masks" / "s" / "b.png", mask)
    save(tmp_path / "masks" / "a.png", ~mask)
    assert np.array_equal(read_mask(tmp_path / "masks" / "a.png", SIZE), ~mask)
    assert np.array_equal(read_mask(tmp_path / "masks", SIZE, "a.tif"), ~mask)
    assert np.array_equal(read_mask(tmp_path / "masks", SIZE, "s/b.jpg"), mask)
    with pytest.raises(InputError, match="no mask for c"):
        read_mask(tmp_path / "masks", SIZE, "c.png")
    assert np.array_equal(read_mask(mask.astype(np.uint8), SIZE), mask)
    assert np.array_equal(read_mask((mask * 255).astype(np.uint8), SIZE), mask)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (np.zeros(SIZE), "no pixel as missing"),
        (np.ones(SIZE), "every pixel as missing"),
        (np.ones((40, 61)), "61 x 40 pixels, the picture 60 x 40"),
        (np.full(SIZE, np.nan), "NaN"),
        ("nowhere.png", "no such file"),
    ],
)
def test_masks_that_cannot_be(mask: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_mask(mask, SIZE)


@pytest.mark.parametrize("word", ["randon:0.5", "random:2", "random:x"])
def test_words_that_mean_nothing(word: str) -> None:
    with pytest.raises(InputError, match="mask"):
        drawn_mask(word, SIZE, seed=0, item="")
