"""`compare` on pictures, manifests and saved scores whose differences are known."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from undrift.common.errors import InputError, PartialFailure, UsageError
from undrift.common.manifest import append
from undrift.common.metrics.score_store import SCORES
from undrift.restoration.comparing import compare_runs
from undrift.restoration.comparing_cli import compare as command
from undrift.restoration.images import Picture, write_picture

TRUTH, NAMES = 128, "abcdef"


def write(folder: Path, name: str, level: int) -> Path:
    """A picture that is `level` everywhere, so that its error is a constant."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    Image.fromarray(np.full((24, 32, 3), level, np.uint8)).save(path)
    return path


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Truth, a run that errs by 8 of 255 everywhere, and one by 4 but on "f" by 16."""
    for name in NAMES:
        write(tmp_path / "truth", f"{name}.png", TRUTH)
        write(tmp_path / "old", f"{name}.png", TRUTH + 8)
        write(tmp_path / "new", f"{name}.png", TRUTH + (16 if name == "f" else 4))
    return tmp_path / "truth", tmp_path / "old", tmp_path / "new"


STEP = 20 * math.log10(2)  # dB between an error and half of it


def test_differences_of_pictures_are_known(runs: tuple[Path, Path, Path]) -> None:
    truth, old, new = runs
    found = compare_runs([old, new], truth, metrics=["psnr"])
    (tested,) = found.tests
    assert (tested.first, tested.second, tested.metric) == ("old", "new", "psnr")
    assert tested.test.paired.difference.mean == pytest.approx((5 - 1) / 6 * STEP)
    assert (tested.test.paired.wins, tested.test.paired.losses) == (5, 1)
    assert tested.sign == pytest.approx(2 * 7 / 2**6)  # one test: nothing to adjust
    order = found.differences("new", "")
    assert order[0] == ("f.png", pytest.approx(-STEP))
    assert [value for _, value in order[1:]] == pytest.approx([STEP] * 5)


def test_several_metrics_and_runs_are_adjusted_together(runs: tuple[Path, Path, Path]) -> None:
    truth, old, new = runs
    found = compare_runs([old, new, old], truth, metrics=["psnr", "ssim"])
    assert len(found.tests) == 4 and len(found.table.methods) == 3
    psnr = found.tests[0]
    assert psnr.test.sign == pytest.approx(14 / 64)
    assert psnr.sign == pytest.approx(4 * 14 / 64)  # the smallest of four
    assert found.tests[2].test.paired.ties == 6 and found.tests[2].sign == 1


def test_a_manifest_names_the_pictures_that_count(runs: tuple[Path, Path, Path]) -> None:
    truth, old, new = runs
    for folder in (old, new):
        for name in NAMES[:3]:
            append(folder / "undrift.jsonl", {"status": "written", "file": f"{name}.png"})
    found = compare_runs([old / "undrift.jsonl", new], truth, metrics=["psnr"])
    assert found.tests[0].test.paired.difference.n == 3
    assert found.tests[0].second == "new"
    (old / "undrift.jsonl").write_text("")
    with pytest.raises(InputError, match="tells of no picture"):
        compare_runs([old / "undrift.jsonl", new], truth)


def saved(folder: Path, shift: float, method: str = "net") -> Path:
    for item in NAMES:
        for setting in ("noise-15", "text"):
            append(folder / SCORES, {
                "record": "item", "item": item, "setting": setting, "method": method,
                "scores": {"psnr": 30 + shift, "ssim": 0.9}, "seconds": 1.0, "error": None,
            })  # fmt: skip
    return folder


def test_saved_benchmarks_are_compared_without_pictures(tmp_path: Path) -> None:
    old, new = saved(tmp_path / "old", 0.0), saved(tmp_path / "new", 0.25)
    saved(new, 0.5)  # measured again: the last line counts
    found = compare_runs([old, new / SCORES])
    assert found.table.conditions == ["noise-15, net", "text, net"]
    means = {(t.setting, t.metric): t.test.paired.difference.mean for t in found.tests}
    assert means["text, net", "psnr"] == pytest.approx(0.5)
    assert means["text, net", "ssim"] == 0
    saved(new, 1.0, "other")
    found = compare_runs([old, new], methods=["net", "other"], metrics=["psnr"])
    assert [t.test.paired.difference.mean for t in found.tests] == pytest.approx([1, 1])
    assert found.table.conditions == ["noise-15", "text"]
    assert list(compare_runs([new, new], methods=["net", "other"]).table.methods) == [
        "net",
        "other",
    ]
    with pytest.raises(InputError, match="did you mean 'net'"):
        compare_runs([old, new], methods=["nett"])
    with pytest.raises(UsageError, match="no metric 'vif'"):
        compare_runs([old, new], metrics=["vif"])


def test_what_does_not_go_together_is_refused(
    runs: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    truth, old, new = runs
    scores = saved(tmp_path / "saved", 0.0)
    for places, options, words in (
        ([old], {"reference": truth}, "two runs or more"),
        ([old, new], {}, "--ref"),
        ([old, scores], {"reference": truth}, "one kind"),
        ([scores, scores], {"reference": truth}, "neither --ref"),
        ([scores, scores], {"methods": ["a", "b", "c"]}, "3 methods for 2 runs"),
        ([old, new], {"reference": truth, "methods": ["a"]}, "belongs to saved scores"),
        ([old, new], {"reference": truth, "metrics": ["pnsr"]}, "psnr"),
    ):
        with pytest.raises(UsageError, match=words):
            compare_runs(places, **options)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such file"):
        compare_runs([old, tmp_path / "none"], truth)


def invoke(*words: object) -> tuple[str, str]:
    result = CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout, result.stderr


def test_command_prints_tests_and_writes_a_page(runs: tuple[Path, Path, Path]) -> None:
    truth, old, new = runs
    write(new, "extra.png", 0)
    spread = Picture(np.full((3, 24, 32), 0.02, "f4"), None, "float32")
    write_picture(new / "a.std.tif", spread)  # a companion, no picture of its own
    page = truth.parent / "page.html"
    out, err = invoke(old, new, "--ref", truth, "-v", "--report", page)
    assert "new - old" in out and "p Wilcoxon" in out and "f.png" in out
    assert "1 without reference, not scored: extra.png" in err
    text = page.read_text()
    assert text.index('id="item-1"') < text.index("<h3>f.png") < text.index("<h3>a.png")
    for words in ("error of old", "error of new", "standard deviation, 0 to 0.02", "old | new"):
        assert words in text
    with pytest.raises(UsageError, match="--overwrite"):
        invoke(old, new, "--ref", truth, "--report", page)
    lines = invoke(old, new, "--ref", truth, "--json")[0].splitlines()
    kinds = [json.loads(line)["record"] for line in lines]
    assert kinds.count("test") == 2 and kinds.count("difference") == 6


def test_pictures_that_cannot_be_scored_are_told(runs: tuple[Path, Path, Path]) -> None:
    truth, old, new = runs
    (new / "b.png").write_bytes(b"no picture")
    with pytest.raises(PartialFailure, match=r"1 of 12 scores failed.*b\.png"):
        invoke(old, new, "--ref", truth)
