"""`undrift evaluate`: matching of folders, scores, and exit codes."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from undrift.common.errors import InputError, PartialFailure, UndriftError, UsageError
from undrift.common.evaluate_cli import evaluate as command
from undrift.restoration.evaluate import evaluate, match
from undrift.restoration.metrics import luma, score


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two levels; restored pictures are 10 of 255 too bright everywhere but in a 4 pixel border."""
    generator = np.random.default_rng(0)
    for name, shape in (("a.png", (40, 30, 3)), ("sub/b.png", (20, 24))):
        truth = generator.integers(0, 200, shape, dtype=np.uint8)
        restored = np.zeros_like(truth)
        restored[4:-4, 4:-4] = truth[4:-4, 4:-4] + 10
        save(tmp_path / "ref" / name, truth)
        save(tmp_path / "out" / name, restored)
    return tmp_path / "out", tmp_path / "ref"


def run(*words: str | Path) -> tuple[str, str, UndriftError | None]:
    result = CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)
    error = result.exception
    assert error is None or isinstance(error, UndriftError), result.exception
    return result.stdout, result.stderr, error


def test_known_error_inside_the_border(folders: tuple[Path, Path]) -> None:
    table, _ = evaluate(*folders, crop_border=4)
    values = table.values("restored", "", "psnr")
    expected = 20 * math.log10(255 / 10)
    assert values == pytest.approx({"a.png": expected, "sub/b.png": expected}, abs=1e-5)
    whole, _ = evaluate(*folders)
    assert max(whole.values("restored", "", "psnr").values()) < 15


def test_other_suffixes_match_when_unique(folders: tuple[Path, Path]) -> None:
    out, ref = folders
    (out / "a.png").rename(out / "a.tmp")
    Image.open(out / "a.tmp").save(out / "a.tiff")
    assert [name for name, _, _ in match(out, ref).matched] == ["a.tiff", "sub/b.png"]
    save(ref / "a.bmp", np.zeros((40, 30, 3), dtype=np.uint8))
    pairs = match(out, ref)
    assert pairs.ambiguous == {"a.tiff": ["a.bmp", "a.png"]}
    _, _, error = run(out, "--ref", ref)
    assert isinstance(error, PartialFailure) and "a.bmp, a.png" in str(error)


def test_two_restored_pictures_never_share_a_reference(folders: tuple[Path, Path]) -> None:
    out, ref = folders
    save(out / "a.bmp", np.zeros((40, 30, 3), dtype=np.uint8))
    pairs = match(out, ref)
    assert [name for name, _, _ in pairs.matched] == ["a.png", "sub/b.png"]
    assert list(pairs.ambiguous) == ["a.bmp"]


def test_pictures_without_partner_are_told(folders: tuple[Path, Path]) -> None:
    out, ref = folders
    (ref / "a.png").rename(ref / "c.png")
    table, pairs = evaluate(out, ref)
    assert (pairs.without_reference, pairs.without_restored) == (["a.png"], ["c.png"])
    assert table.settings["without_restored"] == ["c.png"]
    out_text, told, error = run(out, "--ref", ref, "-v")
    assert error is None
    assert "without reference, not scored: a.png" in told
    assert "sub/b.png" in out_text


def test_damaged_and_unequal_pictures_fail_and_the_rest_is_scored(
    folders: tuple[Path, Path],
) -> None:
    out, ref = folders
    (out / "a.png").write_bytes((out / "a.png").read_bytes()[:60])
    save(ref / "d.png", np.zeros((20, 20), dtype=np.uint8))
    save(out / "d.png", np.zeros((20, 21), dtype=np.uint8))
    text, _, error = run(out, "--ref", ref, "--json")
    assert isinstance(error, PartialFailure) and error.exit_code == 4
    entries = [r for r in map(json.loads, text.splitlines()) if r["record"] == "item"]
    assert [bool(entry["error"]) for entry in entries] == [True, True, False]
    assert "(1, 20, 21)" in entries[1]["error"] and "(1, 20, 20)" in entries[1]["error"]


def test_nothing_to_match_is_an_input_error(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out, _ = folders
    (tmp_path / "empty").mkdir()
    for reference, words in (
        (tmp_path / "empty", "2 and 0 files"),
        (tmp_path / "none", "no such file"),
        (out / "a.png", "two of a kind"),
    ):
        _, _, error = run(out, "--ref", reference)
        assert isinstance(error, InputError) and words in str(error)
        assert error.exit_code == 3


def test_equal_files_give_infinity_in_valid_json(folders: tuple[Path, Path]) -> None:
    _, ref = folders
    text, _, error = run(ref / "a.png", "--ref", ref / "a.png", "--json")
    assert error is None
    records = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert records[1]["scores"] == {"psnr": "inf", "ssim": 1.0}


def test_unknown_metric_has_a_neighbour(folders: tuple[Path, Path]) -> None:
    _, _, error = run(*folders[:1], "--ref", folders[1], "--metrics", "psnr,sim")
    assert isinstance(error, UsageError) and "did you mean 'ssim'" in str(error)


def test_luma_is_that_of_scikit_image_and_shifts_grey_by_a_constant() -> None:
    from skimage.color import rgb2ycbcr

    generator = np.random.default_rng(1)
    colour = generator.random((3, 16, 18))
    expected = rgb2ycbcr(colour.transpose(1, 2, 0))[..., 0] / 255
    np.testing.assert_allclose(luma(colour)[0], expected, atol=1e-9)
    x, ref = generator.random((2, 1, 16, 18))
    found = score(x, ref, ["psnr", "psnr_y"])
    assert found["psnr_y"] - found["psnr"] == pytest.approx(20 * math.log10(255 / 219), abs=1e-4)


def test_scores_by_folder_and_by_a_file_of_groups(tmp_path: Path) -> None:
    errors = {"cells/a": 10, "cells/b": 20, "stars/c": 40}
    for name, error in errors.items():
        for root, value in (("ref", 100), ("out", 100 + error)):
            save(tmp_path / root / f"{name}.png", np.full((20, 20), value, np.uint8))
    db = {name: 20 * math.log10(255 / error) for name, error in errors.items()}
    words = [tmp_path / "out", "--ref", tmp_path / "ref", "--metrics", "psnr", "--json"]

    def means(*more: str | Path) -> dict[str, tuple[float, int]]:
        text, _, error = run(*words, *more)
        assert error is None
        records = [json.loads(line) for line in text.splitlines()]
        found = [r for r in records if r["record"] == "method"]
        return {r["setting"]: (r["psnr"]["mean"], r["psnr"]["n"]) for r in found}

    cells = (db["cells/a"] + db["cells/b"]) / 2
    assert means("--by", "folder") == {
        "": (pytest.approx(sum(db.values()) / 3), 3),
        "cells": (pytest.approx(cells), 2),
        "stars": (pytest.approx(db["stars/c"]), 1),
    }
    groups = tmp_path / "groups.csv"
    groups.write_text("picture,group\ncells/a.png,first\nstars/c,first\n")
    found = means("--by", groups)
    assert found["first"] == (pytest.approx((db["cells/a"] + db["stars/c"]) / 2), 2)
    assert found["-"] == (pytest.approx(db["cells/b"]), 1)
    groups.write_text("cells/a.png\n")
    for by in (groups, tmp_path / "none.csv"):
        _, _, error = run(*words, "--by", by)
        assert isinstance(error, InputError)


def test_the_number_of_resamples_reaches_the_interval(folders: tuple[Path, Path]) -> None:
    out, ref = folders
    few, many = (evaluate(out, ref, metrics=["mae"], resamples=n)[0] for n in (100, 5000))
    first, second = (table.summary("restored", "", "mae") for table in (few, many))
    assert first is not None and second is not None and first.mean == second.mean
    assert (few.resamples, many.resamples) == (100, 5000)
