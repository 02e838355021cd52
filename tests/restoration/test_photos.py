"""Photographs come from installed packages, in one form, and degraded ones as the benchmark's."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from undrift.common.errors import InputError, MissingExtraError
from undrift.restoration import photos
from undrift.restoration.leaves.bank import picture
from undrift.restoration.makers import make
from undrift.restoration.photos import centre_crop, load_photos
from undrift.restoration.protocols import Condition


def test_pixels_are_those_of_scikit_image() -> None:
    (name, chelsea), (_, camera) = load_photos("skimage-photos", ["camera", "chelsea"])
    assert name == "chelsea"  # the card's order
    assert chelsea.dtype == np.float32
    np.testing.assert_array_equal(
        np.rint(chelsea * 255).astype(np.uint8), skimage.data.chelsea().transpose(2, 0, 1)
    )
    np.testing.assert_array_equal(np.rint(camera[0] * 255), skimage.data.camera())


def test_large_pictures_are_cut_to_their_centre() -> None:
    ((_, motorcycle),) = load_photos("skimage-photos", ["motorcycle_left"])
    whole = skimage.data.stereo_motorcycle()[0].transpose(2, 0, 1)
    assert motorcycle.shape == (3, 500, 512)
    np.testing.assert_array_equal(np.rint(motorcycle * 255), whole[:, :, 114 : 114 + 512])


def test_centre_crop_keeps_what_is_small() -> None:
    x = np.arange(2 * 7.0 * 4).reshape(2, 7, 4)
    np.testing.assert_array_equal(centre_crop(x, 4), x[:, 1:5])
    np.testing.assert_array_equal(centre_crop(x, 9), x)


def test_every_picture_is_unit_range_grey_or_colour() -> None:
    for card in ("skimage-photos", "wheel-photos"):
        for name, x in load_photos(card):
            assert x.shape[0] in (1, 3), name
            assert max(x.shape[1:]) <= 512, name
            assert 0 <= x.min() < x.max() <= 1, name


def test_unknown_items_and_cards_are_named() -> None:
    with pytest.raises(InputError, match="did you mean 'coins'"):
        load_photos("wheel-photos", ["coin"])
    with pytest.raises(InputError, match="did you mean 'wheel-photos'"):
        load_photos("wheel-photo")
    with pytest.raises(InputError, match="no pictures in installed packages"):
        load_photos("leaves")


def test_a_file_that_is_not_the_cards_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "coins.png"
    fake.write_bytes(b"not the picture")
    monkeypatch.setattr(photos, "locate", lambda file: fake)
    with pytest.raises(InputError, match="has 15 bytes; the card says 75825"):
        list(load_photos("wheel-photos", ["coins"]))
    fake.unlink()
    with pytest.raises(InputError, match="is not there; try another version of scikit-image"):
        list(load_photos("wheel-photos", ["coins"]))


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undrift.common.card_files.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install scikit-learn"):
        load_photos("wheel-photos", ["china"])


def test_made_photographs_are_exact(tmp_path: Path) -> None:
    done = make("skimage-photos", tmp_path, {"items": ["text", "ihc"]})
    assert done == {tmp_path / "ihc.png": "written", tmp_path / "text.png": "written"}
    with Image.open(tmp_path / "text.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), skimage.data.text())
    with Image.open(tmp_path / "ihc.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), skimage.data.immunohistochemistry())


@pytest.mark.parametrize(
    ("options", "condition"),
    [
        ({"noise": 25.0, "seed": 3}, Condition("denoise", sigma=25.0)),
        ({"downscale": 4}, Condition("sr", scale=4)),
    ],
)
def test_degraded_photographs_are_the_benchmarks(
    tmp_path: Path, options: dict, condition: Condition
) -> None:
    make("wheel-photos", tmp_path, {"items": ["coins"], **options})
    ((_, clean),) = load_photos("wheel-photos", ["coins"])
    expected = condition.degrade(condition.clean(clean), seed=options.get("seed", 0), item="coins")
    with Image.open(tmp_path / "coins.png") as saved:
        found = np.asarray(saved)
    np.testing.assert_array_equal(found, np.rint(np.clip(expected[0], 0, 1) * 255))


def test_drawn_pictures_are_those_of_the_bank_and_repeat(tmp_path: Path) -> None:
    first = make("leaves", tmp_path / "a", {"count": 2, "size": 48, "seed": 5})
    make("leaves", tmp_path / "b", {"count": 2, "size": 48, "seed": 5})
    assert [path.name for path in first] == ["leaves-00000.png", "leaves-00001.png"]
    for name in ("leaves-00000.png", "leaves-00001.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    with Image.open(tmp_path / "a" / "leaves-00001.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), picture(1, 48, 5))
