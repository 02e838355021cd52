"""The suite: its rows degrade as they say, and it never measures a score twice."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from undrift.common.errors import UsageError
from undrift.common.metrics.score_store import SCORES, item_records
from undrift.restoration import suite_run
from undrift.restoration.baselines import baseline
from undrift.restoration.method import Method
from undrift.restoration.protocols import Condition
from undrift.restoration.protocols_blind import Camera, Jpeg, UnknownSmall
from undrift.restoration.scoring_cli import benchmark as command
from undrift.restoration.suite import ENOUGH, ROWS, grey, rows_named, taking_part
from undrift.restoration.suite_run import run_suite


def picture(channels: int = 3, height: int = 64, width: int = 72) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width] / height
    waves = [0.5 + 0.3 * np.sin(9 * rows + k) * np.cos(7 * columns) for k in range(channels)]
    return (np.round(255 * np.stack(waves)) / 255).astype("f4")


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_degrades_alike_and_its_methods_exist(row: suite_run.Row) -> None:
    for name in row.baselines:
        assert baseline(name, row.task).task == row.task
    clean, degraded = row.pair(picture(), seed=0, item="a")
    again = row.pair(picture(), seed=0, item="a")[1]
    np.testing.assert_array_equal(degraded, again)
    assert clean.shape[0] == degraded.shape[0] == (1 if row.pictures == "grey" else 3)
    json.dumps(row.record())
    drawn = row.task not in ("sr", "jpeg")
    for seed, item in ((1, "a"), (0, "b")):
        other = row.pair(picture(), seed=seed, item=item)[1]
        same = other.shape == degraded.shape and np.array_equal(other, degraded)
        assert same != drawn


def test_rows_are_asked_for_by_name() -> None:
    assert [row.name for row in rows_named(["text", "blur", "text"])] == ["text", "blur"]
    assert len(rows_named(None)) == len(ROWS) == len({row.label for row in ROWS.values()})
    with pytest.raises(UsageError, match="did you mean 'camera'"):
        rows_named(["camra"])


def test_rows_in_colour_use_coloured_pictures_where_these_are_enough() -> None:
    few = {f"c{k}": 3 for k in range(ENOUGH - 1)} | {"g": 1}
    many = few | {"c": 3}
    assert taking_part(ROWS["noise-15"], few) == list(few)
    assert taking_part(ROWS["noise-15"], many) == [name for name in many if name != "g"]
    assert taking_part(ROWS["grey-15"], many) == taking_part(ROWS["sr-x2"], many) == list(many)


def test_grey_is_the_luma_that_pillow_makes() -> None:
    eight = np.round(255 * picture()).astype(np.uint8)
    theirs = np.asarray(Image.fromarray(eight.transpose(1, 2, 0)).convert("L"), dtype=int)
    ours = np.round(255 * grey(picture())[0]).astype(int)
    assert np.abs(ours - theirs).max() <= 1  # Pillow rounds its weights to 16 bits
    assert (ours != theirs).mean() < 0.01


def test_camera_noise_grows_with_the_light_and_has_no_bias() -> None:
    for level in (0.1, 0.8):
        flat = np.full((1, 300, 300), level, "f4")
        _, y = Camera(30, 4).pair(flat, seed=0, item="a")
        variance = level / 30 + (4 / 255) ** 2
        assert y.mean() == pytest.approx(level, abs=5 * math.sqrt(variance) / 300)
        assert y.var() == pytest.approx(variance, rel=0.03)


def test_jpeg_is_what_pillow_reads_back() -> None:
    eight = np.round(255 * picture()).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(eight.transpose(1, 2, 0)).save(file, "JPEG", quality=20, subsampling="4:2:0")
    theirs = np.asarray(Image.open(file), dtype=float).transpose(2, 0, 1)
    np.testing.assert_allclose(
        255 * Jpeg(20).pair(picture(), seed=0, item="")[1], theirs, atol=1e-4
    )


def test_small_pictures_of_unknown_history_are_replayed_from_their_record() -> None:
    from undrift.restoration.chains.chain import replayed

    case = UnknownSmall("real-esrgan")
    clean, small = case.pair(picture(3, 67, 73), seed=3, item="a")
    assert clean.shape == (3, 64, 72) and small.shape == (3, 16, 18)
    record = json.loads(json.dumps(case.chain((64, 72), seed=3, item="a").record()))
    np.testing.assert_array_equal(replayed(record)(clean), small)


def test_scales_that_are_not_whole_follow_the_rule_of_matlab() -> None:
    case = Condition("sr", scale=3.5)
    clean, small = case.pair(picture(1, 64, 72), seed=0, item="")
    assert clean.shape == (1, 64, 72) and small.shape == (1, 19, 21)  # ceil(64 / 3.5) = 19
    assert (case.name, case.crop_border) == ("x3.5", 4)
    rows = np.arange(19)[:, None] * np.ones((1, 21))
    line = (0.02 * rows)[None].astype("f4")  # the slope of output pixel i is at (i + 1/2) / s - 1/2
    expected = 0.02 * ((np.arange(67) + 0.5) / 3.5 - 0.5)
    for name in ("bicubic", "lanczos"):
        large = baseline(name, "sr")(line, scale=3.5)
        assert large.shape == (1, 67, 74)
        np.testing.assert_allclose(large[0, 14:-14, 30], expected[14:-14], atol=1e-3)
    table = run_suite([("a", picture())], rows=["sr-x3.5"], methods=["lanczos"])
    assert table.values("lanczos", "sr-x3.5", "psnr")["a"] > 30


@pytest.mark.parametrize("name", ["tv", "wavelet", "nlm", "tv-oracle"])
def test_removers_of_even_noise_gain_much_behind_anscombe(name: str) -> None:
    case = Camera()
    clean, y = case.pair(picture(1, 96, 96), seed=0, item="a")
    restored = baseline(name, "camera")(
        y, known=case.known((96, 96), seed=0, item="a"), reference=clean
    )
    assert np.square(restored - clean).mean() < 0.2 * np.square(y - clean).mean()
    assert abs(float((restored - clean).mean())) < 0.005  # without bias


class Counting:
    """A remover that counts its calls."""

    def __init__(self, kind: str = "baseline") -> None:
        self.calls = 0
        self.kind, self.error = kind, False

    def __call__(self, name: str, task: str, options: object, seed: int) -> Method:
        def restore(y: np.ndarray, value: object, **_: object) -> np.ndarray:
            self.calls += 1
            if self.error:
                raise ValueError("no")
            return 0.9 * y + 0.05

        return Method(name, task, restore, "counts", self.kind)


def test_what_is_measured_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    monkeypatch.setattr(suite_run, "find_method", counting)
    photos = [("a", picture()), ("b", picture(1))]

    def run(**settings: object) -> object:
        wanted = {"rows": ["grey-15", "text"], "methods": ["tv", "nearest"], **settings}
        return run_suite(photos, save=tmp_path, **wanted)  # type: ignore[arg-type]

    first = run()
    assert counting.calls == 4  # tv on grey-15, nearest on text, two pictures each
    again = run()
    assert counting.calls == 4 and again.scores == first.scores  # type: ignore[attr-defined]
    run(rows=["text", "scratches"], methods=["nearest"])
    assert counting.calls == 6
    run(seed=1, rows=["text"], methods=["nearest"])
    assert counting.calls == 8
    photos[0] = ("a", 1 - picture())  # another picture of the same name
    run()
    assert counting.calls == 10
    run(fresh=True)
    assert counting.calls == 14


def test_lines_cut_by_an_interruption_and_failures_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    monkeypatch.setattr(suite_run, "find_method", counting)
    photos = [("a", picture()), ("b", picture(1))]
    settings = {"rows": ["text"], "methods": ["nearest"], "save": tmp_path}
    counting.error = True
    assert len(run_suite(photos, **settings).failed) == 2  # type: ignore[arg-type]
    counting.error = False
    assert not run_suite(photos, **settings).failed  # type: ignore[arg-type]
    assert counting.calls == 4
    path = tmp_path / SCORES
    path.write_bytes(path.read_bytes()[:-40])
    run_suite(photos, **settings)  # type: ignore[arg-type]
    assert counting.calls == 5
    good = [record for record in item_records(path) if not record["error"]]
    assert [record["item"] for record in good] == ["a", "b"]


def test_other_weights_are_measured_again_and_baselines_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, model, plain = tmp_path / "w.safetensors", Counting("model"), Counting()
    weights.write_bytes(b"one")
    monkeypatch.setattr("undrift.common.weights.model.find_weights", lambda name: weights)

    def find(name: str, task: str, options: object, seed: int) -> Method:
        return (model if name == "model" else plain)(name, task, options, seed)

    monkeypatch.setattr(suite_run, "find_method", find)

    def run() -> None:
        run_suite([("a", picture())], rows=["text"], methods=["model", "nearest"], save=tmp_path)

    run()
    run()
    assert (model.calls, plain.calls) == (1, 1)
    weights.write_bytes(b"two")
    run()
    assert (model.calls, plain.calls) == (2, 1)


def test_methods_that_cannot_run_are_left_out_with_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "bm3d", None)
    said: list[str] = []
    table = run_suite(
        [("a", picture(1))], rows=["grey-15"], methods=["bm3d", "wavelet"], note=said.append
    )
    assert table.methods == {"wavelet": "baseline"}
    assert len(said) == 1 and "undrift[baselines]" in said[0]
    every = run_suite([("a", picture(1))], rows=["text"], methods=["baselines"])
    assert list(every.methods) == list(ROWS["text"].baselines)
    with pytest.raises(UsageError, match="no row asked for has the method 'nearest'"):
        run_suite([("a", picture(1))], rows=["grey-15"], methods=["nearest"])


def invoke(*words: str) -> str:
    result = CliRunner().invoke(command, list(words), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_command_prints_rows_keeps_scores_and_refuses_what_is_not_its_own(tmp_path: Path) -> None:
    words = ["skimage-photos", "--task", "all", "--items", "page", "--save", str(tmp_path), "-q"]
    words += ["--rows", "text,missing-30", "--method", "nearest,masked"]
    assert "missing-30  1" in invoke(*words)
    lines = (tmp_path / SCORES).read_text()
    records = [json.loads(line) for line in invoke(*words, "--json").splitlines()]
    assert (tmp_path / SCORES).read_text() == lines
    assert [record["record"] for record in records] == ["table", *["row"] * 2, *["method"] * 4]
    assert records[1]["best"]["method"] == "nearest" and records[1]["ours"] is None
    page = tmp_path / "page.html"
    invoke(*words, "--report", str(page))
    assert "text written over" in page.read_text()
    with pytest.raises(UsageError, match="--overwrite"):
        invoke(*words, "--report", str(page))
    with pytest.raises(UsageError, match="--rows to all"):
        invoke("skimage-photos", "--task", "sr", "--rows", "text")
    with pytest.raises(UsageError, match="--method model:NAME"):
        invoke("skimage-photos", "--task", "all", "--model", "leaves-sr")
