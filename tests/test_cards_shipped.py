"""The shipped cards are valid and true: hashes, sizes, and a test set apart from validation."""

from pathlib import Path

import numpy as np
import pytest

import undrift
from undrift.common.card_files import locate, verify
from undrift.common.cards import card_paths, cards_folder, find_card, load_card
from undrift.common.croissant import REQUIRED
from undrift.common.errors import InputError
from undrift.common.model_cards import load_model_card, model_card_paths
from undrift.restoration.leaves.bank import VERSION
from undrift.restoration.photos import load_photos

TEST, VALIDATION = "skimage-photos", "wheel-photos"


@pytest.mark.parametrize("name", card_paths())
def test_shipped_cards_are_valid(name: str) -> None:
    card = find_card(name)
    assert card.id == name
    croissant = card.to_croissant()
    missing = [key for key in REQUIRED if not croissant.get(key)]
    assert missing == []


def test_the_cards_we_promise_are_there() -> None:
    assert {"leaves", TEST, VALIDATION} <= set(card_paths())


def test_cards_are_found_inside_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undrift, "__path__", [str(tmp_path)])
    with pytest.raises(InputError, match="reinstall"):
        cards_folder()
    (tmp_path / "data_cards").mkdir()
    assert cards_folder() == tmp_path / "data_cards"
    assert card_paths() == {}


def test_the_card_of_the_leaves_has_the_generators_version() -> None:
    assert find_card("leaves").front.undrift.version == str(VERSION)


def test_the_template_becomes_a_card(tmp_path: Path) -> None:
    path = tmp_path / "my-data.md"
    path.write_text((cards_folder() / "_template.md").read_text(encoding="utf-8"))
    assert load_card(path).id == "my-data"


@pytest.mark.parametrize("name", model_card_paths())
def test_model_cards_name_data_that_have_a_card(name: str) -> None:
    block = load_model_card(model_card_paths()[name]).front.undrift
    used = {*block.trained_on, *(row.data for row in block.measured)}
    assert used <= set(card_paths())
    assert TEST not in block.trained_on
    assert VALIDATION not in block.trained_on


@pytest.mark.parametrize("name", [TEST, VALIDATION])
def test_installed_photographs_are_those_of_the_card(name: str) -> None:
    checks = verify(find_card(name))
    assert [check.problem for check in checks if check.problem] == []
    assert all(check.hashed for check in checks)


@pytest.mark.parametrize("name", [TEST, VALIDATION])
def test_counts_sizes_and_rights_in_the_prose_are_those_of_the_head(name: str) -> None:
    card = find_card(name)
    block = card.front.undrift
    for split in block.splits:
        assert split.items == sum(file.split == split.name for file in block.files)
    rows = {}
    for line in card.prose["Composition"].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[cells[0]] = cells
    for file in block.files:
        assert file.shape is not None
        channels, height, width = file.shape
        kind = "grey" if channels == 1 else "RGB"
        assert rows[file.item][2] == f"{width} x {height} {kind}"
        assert rows[file.item][-1]


def test_scikit_image_knows_the_same_hashes() -> None:
    from skimage.data._registry import registry

    for file in find_card(TEST).front.undrift.files:
        assert registry[file.name.removeprefix("skimage/")] == file.sha256


def test_no_picture_is_in_both_sets() -> None:
    test, validation = (find_card(name).front.undrift for name in (TEST, VALIDATION))
    assert {split.use for split in test.splits} == {"test"}
    assert {split.use for split in validation.splits} == {"val"}
    assert not {file.sha256 for file in test.files} & {file.sha256 for file in validation.files}
    assert not {file.item for file in test.files} & {file.item for file in validation.files}
    thumbnails = {item: thumbnail(picture) for item, picture in load_photos(TEST)}
    for item, picture in load_photos(VALIDATION):
        for other, known in thumbnails.items():
            assert similarity(thumbnail(picture), known) < 0.7, f"{item} resembles {other}"


def test_the_similarity_would_notice_a_copy() -> None:
    """PyWavelets ships the test set's `camera`, and scikit-image the other motorcycle."""
    from PIL import Image

    with np.load(locate_beside("pywt/data/aero.npz", "camera.npz")) as arrays:
        camera = arrays["data"][None].astype(np.float32) / 255
    (_, known), (_, left) = load_photos(TEST, ["camera", "motorcycle_left"])
    assert similarity(thumbnail(camera), thumbnail(known)) > 0.99
    left_file = locate_beside("skimage/data/coins.png", "motorcycle_right.png")
    with Image.open(left_file) as picture:
        right = np.asarray(picture).transpose(2, 0, 1)[:, :, 114:626].astype(np.float32) / 255
    assert similarity(thumbnail(right), thumbnail(left)) > 0.7


def locate_beside(name: str, other: str) -> Path:
    files = {file.name: file for file in find_card(VALIDATION).front.undrift.files}
    return locate(files[name]).with_name(other)


def thumbnail(picture: np.ndarray, side: int = 24) -> np.ndarray:
    """Means over a grid of side x side boxes of the grey picture."""
    grey = picture.mean(axis=0)
    rows = np.array_split(grey, side, axis=0)
    return np.array([[box.mean() for box in np.array_split(row, side, axis=1)] for row in rows])


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The largest correlation of thumbnail a with b among b's eight flips and turns."""
    turned = [np.rot90(m, k) for m in (b, b[:, ::-1]) for k in range(4)]
    return max(float(np.corrcoef(a.ravel(), m.ravel())[0, 1]) for m in turned)
