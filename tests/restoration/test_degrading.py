"""`undrift degrade`: records that make the same pictures again, masks, metadata, and mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.restoration.chains.chain import replayed
from undrift.restoration.degrading import degrade, read_parameters


def draw(seed: int, *shape: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).random((6, 8, *shape[2:]))
    return np.rint(255 * np.kron(coarse, np.ones((8, 8, *[1] * (len(shape) - 2))))).astype(np.uint8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    Image.fromarray(draw(0, 48, 64, 3)).save(folder / "a.png", dpi=(300, 300))
    Image.fromarray(draw(1, 48, 64, 3)).save(folder / "b.jpg", quality=95)
    Image.fromarray(draw(2, 48, 64)).save(folder / "sub" / "c.tif")
    return folder


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_a_record_makes_the_same_pictures_again(photos: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    call = ["degrade", str(photos), "-q", "-o"]
    assert main([*call, str(out), "--recipe", "rain", "--save-params", "--seed", "4"]) == 0
    record = out / "degradations.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    assert [line["item"] for line in lines] == ["a.png", "b.jpg", "sub/c.tif"]
    assert all(line["recipe"] == "rain" and line["seed"] == 4 for line in lines)
    assert main([*call, str(again), "--replay", str(record)]) == 0
    for name, given in (("a.png", "a.png"), ("b.png", "b.jpg"), ("sub/c.tif", "sub/c.tif")):
        made = pixels(out / name)
        np.testing.assert_array_equal(pixels(again / name), made)
        clean = pixels(photos / given)
        assert made.shape == clean.shape
        assert np.mean(made != clean) > 0.02
    with Image.open(out / "a.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    # By hand, from the numbers alone.
    clean = pixels(photos / "a.png").transpose(2, 0, 1).astype(np.float32) / 255
    by_hand = replayed(read_parameters(record)["a.png"])(clean)
    made = np.rint(255 * by_hand).astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal(made, pixels(out / "a.png"))


def test_chains_depend_on_seed_and_item_alone(photos: Path) -> None:
    first = degrade(photos / "a.png", recipe="noise", seed=1)
    same = degrade(pixels(photos / "a.png"), recipe="noise", seed=1, item="a.png")
    assert same.chain == first.chain
    assert degrade(photos / "a.png", recipe="noise", seed=2).chain != first.chain
    assert degrade(photos / "a.png", recipe="noise", seed=1, item="b").chain != first.chain
    again = degrade(pixels(photos / "a.png"), chain=first.chain)
    np.testing.assert_array_equal(again.value, same.value)


def test_masks_say_where_the_damage_is(photos: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("steps: [{damage: {word: 'scratches:3', tone: 1}}]")
    out, masks = tmp_path / "out", tmp_path / "masks"
    call = ["degrade", str(photos), "-o", str(out), "--recipe", str(own), "--masks", str(masks)]
    assert main([*call, "-q"]) == 0
    mask = pixels(masks / "sub" / "c.png") > 127
    clean, made = pixels(photos / "sub" / "c.tif"), pixels(out / "sub" / "c.tif")
    assert 0 < mask.mean() < 0.5
    np.testing.assert_array_equal(made[~mask], clean[~mask])
    assert (made[mask] == 255).all()


def test_alpha_shrinks_with_the_picture() -> None:
    x = np.concatenate([draw(3, 48, 64, 3), np.full((48, 64, 1), 200, np.uint8)], 2)
    y = degrade(x, recipe="bicubic-x4").value
    assert y.shape == (12, 16, 4)
    assert (y[..., 3] == 200).all()


def test_the_list_names_every_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["degrade", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("rain ", "haze ", "unknown ", "bicubic-x4 "))


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ([], 2, "give --recipe NAME or --replay"),
        (["--recipe", "rian"], 3, "did you mean 'rain'"),
        (["--recipe", "rain", "--steps", "3"], 2, "--steps"),
        (["--recipe", "none.yaml"], 3, "none.yaml"),
    ],
)
def test_mistakes_of_a_command(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], code: int,
    said: str,
) -> None:  # fmt: skip
    assert main(["degrade", str(photos), "-o", str(tmp_path / "out"), *flags]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pictures_that_no_record_knows_and_files_that_lose(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "record.jsonl"
    record.write_text('{"item": "a.png", "chain": [{"name": "jpeg", "quality": 9}]}\n')
    call = ["degrade", str(photos), "-o", str(tmp_path / "out"), "--replay", str(record)]
    assert main(call) == 4  # the others are made
    assert "the record has no item 'b.jpg'" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.png").is_file()
    lossy = ["degrade", str(photos / "a.png"), "-o", str(tmp_path / "x.jpg"), "--recipe", "rain"]
    assert main(lossy) == 2
    assert "would add losses" in capsys.readouterr().err
    record.write_text('{"item": "a.png"}\n')
    with pytest.raises(InputError, match="line 1 is no record"):
        read_parameters(record)


def test_calls_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="a recipe, or the chain"):
        degrade(draw(0, 48, 64))
    with pytest.raises(InputError, match=r"from 0 to 2; degradations"):
        degrade(np.array([[0.0, 2.0]] * 8, np.float32), recipe="rain")
